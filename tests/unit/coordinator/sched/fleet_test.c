// Many nodes, and coordinators beside this one: shares by what a node gets through, files that get a node to
// themselves, what others have reported of a job.
#include "tests/unit/coordinator/sched/fixture.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(sched_fleet, .init = open_sched, .fini = close_sched);

static uint32_t
sent_to(kt_node_handle_t node)
{
    uint32_t count = 0;
    for (size_t i = 0; i < sched_out.n; i++)
        count += sched_out.at[i].type == KT_ACT_SEND && sched_out.at[i].node == node ? sched_out.at[i].count : 0;
    return count;
}

static void
hello_with_slots(kt_node_handle_t node, const char *name, uint32_t slots)
{
    sched_tell((kt_event_t){.type = KT_EV_HELLO, .node = node, .hello = {name, node, slots, false}});
}

// The first batch that a node gets of 40 equal files, while another is there.
static uint32_t
first_batch(kt_node_handle_t node)
{
    sched_claimed_with(10, 40, 0, 0);
    sched_beat(node, 0, 40, NULL, 0);
    for (size_t i = 0; i < sched_out.n; i++)
        if (sched_out.at[i].type == KT_ACT_SEND)
            return sched_out.at[i].count;
    return 0;
}

Test(sched_fleet, a_share_follows_the_slots)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    hello_with_slots(A, "alpha", 1);
    hello_with_slots(B, "beta", 9);
    cr_assert_eq(first_batch(A), 2);  // half of a tenth
}

Test(sched_fleet, a_share_follows_the_measured_speed)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    hello_with_slots(A, "alpha", 4);
    hello_with_slots(B, "beta", 4);
    sched_beat(A, 0, 1, NULL, 0);
    sched_claimed_with(1, 1, 0, 0);
    cr_assert_eq(sent_to(A), 1);
    sched_tell((kt_event_t){.type    = KT_EV_RESULT,
                            .node    = A,
                            .id      = sched_job(1),
                            .attempt = 1,
                            .took_ms = 9 * sched_out.jobs[0].cost_ms,  // of a cost_ms: nine times slower than estimated
                            .tag     = &sched_payloads[1]});
    sched_stored(1, KT_STORED_NEW, false);
    cr_assert_eq(first_batch(A), 2);
}

Test(sched_fleet, a_file_lost_again_and_again_gets_a_node_to_itself)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(A, "alpha", 1);
    sched_claimed_with(1, 1, 2, 2);
    sched_beat(A, 0, 4, NULL, 0);
    const kt_action_t *send = sched_one(KT_ACT_SEND);
    cr_assert(send->isolated && !send->exclusive);
    sched_word(KT_EV_STARTED, A, 1, 2001, KT_OK);
    sched_tick_after(SILENCE_MS);
    sched_hello_as(B, "beta", 1);
    sched_beat(B, 0, 4, NULL, 0);
    send = sched_one(KT_ACT_SEND);
    cr_assert(send->isolated && send->exclusive);
}

Test(sched_fleet, losses_before_it_began_count_only_by_threes)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_claimed_with(1, 1, 0, 0);
    size_t blames = 0;
    for (uint64_t life = 1; life <= 6; life++) {
        sched_hello_as(A, "alpha", life);
        blames += sched_count(KT_ACT_BLAME);
        sched_beat(A, 0, 4, NULL, 0);
        cr_assert_eq(sched_count(KT_ACT_SEND), 1);
    }
    sched_hello_as(A, "alpha", 7);
    blames += sched_count(KT_ACT_BLAME);
    cr_assert_eq(blames, 2);
}

Test(sched_fleet, what_another_coordinator_cancelled_goes_back_to_the_ledger)
{
    sched_one_sent();
    sched_word(KT_EV_FAILED, A, 1, 1, KT_ECANCELLED);
    cr_assert_eq(sched_one(KT_ACT_RELEASE)->id.job, 1);
    cr_assert_eq(sched_count(KT_ACT_BLAME), 0);
    cr_assert_eq(sched_one(KT_ACT_ACK)->node, A);
    cr_assert_eq(sched_view().ready + sched_view().sent, 0);
}

// Another coordinator had the job, blamed it for this failure and crashed; the node reports it again to the others.
Test(sched_fleet, a_failure_that_is_in_the_ledger_already_does_not_count_again)
{
    kt_held_t held = {sched_job(1), 1, true};
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(A, "alpha", 1);
    sched_beat(A, 0, 1, &held, 1);
    sched_claimed_with(1, 1, 1, 0);  // attempt 1 is blamed
    sched_word(KT_EV_FAILED, A, 1, 1, KT_EIO);
    cr_assert_eq(sched_count(KT_ACT_BLAME), 0);
    cr_assert_eq(sched_one(KT_ACT_ACK)->node, A);
}

Test(sched_fleet, what_a_node_holds_for_a_lost_coordinator_is_not_sent_twice)
{
    kt_held_t held = {sched_job(1), 1, true};
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(A, "alpha", 1);
    sched_hello_as(B, "beta", 1);
    sched_beat(B, 0, 4, NULL, 0);
    sched_beat(A, 0, 1, &held, 1);
    sched_claimed_with(1, 1, 0, 0);
    cr_assert_eq(sched_count(KT_ACT_SEND), 0);
    cr_assert_eq(sched_view().running, 1);
    sched_word(KT_EV_RESULT, A, 1, 1, KT_OK);
    sched_one(KT_ACT_STORE);
}

Test(sched_fleet, a_jobs_place_is_reported)
{
    kt_job_view_t view;
    sched_one_sent();
    sched_claimed_with(2, 3, 0, 0);
    cr_assert(kt_sched_view_job(sched_under_test, sched_job(1), sched_now_ms, &view));
    cr_assert_str_eq(view.state, "sent");
    cr_assert_str_eq(view.node, "alpha");
    sched_word(KT_EV_STARTED, A, 1, 1, KT_OK);
    cr_assert(kt_sched_view_job(sched_under_test, sched_job(1), sched_now_ms + 700, &view));
    cr_assert_str_eq(view.state, "running");
    cr_assert_eq(view.for_ms, 700);
    cr_assert(kt_sched_view_job(sched_under_test, sched_job(4), sched_now_ms, &view));
    cr_assert_str_eq(view.state, "ready");
    cr_assert_eq(view.before, 1);
    cr_assert(!kt_sched_view_job(sched_under_test, sched_job(9), sched_now_ms, &view));
}

Test(sched_fleet, a_file_that_was_done_but_cannot_be_stored_is_not_held_for_the_loss_of_its_node)
{
    sched_one_sent();
    sched_word(KT_EV_STARTED, A, 1, 1, KT_OK);
    sched_word(KT_EV_RESULT, A, 1, 1, KT_OK);
    sched_stored(1, KT_STORED_BAD_DATA, false);
    cr_assert_eq(sched_one(KT_ACT_NACK)->err, KT_EBADDATA);
    sched_tick_after(SILENCE_MS);
    cr_assert_eq(sched_count(KT_ACT_BLAME), 0);
    cr_assert_eq(sched_one(KT_ACT_FAIL)->err, KT_EBADDATA);
}
