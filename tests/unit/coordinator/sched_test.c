// The scheduler told event by event, by hand: each rule alone. All of them together are in tests/sim.
#include "coordinator/scheduler.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { A = 7, B = 8, SILENCE_MS = 2500, DEADLINE_MS = 60000 };

static kt_sched_t  *sched;
static kt_actions_t out;
static int64_t      now_ms;
static char         tags[64], payloads[8];

static void
open_sched(void)
{
    kt_sched_opts_t opts = {.batch_size       = 4,
                            .max_attempts     = 3,
                            .window           = 100,
                            .node_silence_ms  = SILENCE_MS,
                            .job_deadline_ms  = DEADLINE_MS,
                            .claim_idle_ms    = 1000,
                            .black_hole_count = 3};
    now_ms               = 1000;
    cr_assert_eq(kt_sched_new(&sched, &opts), KT_OK);
}

static void
close_sched(void)
{
    kt_sched_check(sched);
    kt_sched_destroy(&sched);
    kt_sched_destroy(&sched);  // idempotent
    kt_actions_fini(&out);
}

TestSuite(sched, .init = open_sched, .fini = close_sched);

static void
tell(kt_event_t event)
{
    cr_assert_eq(kt_sched_step(sched, &event, now_ms, &out), KT_OK);
    kt_sched_check(sched);
}

static size_t
count(kt_action_type_t type)
{
    size_t n = 0;
    for (size_t i = 0; i < out.n; i++)
        n += out.at[i].type == type;
    return n;
}

static const kt_action_t *
one(kt_action_type_t type)
{
    cr_assert_eq(count(type), 1, "%zu actions of type %d", count(type), type);
    for (size_t i = 0;; i++)
        if (out.at[i].type == type)
            return &out.at[i];
}

static kt_run_id_t
job(uint64_t number)
{
    return (kt_run_id_t){number, 1};
}

static void
hello_as(kt_node_handle_t node, const char *name, uint64_t incarnation)
{
    tell((kt_event_t){.type = KT_EV_HELLO, .node = node, .hello = {name, incarnation, 2, false}});
}

static void
beat(kt_node_handle_t node, uint64_t seen, uint32_t free_slots, const kt_held_t *held, size_t n)
{
    tell((kt_event_t){.type = KT_EV_BEAT, .node = node, .beat = {seen, free_slots, false, held, n, NULL, 0}});
}

static void
claimed_with(uint64_t first, size_t n, uint32_t attempts, uint32_t crashes)
{
    kt_sched_job_t jobs[64];
    for (size_t i = 0; i < n; i++)
        jobs[i] = (kt_sched_job_t){job(first + i), attempts, crashes, 10, &tags[first + i]};
    tell((kt_event_t){.type = KT_EV_CLAIMED, .jobs = {jobs, n}});
}

static void
word(kt_event_type_t type, kt_node_handle_t node, uint64_t number, uint32_t attempt, kt_err_t err)
{
    void *tag = type == KT_EV_STARTED ? NULL : &payloads[node - A];
    tell((kt_event_t){.type = type, .node = node, .id = job(number), .attempt = attempt, .err = err, .tag = tag});
}

static void
stored(uint64_t number, kt_stored_t how, bool failure)
{
    tell((kt_event_t){.type = KT_EV_STORED, .id = job(number), .stored = {how, failure}});
}

static void
tick_after(int64_t ms)
{
    for (int64_t until = now_ms + ms; now_ms < until;) {
        now_ms = now_ms + 250 < until ? now_ms + 250 : until;
        if (now_ms < until)
            tell((kt_event_t){.type = KT_EV_TICK});
    }
    tell((kt_event_t){.type = KT_EV_TICK});
}

// One node with credit for two, one job sent to it.
static void
one_sent(void)
{
    tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    hello_as(A, "alpha", 1);
    beat(A, 0, 2, NULL, 0);
    claimed_with(1, 1, 0, 0);
    cr_assert_eq(one(KT_ACT_SEND)->node, A);
}

