// What a node says about its room is believed up to a bound; a node that keeps files without working on them loses
// them.
#include "tests/unit/coordinator/sched/fixture.h"

#include <criterion/criterion.h>
#include <string.h>

enum { SLOTS = 2, BELIEVED = 4 * SLOTS, MANY = 40 };  // SLOTS: of sched_hello_as

TestSuite(sched_credit, .init = open_sched, .fini = close_sched);

static uint32_t
sent_in_all(kt_node_handle_t node)
{
    uint32_t n = 0;
    for (size_t i = 0; i < sched_out.n; i++)
        n += sched_out.at[i].type == KT_ACT_SEND && sched_out.at[i].node == node ? sched_out.at[i].count : 0;
    return n;
}

static kt_node_view_t
view_of(kt_node_handle_t node)
{
    kt_node_view_t views[2];
    size_t         n = kt_sched_view_nodes(sched_under_test, sched_now_ms, views, 2);
    for (size_t i = 0; i < n; i++)
        if (views[i].handle == node)
            return views[i];
    cr_assert(false, "no such node");
    return views[0];
}

// Both nodes are heard, the first one with what it holds; `progress` is the first one's counter.
static void
seconds_pass(int64_t seconds, const kt_held_t *held, size_t n, uint64_t *progress)
{
    for (int64_t i = 0; i < seconds; i++) {
        sched_tick_after(1000);
        if (progress)
            sched_tell((kt_event_t){.type = KT_EV_LIVE, .node = A, .live = {++*progress}});
        sched_beat(A, 99, 0, held, n);
        if (sched_count(KT_ACT_TAKE_BACK))
            return;
        sched_tell((kt_event_t){.type = KT_EV_LIVE, .node = B, .live = {1}});
    }
}

static size_t
hold_what_was_sent(kt_held_t *held, bool started)
{
    size_t n = 0;
    for (size_t i = 0; i < sched_out.n_jobs; i++)
        held[n++] = (kt_held_t){sched_out.jobs[i].id, sched_out.jobs[i].attempt, started};
    return n;
}

Test(sched_credit, a_node_gets_a_few_files_per_slot_whatever_it_asks_for)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(A, "alpha", 1);
    sched_claimed_with(1, MANY, 0, 0);
    sched_beat(A, 0, UINT32_MAX, NULL, 0);
    cr_assert_eq(sent_in_all(A), BELIEVED);
    cr_assert_eq(view_of(A).credit, 0);
}

Test(sched_credit, what_it_ends_quickly_it_may_have_ahead)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(A, "alpha", 1);
    sched_claimed_with(1, MANY, 0, 0);
    sched_beat(A, 0, 100, NULL, 0);
    for (uint64_t job = 1; job <= BELIEVED; job++) {
        sched_word(KT_EV_RESULT, A, job, 1, KT_OK);
        sched_stored(job, KT_STORED_NEW, false);
    }
    cr_assert_eq(view_of(A).credit + view_of(A).held, 2 * BELIEVED, "one more for each, before the next BEAT");
    sched_beat(A, 99, 100, NULL, 0);
    cr_assert_eq(view_of(A).credit + view_of(A).held, 2 * BELIEVED);
}

Test(sched_credit, files_that_it_refuses_make_no_more_believable)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(A, "alpha", 1);
    sched_claimed_with(1, MANY, 0, 0);
    sched_beat(A, 0, 100, NULL, 0);
    for (uint64_t job = 1; job <= BELIEVED; job++)
        sched_word(KT_EV_FAILED, A, job, 1, KT_EAGAIN);
    cr_assert_leq(view_of(A).credit + view_of(A).held, BELIEVED);
    sched_beat(A, 99, 100, NULL, 0);
    cr_assert_leq(view_of(A).credit + view_of(A).held, 2 * BELIEVED);  // those of the BEAT are on their way
    cr_assert_leq(view_of(A).credit, BELIEVED);
}

Test(sched_credit, more_slots_than_the_setting_are_not_believed)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_tell((kt_event_t){.type = KT_EV_HELLO, .node = A, .hello = {"alpha", 1, UINT32_MAX, false}});
    cr_assert_eq(view_of(A).slots, 64);  // of the fixture
}

// Returns the number of files that alpha holds; beta has none.
static size_t
alpha_starts_two_beside_beta(kt_held_t held[MANY])
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(A, "alpha", 1);
    sched_hello_as(B, "beta", 2);
    sched_claimed_with(1, 2, 0, 0);
    sched_beat(A, 0, 2, NULL, 0);
    return hold_what_was_sent(held, true);
}

