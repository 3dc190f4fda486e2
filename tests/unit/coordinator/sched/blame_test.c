// What a death means: which file is held for it, what counts as an attempt, who runs alone, which node is drained.
#include "tests/unit/coordinator/sched/fixture.h"

#include <criterion/criterion.h>

TestSuite(sched_blame, .init = open_sched, .fini = close_sched);

Test(sched_blame, what_had_begun_on_a_lost_node_is_blamed_and_runs_alone_next)
{
    sched_one_sent();
    sched_word(KT_EV_STARTED, A, 1, 1, KT_OK);
    sched_tick_after(SILENCE_MS);
    cr_assert_eq(sched_one(KT_ACT_BLAME)->err, KT_ENODELOST);
    sched_hello_as(B, "beta", 1);
    sched_beat(B, 0, 4, NULL, 0);
    cr_assert(sched_one(KT_ACT_SEND)->isolated);
}

Test(sched_blame, what_had_not_begun_on_a_lost_node_is_not_blamed)
{
    sched_one_sent();
    sched_tick_after(SILENCE_MS);
    cr_assert_eq(sched_count(KT_ACT_BLAME), 0);
    cr_assert_eq(sched_view().ready, 1);
}

// One whole life of a node: it gets job 1, begins it, and is replaced by its next life.
static void
lose_started(uint64_t life, uint32_t attempt)
{
    sched_beat(A, 0, 2, NULL, 0);
    sched_one(KT_ACT_SEND);
    cr_assert_eq(sched_out.jobs[0].attempt, attempt);
    sched_word(KT_EV_STARTED, A, 1, attempt, KT_OK);
    sched_hello_as(A, "alpha", life + 1);
}

Test(sched_blame, a_lost_node_is_no_attempt_of_the_file)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(A, "alpha", 1);
    sched_claimed_with(1, 1, 0, 0);
    for (uint32_t life = 1; life < KT_SCHED_LOSSES; life++) {
        lose_started(life, (life - 1) * 1000 + 1);
        cr_assert_eq(sched_one(KT_ACT_BLAME)->attempt, life);
    }
    lose_started(KT_SCHED_LOSSES, 9001);  // a file that ten nodes are lost with has caused it
    cr_assert_eq(sched_one(KT_ACT_FAIL)->err, KT_ENODELOST);
}

Test(sched_blame, errors_and_losses_are_counted_apart_by_the_next_coordinator_too)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(A, "alpha", 1);
    sched_beat(A, 0, 2, NULL, 0);
    sched_claimed_with(1, 1, 5, 4);
    cr_assert(sched_one(KT_ACT_SEND)->isolated);
    sched_word(KT_EV_FAILED, A, 1, 5001, KT_EIO);
    cr_assert_eq(sched_one(KT_ACT_BLAME)->attempt, 6);
    sched_word(KT_EV_FAILED, A, 1, 6001, KT_EIO);
    cr_assert_eq(sched_one(KT_ACT_FAIL)->err, KT_EIO);
}

Test(sched_blame, a_crash_alone_in_a_process_is_final)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(A, "alpha", 1);
    sched_beat(A, 0, 2, NULL, 0);
    sched_claimed_with(1, 1, 1, 1);
    sched_word(KT_EV_FAILED, A, 1, 1001, KT_ECRASH);
    cr_assert_eq(sched_one(KT_ACT_FAIL)->err, KT_ECRASH);
}

Test(sched_blame, a_node_cannot_claim_its_own_loss)
{
    sched_one_sent();
    sched_word(KT_EV_FAILED, A, 1, 1, KT_ENODELOST);
    cr_assert_eq(sched_one(KT_ACT_BLAME)->err, KT_EMESSAGE);
}

Test(sched_blame, a_repeated_failure_counts_once_although_the_lease_was_lost)
{
    sched_one_sent();
    sched_word(KT_EV_FAILED, A, 1, 1, KT_EIO);
    sched_one(KT_ACT_SEND);
    sched_beat(A, 2, 2, NULL, 0);
    sched_now_ms += 900;
    sched_beat(A, 2, 2, NULL, 0);  // the batch was lost
    cr_assert_eq(sched_out.jobs[0].attempt, 1002);
    sched_word(KT_EV_FAILED, A, 1, 1002, KT_EIO);
    sched_tell((kt_event_t){.type = KT_EV_CANCEL, .id = sched_job(1)});  // everything is dropped
    sched_claimed_with(1, 1, 2, 0);
    cr_assert_eq(sched_out.jobs[0].attempt, 2001);
    sched_word(KT_EV_FAILED, A, 1, 1002, KT_EIO);
    cr_assert_eq(sched_count(KT_ACT_BLAME) + sched_count(KT_ACT_FAIL), 0);
    cr_assert_eq(sched_count(KT_ACT_ACK), 1);
}