static kt_sched_view_t
view(void)
{
    kt_sched_view_t seen;
    kt_sched_view(sched, &seen);
    return seen;
}

Test(sched, nothing_is_claimed_without_a_lease)
{
    tell((kt_event_t){.type = KT_EV_WORK});
    cr_assert_eq(out.n, 0);
    tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    cr_assert_eq(one(KT_ACT_CLAIM)->count, 4);
}

Test(sched, one_claim_is_in_flight_at_a_time)
{
    tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    tell((kt_event_t){.type = KT_EV_WORK});
    cr_assert_eq(count(KT_ACT_CLAIM), 0);
}

Test(sched, an_empty_ledger_is_asked_again_after_a_while_or_when_work_comes)
{
    tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    claimed_with(1, 0, 0, 0);
    tell((kt_event_t){.type = KT_EV_TICK});
    cr_assert_eq(count(KT_ACT_CLAIM), 0);
    tell((kt_event_t){.type = KT_EV_WORK});
    cr_assert_eq(count(KT_ACT_CLAIM), 1);
    claimed_with(1, 0, 0, 0);
    tick_after(1000);
    cr_assert_eq(count(KT_ACT_CLAIM), 1);
}

Test(sched, work_that_comes_while_a_claim_is_in_flight_is_not_missed)
{
    tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    tell((kt_event_t){.type = KT_EV_WORK});
    claimed_with(1, 0, 0, 0);
    cr_assert_eq(count(KT_ACT_CLAIM), 1);
}

Test(sched, a_result_goes_to_the_ledger_and_is_acknowledged_only_then)
{
    one_sent();
    word(KT_EV_STARTED, A, 1, 1, KT_OK);
    cr_assert_eq(view().running, 1);
    word(KT_EV_RESULT, A, 1, 1, KT_OK);
    cr_assert_eq(one(KT_ACT_STORE)->tag, &payloads[0]);
    cr_assert_eq(count(KT_ACT_ACK), 0);
    stored(1, KT_STORED_NEW, false);
    cr_assert_eq(one(KT_ACT_ACK)->node, A);
    cr_assert_eq(count(KT_ACT_DROP), 2);
    cr_assert_eq(view().storing, 0);
}

Test(sched, a_node_is_never_sent_more_than_it_said_it_can_take)
{
    tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    hello_as(A, "alpha", 1);
    beat(A, 0, 3, NULL, 0);
    claimed_with(1, 10, 0, 0);
    size_t sent = 0;
    for (size_t i = 0; i < out.n; i++)
        sent += out.at[i].type == KT_ACT_SEND ? out.at[i].count : 0;
    cr_assert_eq(sent, 3);
    beat(A, 0, 3, NULL, 0);  // from before the batches arrived
    cr_assert_eq(count(KT_ACT_SEND), 0);
}

Test(sched, a_costly_file_travels_alone)
{
    kt_sched_job_t jobs[5] = {{job(1), 0, 0, 5000, &tags[1]},
                              {job(2), 0, 0, 10, &tags[2]},
                              {job(3), 0, 0, 10, &tags[3]},
                              {job(4), 0, 0, 10, &tags[4]},
                              {job(5), 0, 0, 10, &tags[5]}};
    tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    tell((kt_event_t){.type = KT_EV_CLAIMED, .jobs = {jobs, 5}});
    hello_as(A, "alpha", 1);
    beat(A, 0, 5, NULL, 0);
    cr_assert_eq(out.at[0].type, KT_ACT_SEND);
    cr_assert_eq(out.at[0].count, 1);
    cr_assert_eq(out.jobs[0].id.job, 1);
}

Test(sched, batches_are_numbered_above_what_the_node_has_seen)
{
    tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    hello_as(A, "alpha", 1);
    beat(A, 41, 2, NULL, 0);
    claimed_with(1, 1, 0, 0);
    cr_assert_eq(one(KT_ACT_SEND)->batch, 42);
}