Test(sched_credit, what_waits_is_taken_back_when_another_node_is_idle)
{
    kt_held_t held[MANY];
    uint64_t  progress = 0;
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(A, "alpha", 1);
    sched_claimed_with(1, 4, 0, 0);
    sched_beat(A, 0, 100, NULL, 0);
    size_t n = hold_what_was_sent(held, false);
    cr_assert_eq(n, 4);
    held[0].started = held[1].started = true;
    sched_beat(A, 99, 0, held, n);
    sched_hello_as(B, "beta", 2);
    sched_beat(B, 0, 1, NULL, 0);  // one idle slot of two, as it says that it has room for one
    seconds_pass(WAIT_MS / 1000 + 1, held, n, &progress);
    cr_assert_not(sched_one(KT_ACT_TAKE_BACK)->on);
    cr_assert_eq(sched_one(KT_ACT_TAKE_BACK)->count, 2);
    cr_assert_eq(sent_in_all(B), 1);
    cr_assert_eq(sched_count(KT_ACT_BLAME), 0);
    cr_assert_eq(view_of(A).held, 2, "what it works on it keeps");
}

Test(sched_credit, what_waits_stays_where_no_other_node_is_idle)
{
    kt_held_t held[MANY];
    uint64_t  progress = 0;
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(A, "alpha", 1);
    sched_hello_as(B, "beta", 2);
    sched_claimed_with(1, 4, 0, 0);
    sched_beat(A, 0, 100, NULL, 0);
    size_t n        = hold_what_was_sent(held, false);
    held[0].started = true;
    sched_beat(B, 0, 0, NULL, 0);
    seconds_pass(WAIT_MS / 1000 + 5, held, n, &progress);
    cr_assert_eq(sched_count(KT_ACT_TAKE_BACK), 0);
}

Test(sched_credit, a_node_without_progress_loses_its_files_without_blame_and_gets_none)
{
    kt_held_t held[MANY];
    size_t    n = alpha_starts_two_beside_beta(held);
    sched_beat(A, 99, 0, held, n);
    seconds_pass(STALL_MS / 1000 + 1, held, n, NULL);
    cr_assert(sched_one(KT_ACT_TAKE_BACK)->on);
    cr_assert_geq(sched_one(KT_ACT_TAKE_BACK)->for_ms, STALL_MS);
    cr_assert_eq(sched_count(KT_ACT_CANCEL), n);
    cr_assert_eq(sched_count(KT_ACT_BLAME), 0);
    cr_assert_str_eq(view_of(A).state, "stalled");
    sched_beat(A, 99, 50, held, n);  // it goes on holding them, and wants more
    cr_assert_eq(sent_in_all(A), 0);
    cr_assert_eq(view_of(A).held, 0);
    sched_claimed_with(5, 20, 0, 0);
    cr_assert_eq(sent_in_all(A), 0);
    sched_beat(A, 99, 50, NULL, 0);  // it has given them up: no more than its slots until it ends one
    cr_assert_eq(sent_in_all(A), SLOTS);
}

Test(sched_credit, a_slow_node_whose_counters_grow_keeps_its_files)
{
    kt_held_t held[MANY];
    uint64_t  progress = 0;
    size_t    n        = alpha_starts_two_beside_beta(held);
    seconds_pass(2 * STALL_MS / 1000, held, n, &progress);
    cr_assert_eq(sched_count(KT_ACT_TAKE_BACK), 0);
    cr_assert_eq(view_of(A).held, n);
}

Test(sched_credit, the_only_node_keeps_its_files_until_the_deadline)
{
    kt_held_t held[MANY];
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(A, "alpha", 1);
    sched_claimed_with(1, 2, 0, 0);
    sched_beat(A, 0, 2, NULL, 0);
    size_t n = hold_what_was_sent(held, true);
    for (int64_t s = 0; s < 2 * STALL_MS / 1000; s++) {
        sched_tick_after(1000);
        sched_beat(A, 99, 0, held, n);
        cr_assert_eq(sched_count(KT_ACT_TAKE_BACK), 0);
    }
    cr_assert_eq(view_of(A).held, n);
}

Test(sched_credit, an_idle_node_is_not_stalled)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(A, "alpha", 1);
    sched_hello_as(B, "beta", 2);
    seconds_pass(3 * STALL_MS / 1000, NULL, 0, NULL);
    cr_assert_str_eq(view_of(A).state, "live");
}

// Alpha has BELIEVED files, says that it has begun all, and counts on; beta takes none.
static size_t
alpha_says_that_it_began_all(kt_held_t held[MANY])
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(A, "alpha", 1);
    sched_claimed_with(1, MANY / 2, 0, 0);
    sched_beat(A, 0, 100, NULL, 0);
    size_t n = hold_what_was_sent(held, true);
    cr_assert_eq(n, BELIEVED);
    sched_hello_as(B, "beta", 2);
    sched_beat(B, 0, 0, NULL, 0);
    sched_beat(A, 99, 100, held, n);
    return n;
}

static kt_job_view_t
job_view(uint64_t job)
{
    kt_job_view_t view = {0};
    (void)kt_sched_view_job(sched_under_test, sched_job(job), sched_now_ms, &view);
    return view;
}

