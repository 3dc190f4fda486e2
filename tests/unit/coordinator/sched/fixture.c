#include "tests/unit/coordinator/sched/fixture.h"

#include <criterion/criterion.h>

kt_sched_t  *sched_under_test;
kt_actions_t sched_out;
int64_t      sched_now_ms;
char         sched_tags[64], sched_payloads[8];

void
open_sched(void)
{
    kt_sched_opts_t opts = {.batch_size       = 4,
                            .max_attempts     = 3,
                            .window           = 100,
                            .node_silence_ms  = SILENCE_MS,
                            .job_deadline_ms  = DEADLINE_MS,
                            .claim_idle_ms    = 1000,
                            .black_hole_count = 3,
                            .slots_max        = 64,
                            .wait_ms          = WAIT_MS,
                            .stall_ms         = STALL_MS,
                            .proof_ms         = PROOF_MS};
    sched_now_ms         = 1000;
    cr_assert_eq(kt_sched_new(&sched_under_test, &opts), KT_OK);
}

void
close_sched(void)
{
    kt_sched_check(sched_under_test);
    kt_sched_destroy(&sched_under_test);
    kt_sched_destroy(&sched_under_test);  // idempotent
    kt_actions_fini(&sched_out);
}

void
sched_tell(kt_event_t event)
{
    cr_assert_eq(kt_sched_step(sched_under_test, &event, sched_now_ms, &sched_out), KT_OK);
    kt_sched_check(sched_under_test);
}

size_t
sched_count(kt_action_type_t type)
{
    size_t n = 0;
    for (size_t i = 0; i < sched_out.n; i++)
        n += sched_out.at[i].type == type;
    return n;
}

const kt_action_t *
sched_one(kt_action_type_t type)
{
    cr_assert_eq(sched_count(type), 1, "%zu actions of type %d", sched_count(type), type);
    for (size_t i = 0;; i++)
        if (sched_out.at[i].type == type)
            return &sched_out.at[i];
}

kt_run_id_t
sched_job(uint64_t number)
{
    return (kt_run_id_t){number, 1};
}

void
sched_hello_as(kt_node_handle_t node, const char *name, uint64_t incarnation)
{
    sched_tell((kt_event_t){.type = KT_EV_HELLO, .node = node, .hello = {name, incarnation, 2, false}});
}

void
sched_beat(kt_node_handle_t node, uint64_t seen, uint32_t free_slots, const kt_held_t *held, size_t n)
{
    sched_tell((kt_event_t){.type = KT_EV_BEAT, .node = node, .beat = {seen, free_slots, false, held, n, NULL, 0}});
}

void
sched_claimed_with(uint64_t first, size_t n, uint32_t attempts, uint32_t crashes)
{
    kt_sched_claim_t jobs[64];
    for (size_t i = 0; i < n; i++)
        jobs[i] = (kt_sched_claim_t){sched_job(first + i), attempts, crashes, 10, &sched_tags[first + i]};
    sched_tell((kt_event_t){.type = KT_EV_CLAIMED, .jobs = {jobs, n}});
}

void
sched_word(kt_event_type_t type, kt_node_handle_t node, uint64_t number, uint32_t attempt, kt_err_t err)
{
    void *tag = type == KT_EV_STARTED ? NULL : &sched_payloads[node - A];
    sched_tell(
        (kt_event_t){.type = type, .node = node, .id = sched_job(number), .attempt = attempt, .err = err, .tag = tag});
}

void
sched_stored(uint64_t number, kt_stored_t how, bool failure)
{
    sched_tell((kt_event_t){.type = KT_EV_STORED, .id = sched_job(number), .stored = {how, failure}});
}

void
sched_tick_after(int64_t ms)
{
    for (int64_t until = sched_now_ms + ms; sched_now_ms < until;) {
        sched_now_ms = sched_now_ms + 250 < until ? sched_now_ms + 250 : until;
        if (sched_now_ms < until)
            sched_tell((kt_event_t){.type = KT_EV_TICK});
    }
    sched_tell((kt_event_t){.type = KT_EV_TICK});
}

// One node with credit for two, one job sent to it.
void
sched_one_sent(void)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(A, "alpha", 1);
    sched_beat(A, 0, 2, NULL, 0);
    sched_claimed_with(1, 1, 0, 0);
    cr_assert_eq(sched_one(KT_ACT_SEND)->node, A);
}

kt_sched_view_t
sched_view(void)
{
    kt_sched_view_t seen;
    kt_sched_view(sched_under_test, &seen);
    return seen;
}