Test(sched, a_failure_that_may_pass_is_blamed_and_tried_again)
{
    one_sent();
    word(KT_EV_FAILED, A, 1, 1, KT_EIO);
    const kt_action_t *blame = one(KT_ACT_BLAME);
    cr_assert_eq(blame->attempt, 1);
    cr_assert_str_eq(blame->node_name, "alpha");
    cr_assert_eq(count(KT_ACT_ACK), 1);
    cr_assert_eq(count(KT_ACT_DROP), 1);
    one(KT_ACT_SEND);
    cr_assert_eq(out.jobs[0].attempt, 2);
}

Test(sched, the_last_permitted_failure_is_final_and_keeps_the_nodes_document)
{
    one_sent();
    word(KT_EV_FAILED, A, 1, 1, KT_EIO);
    word(KT_EV_FAILED, A, 1, 2, KT_EIO);
    word(KT_EV_FAILED, A, 1, 3, KT_EIO);
    const kt_action_t *fail = one(KT_ACT_FAIL);
    cr_assert_eq(fail->err, KT_EIO);
    cr_assert_eq(fail->tag, &payloads[0]);
    cr_assert_eq(count(KT_ACT_ACK), 0);
    stored(1, KT_STORED_NEW, true);
    cr_assert_eq(count(KT_ACT_ACK), 1);
    cr_assert_eq(count(KT_ACT_DROP), 2);
}

Test(sched, a_rejected_file_fails_at_once)
{
    one_sent();
    word(KT_EV_FAILED, A, 1, 1, KT_EFORMAT);
    cr_assert_eq(one(KT_ACT_FAIL)->err, KT_EFORMAT);
    cr_assert_eq(count(KT_ACT_BLAME), 0);
}

Test(sched, an_old_failure_is_acknowledged_and_changes_nothing)
{
    one_sent();
    word(KT_EV_FAILED, A, 1, 1, KT_EIO);
    word(KT_EV_FAILED, A, 1, 1, KT_EIO);
    cr_assert_eq(count(KT_ACT_BLAME), 0);
    cr_assert_eq(count(KT_ACT_ACK), 1);
    cr_assert_eq(count(KT_ACT_DROP), 1);
    cr_assert_eq(view().sent, 1);
}

Test(sched, a_full_node_blames_nobody)
{
    one_sent();
    word(KT_EV_FAILED, A, 1, 1, KT_EFULL);
    cr_assert_eq(count(KT_ACT_BLAME), 0);
    cr_assert_eq(count(KT_ACT_SEND), 0);
    cr_assert_eq(view().ready, 1);
}

Test(sched, what_had_begun_on_a_lost_node_is_blamed_and_runs_alone_next)
{
    one_sent();
    word(KT_EV_STARTED, A, 1, 1, KT_OK);
    tick_after(SILENCE_MS);
    cr_assert_eq(one(KT_ACT_BLAME)->err, KT_ENODELOST);
    hello_as(B, "beta", 1);
    beat(B, 0, 4, NULL, 0);
    cr_assert(one(KT_ACT_SEND)->solo);
}

Test(sched, what_had_not_begun_on_a_lost_node_is_not_blamed)
{
    one_sent();
    tick_after(SILENCE_MS);
    cr_assert_eq(count(KT_ACT_BLAME), 0);
    cr_assert_eq(view().ready, 1);
}

Test(sched, lost_twice_without_a_word_makes_a_suspect)
{
    one_sent();
    for (uint64_t incarnation = 2; incarnation <= 3; incarnation++) {
        hello_as(A, "alpha", incarnation);
        beat(A, 0, 2, NULL, 0);
        cr_assert_eq(one(KT_ACT_SEND)->solo, incarnation == 3);
    }
}