Test(sched_credit, more_begun_files_than_its_slots_and_those_that_rest_are_not_believed)
{
    kt_held_t held[MANY];
    alpha_says_that_it_began_all(held);
    cr_assert_eq(sched_view().running, 2 * SLOTS);
    sched_word(KT_EV_STARTED, A, BELIEVED, 1, KT_OK);
    cr_assert_eq(sched_view().running, 2 * SLOTS);
    sched_word(KT_EV_RESULT, A, 1, 1, KT_OK);
    sched_beat(A, 99, 0, held + 1, BELIEVED - 1);
    cr_assert_eq(sched_view().running, 2 * SLOTS, "the next one is believed");
}

Test(sched_credit, a_node_that_ends_nothing_loses_what_is_beyond_its_slots_and_later_all_and_is_named)
{
    kt_held_t held[MANY];
    uint64_t  progress = 0;
    size_t    n        = alpha_says_that_it_began_all(held);
    seconds_pass(PROOF_MS / 1000 + 1, held, n, &progress);
    cr_assert_eq(sched_one(KT_ACT_TAKE_BACK)->err, KT_ETIME);
    cr_assert_eq(sched_one(KT_ACT_TAKE_BACK)->count, BELIEVED - 2 * SLOTS);
    cr_assert_eq(view_of(A).held, 2 * SLOTS);
    sched_beat(A, 99, 100, held, 2 * SLOTS);
    cr_assert_eq(sent_in_all(A), 0, "it has a file per slot and more");
    seconds_pass(PROOF_MS / 1000, held, 2 * SLOTS, &progress);
    cr_assert_eq(sched_one(KT_ACT_TAKE_BACK)->count, 2 * SLOTS);
    cr_assert_geq(sched_one(KT_ACT_TAKE_BACK)->for_ms, 2 * PROOF_MS);
    cr_assert_eq(sched_count(KT_ACT_BLAME), 0);
    cr_assert_eq(view_of(A).held, 0);
    cr_assert_str_eq(job_view(1).taken_from, "alpha");
}

Test(sched_credit, after_that_its_slots_are_believed_one_by_one_as_it_ends_files)
{
    kt_held_t held[MANY];
    uint64_t  progress = 0;
    size_t    n        = alpha_says_that_it_began_all(held);
    for (int i = 0; i < 2; i++)
        seconds_pass(PROOF_MS / 1000 + 1, held, i ? 2 * SLOTS : n, &progress);
    cr_assert_eq(view_of(A).held, 0);
    for (int i = 0; i < 8; i++) {  // until it is not avoided any more
        sched_tick_after(1000);
        sched_tell((kt_event_t){.type = KT_EV_LIVE, .node = B, .live = {2}});
        if (i < 7)
            sched_beat(A, 99, 0, NULL, 0);
    }
    sched_beat(A, 99, 100, NULL, 0);
    cr_assert_eq(sent_in_all(A), 1, "one slot until it ends a file");
    const kt_sent_t sent = sched_out.jobs[0];
    sched_word(KT_EV_RESULT, A, sent.id.job, sent.attempt, KT_OK);
    sched_beat(A, 99, 100, NULL, 0);
    cr_assert_geq(view_of(A).held, SLOTS, "its two slots are proven");
}

Test(sched_credit, what_takes_the_others_long_may_take_it_long_too)
{
    enum { LONG_S = 7 };  // four times that is more than PROOF_MS
    kt_held_t held[MANY];
    uint64_t  progress = 0;
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(B, "beta", 2);
    sched_claimed_with(30, 1, 0, 0);
    sched_beat(B, 0, 1, NULL, 0);
    for (int64_t s = 0; s < LONG_S; s++) {
        sched_tick_after(1000);
        sched_tell((kt_event_t){.type = KT_EV_LIVE, .node = B, .live = {(uint64_t)s + 1}});
    }
    sched_tell((kt_event_t){.type    = KT_EV_RESULT,
                            .node    = B,
                            .id      = sched_job(30),
                            .attempt = 1,
                            .took_ms = 10 * PROOF_MS,  // by its own clock, which is not believed
                            .tag     = &sched_payloads[0]});
    size_t n = alpha_says_that_it_began_all(held);
    seconds_pass(4 * LONG_S - 2, held, n, &progress);
    cr_assert_eq(sched_count(KT_ACT_TAKE_BACK), 0);
    seconds_pass(4, held, n, &progress);
    cr_assert_eq(sched_one(KT_ACT_TAKE_BACK)->count, BELIEVED - 2 * SLOTS);
}

Test(sched_credit, a_node_that_ends_a_file_now_and_then_keeps_the_others)
{
    kt_held_t held[MANY];
    uint64_t  progress = 0;
    size_t    n        = alpha_says_that_it_began_all(held);
    for (size_t ended = 1; ended <= 2; ended++) {
        seconds_pass(PROOF_MS / 1000 - 1, held + ended - 1, n - ended + 1, &progress);
        cr_assert_eq(sched_count(KT_ACT_TAKE_BACK), 0);
        sched_word(KT_EV_RESULT, A, ended, 1, KT_OK);
    }
}