Test(sched_blame, an_old_inventory_does_not_begin_the_new_attempt)
{
    kt_held_t held = {sched_job(1), 1, true};
    sched_one_sent();
    sched_word(KT_EV_FAILED, A, 1, 1, KT_EIO);
    sched_beat(A, 1, 2, &held, 1);
    cr_assert_eq(sched_view().sent, 1);
    cr_assert_eq(sched_view().running, 0);
}

Test(sched_blame, lost_twice_without_a_word_makes_a_suspect)
{
    sched_one_sent();
    for (uint64_t incarnation = 2; incarnation <= 3; incarnation++) {
        sched_hello_as(A, "alpha", incarnation);
        sched_beat(A, 0, 2, NULL, 0);
        cr_assert_eq(sched_one(KT_ACT_SEND)->isolated, incarnation == 3);
    }
}

Test(sched_blame, bye_blames_no_node)
{
    sched_one_sent();
    sched_word(KT_EV_STARTED, A, 1, 1, KT_OK);
    sched_tell((kt_event_t){.type = KT_EV_GONE, .node = A});
    cr_assert_eq(sched_count(KT_ACT_BLAME), 0);
    cr_assert_eq(sched_view().ready, 1);
}

Test(sched_blame, a_suspect_is_spared_when_others_were_likelier)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(A, "alpha", 1);
    sched_beat(A, 0, 4, NULL, 0);
    sched_claimed_with(1, 1, 1, 1);
    cr_assert(sched_one(KT_ACT_SEND)->isolated);
    sched_claimed_with(2, 1, 0, 0);
    sched_word(KT_EV_STARTED, A, 1, 2, KT_OK);
    sched_word(KT_EV_STARTED, A, 2, 1, KT_OK);
    sched_hello_as(A, "alpha", 2);
    cr_assert_eq(sched_one(KT_ACT_BLAME)->id.job, 2);
}

Test(sched_blame, a_suspect_that_was_spared_twice_gets_a_node_to_itself)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_claimed_with(5, 1, 1, 1);
    for (uint32_t life = 1; life <= 3; life++) {
        sched_hello_as(A, "alpha", life);
        sched_tell((kt_event_t){.type = KT_EV_CANCEL, .id = sched_job(life)});
        sched_beat(A, 0, 4, NULL, 0);
        sched_claimed_with(1 + life, life < 3, 0, 0);
        sched_word(KT_EV_STARTED, A, 5, 1000 + life, KT_OK);
    }
    sched_claimed_with(9, 1, 0, 0);  // waits, although there is credit
    cr_assert_eq(sched_count(KT_ACT_SEND), 0);
    cr_assert_eq(sched_view().running, 1);
    sched_word(KT_EV_RESULT, A, 5, 1003, KT_OK);
    cr_assert_eq(sched_one(KT_ACT_SEND)->count, 1);
}

Test(sched_blame, one_suspect_at_a_time_on_a_node)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(A, "alpha", 1);
    sched_beat(A, 0, 4, NULL, 0);
    sched_claimed_with(1, 2, 1, 1);
    cr_assert_eq(sched_one(KT_ACT_SEND)->count, 1);
    cr_assert_eq(sched_view().ready, 1);
}

Test(sched_blame, crashes_of_different_files_in_a_row_drain_the_node)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    for (uint64_t i = 1; i <= 3; i++) {
        sched_hello_as(A, "alpha", i);
        sched_beat(A, 0, 1, NULL, 0);
        sched_claimed_with(i, 1, 0, 0);
        sched_word(KT_EV_FAILED, A, i, 1, KT_ECRASH);
    }
    cr_assert_str_eq(sched_one(KT_ACT_DRAIN)->node_name, "alpha");
    sched_beat(A, 9, 4, NULL, 0);
    sched_claimed_with(10, 1, 0, 0);
    cr_assert_eq(sched_count(KT_ACT_SEND), 0);
    sched_tell((kt_event_t){.type = KT_EV_DRAIN, .drain = {"alpha", false}});
    cr_assert_eq(sched_count(KT_ACT_SEND), 1);
}