Test(sched, a_goodbye_blames_nobody)
{
    one_sent();
    word(KT_EV_STARTED, A, 1, 1, KT_OK);
    tell((kt_event_t){.type = KT_EV_GONE, .node = A});
    cr_assert_eq(count(KT_ACT_BLAME), 0);
    cr_assert_eq(view().ready, 1);
}

Test(sched, a_suspect_is_spared_when_others_were_likelier)
{
    tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    hello_as(A, "alpha", 1);
    beat(A, 0, 4, NULL, 0);
    claimed_with(1, 1, 1, 1);
    cr_assert(one(KT_ACT_SEND)->solo);
    claimed_with(2, 1, 0, 0);
    word(KT_EV_STARTED, A, 1, 2, KT_OK);
    word(KT_EV_STARTED, A, 2, 1, KT_OK);
    hello_as(A, "alpha", 2);
    cr_assert_eq(one(KT_ACT_BLAME)->id.job, 2);
}

Test(sched, a_suspect_that_was_spared_twice_gets_a_node_to_itself)
{
    tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    claimed_with(1, 1, 1, 1);
    for (uint32_t life = 1; life <= 3; life++) {
        hello_as(A, "alpha", life);
        beat(A, 0, 4, NULL, 0);
        claimed_with(1 + life, life < 3, 0, 0);
        word(KT_EV_STARTED, A, 1, 1 + life, KT_OK);
    }
    claimed_with(9, 1, 0, 0);  // waits, although there is credit, and so do those that were returned
    cr_assert_eq(count(KT_ACT_SEND), 0);
    cr_assert_eq(view().running, 1);
    word(KT_EV_RESULT, A, 1, 4, KT_OK);
    cr_assert_geq(count(KT_ACT_SEND), 1);
}

Test(sched, one_suspect_at_a_time_on_a_node)
{
    tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    hello_as(A, "alpha", 1);
    beat(A, 0, 4, NULL, 0);
    claimed_with(1, 2, 1, 1);
    cr_assert_eq(one(KT_ACT_SEND)->count, 1);
    cr_assert_eq(view().ready, 1);
}

Test(sched, crashes_of_different_files_in_a_row_drain_the_node)
{
    tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    for (uint64_t i = 1; i <= 3; i++) {
        hello_as(A, "alpha", i);
        beat(A, 0, 1, NULL, 0);
        claimed_with(i, 1, 0, 0);
        word(KT_EV_FAILED, A, i, 1, KT_ECRASH);
    }
    cr_assert_str_eq(one(KT_ACT_DRAIN)->node_name, "alpha");
    beat(A, 9, 4, NULL, 0);
    claimed_with(10, 1, 0, 0);
    cr_assert_eq(count(KT_ACT_SEND), 0);
    tell((kt_event_t){.type = KT_EV_DRAIN, .drain = {"alpha", false}});
    cr_assert_eq(count(KT_ACT_SEND), 1);
}

Test(sched, our_own_pause_kills_no_node_and_checks_the_lease)
{
    one_sent();
    now_ms += 60000;
    tell((kt_event_t){.type = KT_EV_TICK});
    cr_assert_eq(count(KT_ACT_CHECK_LEASE), 1);
    cr_assert_eq(view().nodes_live, 1);
    tick_after(SILENCE_MS);
    cr_assert_eq(view().nodes_live, 0);
}

Test(sched, an_item_missing_from_two_beats_is_sent_again)
{
    one_sent();
    beat(A, 1, 2, NULL, 0);
    cr_assert_eq(count(KT_ACT_SEND), 0);
    now_ms += 900;
    beat(A, 1, 2, NULL, 0);
    cr_assert_eq(count(KT_ACT_BLAME), 0);
    one(KT_ACT_SEND);
    cr_assert_eq(out.jobs[0].attempt, 2);
}

Test(sched, what_a_node_holds_from_before_our_time_is_ours_when_claimed)
{
    kt_held_t held = {job(1), 1, true};
    tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    hello_as(A, "alpha", 1);
    beat(A, 0, 1, &held, 1);
    claimed_with(1, 1, 0, 0);
    cr_assert_eq(count(KT_ACT_SEND), 0);
    cr_assert_eq(view().running, 1);
}

Test(sched, a_node_that_comes_back_goes_on_with_what_is_waiting)
{
    kt_held_t held = {job(1), 1, false};
    one_sent();
    tick_after(SILENCE_MS);
    hello_as(A, "alpha", 1);
    beat(A, 1, 1, &held, 1);
    cr_assert_eq(count(KT_ACT_SEND), 0);
    cr_assert_eq(view().sent, 1);
}

Test(sched, what_is_held_but_runs_elsewhere_is_cancelled)
{
    kt_held_t held = {job(1), 1, true};
    one_sent();
    hello_as(B, "beta", 1);
    beat(B, 0, 1, &held, 1);
    cr_assert_eq(one(KT_ACT_CANCEL)->node, B);
}

Test(sched, a_success_from_elsewhere_wins_and_cancels)
{
    one_sent();
    hello_as(B, "beta", 1);
    word(KT_EV_RESULT, B, 1, 9, KT_OK);
    cr_assert_eq(one(KT_ACT_CANCEL)->node, A);
    cr_assert_eq(count(KT_ACT_STORE), 1);
    word(KT_EV_RESULT, A, 1, 1, KT_OK);
    cr_assert_eq(one(KT_ACT_DROP)->tag, &payloads[0]);
    stored(1, KT_STORED_NEW, false);
    cr_assert_eq(count(KT_ACT_ACK), 2);
}

Test(sched, a_strangers_success_is_stored_and_a_strangers_failure_asked_for_again)
{
    word(KT_EV_RESULT, A, 1, 1, KT_OK);
    cr_assert_eq(count(KT_ACT_WHO), 1);
    cr_assert_eq(count(KT_ACT_STORE), 1);
    word(KT_EV_FAILED, B, 2, 1, KT_EIO);
    cr_assert_eq(count(KT_ACT_WHO), 1);
    cr_assert_eq(count(KT_ACT_ACK), 0);
    cr_assert_eq(one(KT_ACT_DROP)->tag, &payloads[1]);
    stored(1, KT_STORED_ALREADY, false);
    cr_assert_eq(count(KT_ACT_ACK), 1);
}

Test(sched, a_success_that_cannot_be_stored_becomes_the_nodes_failure)
{
    one_sent();
    word(KT_EV_RESULT, A, 1, 1, KT_OK);
    stored(1, KT_STORED_BAD_DATA, false);
    cr_assert_eq(one(KT_ACT_NACK)->err, KT_EBADDATA);
    word(KT_EV_FAILED, A, 1, 1, KT_EBADDATA);
    cr_assert_eq(one(KT_ACT_FAIL)->err, KT_EBADDATA);
    stored(1, KT_STORED_BAD_DATA, true);
    cr_assert_null(one(KT_ACT_FAIL)->tag);
    stored(1, KT_STORED_BAD_DATA, true);
    cr_assert_eq(count(KT_ACT_RELEASE), 1);
}

Test(sched, a_ledger_that_comes_back_is_asked_again_for_what_is_unanswered)
{
    one_sent();
    tell((kt_event_t){.type = KT_EV_LEDGER_DOWN});
    word(KT_EV_RESULT, A, 1, 1, KT_OK);
    cr_assert_eq(count(KT_ACT_STORE), 0);
    tell((kt_event_t){.type = KT_EV_LEDGER_UP});
    cr_assert_eq(count(KT_ACT_STORE), 1);
    cr_assert_eq(count(KT_ACT_CLAIM), 1);
    tell((kt_event_t){.type = KT_EV_COMMIT_UNKNOWN, .id = job(1)});
    cr_assert_eq(count(KT_ACT_STORE), 1);
}

Test(sched, a_lost_lease_forgets_what_waits_and_keeps_what_is_on_its_way)
{
    one_sent();
    claimed_with(2, 3, 0, 0);
    word(KT_EV_RESULT, A, 1, 1, KT_OK);
    tell((kt_event_t){.type = KT_EV_LEASE_LOST});
    cr_assert_eq(view().ready, 0);
    cr_assert_eq(view().storing, 1);
    cr_assert_eq(count(KT_ACT_DROP), 4);
    cr_assert_eq(count(KT_ACT_RELEASE), 0);
}

Test(sched, a_cancelled_job_is_stopped_and_its_late_failure_dropped)
{
    one_sent();
    tell((kt_event_t){.type = KT_EV_CANCEL, .id = job(1)});
    cr_assert_eq(one(KT_ACT_CANCEL)->node, A);
    cr_assert_eq(one(KT_ACT_DROP)->tag, &tags[1]);
    word(KT_EV_FAILED, A, 1, 1, KT_ECANCELLED);
    cr_assert_eq(count(KT_ACT_ACK), 1);
    cr_assert_eq(count(KT_ACT_DROP), 1);
}

Test(sched, an_attempt_past_its_deadline_is_cancelled_and_blamed)
{
    kt_held_t held = {job(1), 1, true};
    one_sent();
    word(KT_EV_STARTED, A, 1, 1, KT_OK);
    for (int64_t until = now_ms + DEADLINE_MS; now_ms < until;) {
        now_ms += 500;
        beat(A, 1, 1, &held, 1);
    }
    cr_assert_eq(count(KT_ACT_CANCEL), 1);
    cr_assert_eq(one(KT_ACT_BLAME)->err, KT_ETIME);
}

Test(sched, two_processes_of_one_name_live_side_by_side)
{
    hello_as(A, "alpha", 1);
    hello_as(B, "alpha", 2);
    cr_assert_eq(view().nodes_live, 2);
    now_ms += SILENCE_MS / 2 - 1;
    hello_as(A, "alpha", 1);
    now_ms += 1;
    hello_as(9, "alpha", 3);  // B is silent: it is the one that was restarted
    cr_assert_eq(view().nodes_live, 2);
}

Test(sched, the_same_process_on_a_new_connection_keeps_its_work)
{
    one_sent();
    hello_as(B, "alpha", 1);
    cr_assert_eq(view().nodes_live, 1);
    cr_assert_eq(view().sent, 1);
    word(KT_EV_RESULT, B, 1, 1, KT_OK);
    stored(1, KT_STORED_NEW, false);
    cr_assert_eq(one(KT_ACT_ACK)->node, B);
}

Test(sched, a_kept_result_that_does_not_come_is_asked_for)
{
    kt_run_id_t kept = job(5);
    hello_as(A, "alpha", 1);
    for (int i = 0; i < 2; i++) {
        now_ms += 1000;
        tell((kt_event_t){.type = KT_EV_BEAT, .node = A, .beat = {.free = 1, .kept = &kept, .n_kept = 1}});
    }
    cr_assert_eq(count(KT_ACT_WHO), 1);
}

static size_t freed;
static void
count_tag(void *tag)
{
    (void)tag;
    freed++;
}

Test(sched, every_tag_comes_back_at_the_end)
{
    one_sent();
    claimed_with(2, 5, 0, 0);
    word(KT_EV_RESULT, A, 1, 1, KT_OK);
    kt_sched_drain_tags(sched, count_tag);
    cr_assert_eq(freed, 7);
}

Test(sched, a_view_names_the_state_of_each_node)
{
    kt_node_view_t seen;
    one_sent();
    cr_assert_eq(kt_sched_nodes(sched, now_ms, &seen, 1), 1);
    cr_assert_str_eq(seen.state, "live");
    tick_after(SILENCE_MS);
    cr_assert_eq(kt_sched_nodes(sched, now_ms, &seen, 1), 1);
    cr_assert_str_eq(seen.state, "lost");
}
