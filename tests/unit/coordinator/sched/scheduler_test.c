// The scheduler stepped event by event: each rule alone. All of them together are in tests/sim.
#include "tests/unit/coordinator/sched/fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(sched, .init = open_sched, .fini = close_sched);

Test(sched, nothing_is_claimed_without_a_lease)
{
    sched_tell((kt_event_t){.type = KT_EV_WORK});
    cr_assert_eq(sched_out.n, 0);
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    cr_assert_eq(sched_one(KT_ACT_CLAIM)->count, 4);
}

Test(sched, one_claim_is_in_flight_at_a_time)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_tell((kt_event_t){.type = KT_EV_WORK});
    cr_assert_eq(sched_count(KT_ACT_CLAIM), 0);
}

Test(sched, an_empty_ledger_is_claimed_from_again_after_a_pause_or_work)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_claimed_with(1, 0, 0, 0);
    sched_tell((kt_event_t){.type = KT_EV_TICK});
    cr_assert_eq(sched_count(KT_ACT_CLAIM), 0);
    sched_tell((kt_event_t){.type = KT_EV_WORK});
    cr_assert_eq(sched_count(KT_ACT_CLAIM), 1);
    sched_claimed_with(1, 0, 0, 0);
    sched_tick_after(1000);
    cr_assert_eq(sched_count(KT_ACT_CLAIM), 1);
}

Test(sched, work_that_comes_while_a_claim_is_in_flight_is_not_missed)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_tell((kt_event_t){.type = KT_EV_WORK});
    sched_claimed_with(1, 0, 0, 0);
    cr_assert_eq(sched_count(KT_ACT_CLAIM), 1);
}

Test(sched, a_result_goes_to_the_ledger_and_is_acknowledged_only_then)
{
    sched_one_sent();
    sched_word(KT_EV_STARTED, A, 1, 1, KT_OK);
    cr_assert_eq(sched_view().running, 1);
    sched_word(KT_EV_RESULT, A, 1, 1, KT_OK);
    cr_assert_eq(sched_one(KT_ACT_STORE)->tag, &sched_payloads[0]);
    cr_assert_eq(sched_count(KT_ACT_ACK), 0);
    sched_stored(1, KT_STORED_NEW, false);
    cr_assert_eq(sched_one(KT_ACT_ACK)->node, A);
    cr_assert_eq(sched_count(KT_ACT_DROP), 2);
    cr_assert_eq(sched_view().storing, 0);
}

Test(sched, a_node_is_never_sent_more_than_its_credit)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(A, "alpha", 1);
    sched_beat(A, 0, 3, NULL, 0);
    sched_claimed_with(1, 10, 0, 0);
    size_t sent = 0;
    for (size_t i = 0; i < sched_out.n; i++)
        sent += sched_out.at[i].type == KT_ACT_SEND ? sched_out.at[i].count : 0;
    cr_assert_eq(sent, 3);
    sched_beat(A, 0, 3, NULL, 0);  // from before the batches arrived
    cr_assert_eq(sched_count(KT_ACT_SEND), 0);
}

Test(sched, a_costly_file_travels_alone)
{
    kt_sched_claim_t jobs[5] = {{sched_job(1), 0, 0, 5000, &sched_tags[1]},
                                {sched_job(2), 0, 0, 10, &sched_tags[2]},
                                {sched_job(3), 0, 0, 10, &sched_tags[3]},
                                {sched_job(4), 0, 0, 10, &sched_tags[4]},
                                {sched_job(5), 0, 0, 10, &sched_tags[5]}};
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_tell((kt_event_t){.type = KT_EV_CLAIMED, .jobs = {jobs, 5}});
    sched_hello_as(A, "alpha", 1);
    sched_beat(A, 0, 5, NULL, 0);
    cr_assert_eq(sched_out.at[0].type, KT_ACT_SEND);
    cr_assert_eq(sched_out.at[0].count, 1);
    cr_assert_eq(sched_out.jobs[0].id.job, 1);
}

Test(sched, batches_are_numbered_above_what_the_node_has_seen)
{
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(A, "alpha", 1);
    sched_beat(A, 41, 2, NULL, 0);
    sched_claimed_with(1, 1, 0, 0);
    cr_assert_eq(sched_one(KT_ACT_SEND)->batch, 42);
}

Test(sched, a_transient_failure_is_blamed_and_retried)
{
    sched_one_sent();
    sched_word(KT_EV_FAILED, A, 1, 1, KT_EIO);
    const kt_action_t *blame = sched_one(KT_ACT_BLAME);
    cr_assert_eq(blame->attempt, 1);
    cr_assert_str_eq(blame->node_name, "alpha");
    cr_assert_eq(sched_count(KT_ACT_ACK), 1);
    cr_assert_eq(sched_count(KT_ACT_DROP), 1);
    sched_one(KT_ACT_SEND);
    cr_assert_eq(sched_out.jobs[0].attempt, 1001);
}

Test(sched, the_last_permitted_failure_is_final_and_keeps_the_nodes_document)
{
    sched_one_sent();
    sched_word(KT_EV_FAILED, A, 1, 1, KT_EIO);
    sched_word(KT_EV_FAILED, A, 1, 1001, KT_EIO);
    sched_word(KT_EV_FAILED, A, 1, 2001, KT_EIO);
    const kt_action_t *fail = sched_one(KT_ACT_FAIL);
    cr_assert_eq(fail->err, KT_EIO);
    cr_assert_eq(fail->tag, &sched_payloads[0]);
    cr_assert_eq(sched_count(KT_ACT_ACK), 0);
    sched_stored(1, KT_STORED_NEW, true);
    cr_assert_eq(sched_count(KT_ACT_ACK), 1);
    cr_assert_eq(sched_count(KT_ACT_DROP), 2);
}

Test(sched, a_rejected_file_fails_at_once)
{
    sched_one_sent();
    sched_word(KT_EV_FAILED, A, 1, 1, KT_EFORMAT);
    cr_assert_eq(sched_one(KT_ACT_FAIL)->err, KT_EFORMAT);
    cr_assert_eq(sched_count(KT_ACT_BLAME), 0);
}

Test(sched, an_old_failure_is_acknowledged_and_changes_nothing)
{
    sched_one_sent();
    sched_word(KT_EV_FAILED, A, 1, 1, KT_EIO);
    sched_word(KT_EV_FAILED, A, 1, 1, KT_EIO);
    cr_assert_eq(sched_count(KT_ACT_BLAME), 0);
    cr_assert_eq(sched_count(KT_ACT_ACK), 1);
    cr_assert_eq(sched_count(KT_ACT_DROP), 1);
    cr_assert_eq(sched_view().sent, 1);
}

Test(sched, a_full_node_blames_no_job)
{
    sched_one_sent();
    sched_word(KT_EV_FAILED, A, 1, 1, KT_EFULL);
    cr_assert_eq(sched_count(KT_ACT_BLAME), 0);
    cr_assert_eq(sched_count(KT_ACT_SEND), 0);
    cr_assert_eq(sched_view().ready, 1);
}

Test(sched, our_own_pause_kills_no_node_and_checks_the_lease)
{
    sched_one_sent();
    sched_now_ms += 60000;
    sched_tell((kt_event_t){.type = KT_EV_TICK});
    cr_assert_eq(sched_count(KT_ACT_CHECK_LEASE), 1);
    cr_assert_eq(sched_view().nodes_live, 1);
    sched_tick_after(SILENCE_MS);
    cr_assert_eq(sched_view().nodes_live, 0);
}

Test(sched, an_item_missing_from_two_beats_is_sent_again)
{
    sched_one_sent();
    sched_beat(A, 1, 2, NULL, 0);
    cr_assert_eq(sched_count(KT_ACT_SEND), 0);
    sched_now_ms += 900;
    sched_beat(A, 1, 2, NULL, 0);
    cr_assert_eq(sched_count(KT_ACT_BLAME), 0);
    sched_one(KT_ACT_SEND);
    cr_assert_eq(sched_out.jobs[0].attempt, 2);
}

Test(sched, what_a_node_holds_from_before_our_time_is_ours_when_claimed)
{
    kt_held_t held = {sched_job(1), 1, true};
    sched_tell((kt_event_t){.type = KT_EV_LEASE_OPEN});
    sched_hello_as(A, "alpha", 1);
    sched_beat(A, 0, 1, &held, 1);
    sched_claimed_with(1, 1, 0, 0);
    cr_assert_eq(sched_count(KT_ACT_SEND), 0);
    cr_assert_eq(sched_view().running, 1);
}

Test(sched, a_node_that_reconnects_continues_with_the_waiting_jobs)
{
    kt_held_t held = {sched_job(1), 1, false};
    sched_one_sent();
    sched_tick_after(SILENCE_MS);
    sched_hello_as(A, "alpha", 1);
    sched_beat(A, 1, 1, &held, 1);
    cr_assert_eq(sched_count(KT_ACT_SEND), 0);
    cr_assert_eq(sched_view().sent, 1);
}

Test(sched, what_is_held_but_runs_elsewhere_is_cancelled)
{
    kt_held_t held = {sched_job(1), 1, true};
    sched_one_sent();
    sched_hello_as(B, "beta", 1);
    sched_beat(B, 0, 1, &held, 1);
    cr_assert_eq(sched_one(KT_ACT_CANCEL)->node, B);
}

Test(sched, a_success_from_elsewhere_wins_and_cancels)
{
    sched_one_sent();
    sched_hello_as(B, "beta", 1);
    sched_word(KT_EV_RESULT, B, 1, 9, KT_OK);
    cr_assert_eq(sched_one(KT_ACT_CANCEL)->node, A);
    cr_assert_eq(sched_count(KT_ACT_STORE), 1);
    sched_word(KT_EV_RESULT, A, 1, 1, KT_OK);
    cr_assert_eq(sched_one(KT_ACT_DROP)->tag, &sched_payloads[0]);
    sched_stored(1, KT_STORED_NEW, false);
    cr_assert_eq(sched_count(KT_ACT_ACK), 2);
}

Test(sched, an_unknown_nodes_success_is_stored_and_its_failure_requested_again)
{
    sched_word(KT_EV_RESULT, A, 1, 1, KT_OK);
    cr_assert_eq(sched_count(KT_ACT_WHO), 1);
    cr_assert_eq(sched_count(KT_ACT_STORE), 1);
    sched_word(KT_EV_FAILED, B, 2, 1, KT_EIO);
    cr_assert_eq(sched_count(KT_ACT_WHO), 1);
    cr_assert_eq(sched_count(KT_ACT_ACK), 0);
    cr_assert_eq(sched_one(KT_ACT_DROP)->tag, &sched_payloads[1]);
    sched_stored(1, KT_STORED_ALREADY, false);
    cr_assert_eq(sched_count(KT_ACT_ACK), 1);
}

Test(sched, a_success_that_cannot_be_stored_becomes_the_nodes_failure)
{
    sched_one_sent();
    sched_word(KT_EV_RESULT, A, 1, 1, KT_OK);
    sched_stored(1, KT_STORED_BAD_DATA, false);
    cr_assert_eq(sched_one(KT_ACT_NACK)->err, KT_EBADDATA);
    sched_word(KT_EV_FAILED, A, 1, 1, KT_EBADDATA);
    cr_assert_eq(sched_one(KT_ACT_FAIL)->err, KT_EBADDATA);
    sched_stored(1, KT_STORED_BAD_DATA, true);
    cr_assert_null(sched_one(KT_ACT_FAIL)->tag);
    cr_assert_not(sched_one(KT_ACT_FAIL)->bare);
    sched_stored(1, KT_STORED_BAD_DATA, true);
    cr_assert_null(sched_one(KT_ACT_FAIL)->tag);
    cr_assert(sched_one(KT_ACT_FAIL)->bare);
    sched_stored(1, KT_STORED_BAD_DATA, true);
    cr_assert_eq(sched_count(KT_ACT_RELEASE), 1);
}

Test(sched, unanswered_requests_are_repeated_when_the_ledger_is_up_again)
{
    sched_one_sent();
    sched_tell((kt_event_t){.type = KT_EV_LEDGER_DOWN});
    sched_word(KT_EV_RESULT, A, 1, 1, KT_OK);
    cr_assert_eq(sched_count(KT_ACT_STORE), 0);
    sched_tell((kt_event_t){.type = KT_EV_LEDGER_UP});
    cr_assert_eq(sched_count(KT_ACT_STORE), 1);
    cr_assert_eq(sched_count(KT_ACT_CLAIM), 1);
    sched_tell((kt_event_t){.type = KT_EV_COMMIT_UNKNOWN, .id = sched_job(1)});
    cr_assert_eq(sched_count(KT_ACT_STORE), 1);
}

Test(sched, a_lost_lease_drops_waiting_jobs_and_keeps_those_on_nodes)
{
    sched_one_sent();
    sched_claimed_with(2, 3, 0, 0);
    sched_word(KT_EV_RESULT, A, 1, 1, KT_OK);
    sched_tell((kt_event_t){.type = KT_EV_LEASE_LOST});
    cr_assert_eq(sched_view().ready, 0);
    cr_assert_eq(sched_view().storing, 1);
    cr_assert_eq(sched_count(KT_ACT_DROP), 4);
    cr_assert_eq(sched_count(KT_ACT_RELEASE), 0);
}

Test(sched, a_cancelled_job_is_stopped_and_its_late_failure_dropped)
{
    sched_one_sent();
    sched_tell((kt_event_t){.type = KT_EV_CANCEL, .id = sched_job(1)});
    cr_assert_eq(sched_one(KT_ACT_CANCEL)->node, A);
    cr_assert_eq(sched_one(KT_ACT_DROP)->tag, &sched_tags[1]);
    sched_word(KT_EV_FAILED, A, 1, 1, KT_ECANCELLED);
    cr_assert_eq(sched_count(KT_ACT_ACK), 1);
    cr_assert_eq(sched_count(KT_ACT_DROP), 1);
}

Test(sched, an_attempt_past_its_deadline_is_cancelled_and_blamed)
{
    kt_held_t held = {sched_job(1), 1, true};
    sched_one_sent();
    sched_word(KT_EV_STARTED, A, 1, 1, KT_OK);
    for (int64_t until = sched_now_ms + DEADLINE_MS; sched_now_ms < until;) {
        sched_now_ms += 500;
        sched_beat(A, 1, 1, &held, 1);
    }
    cr_assert_eq(sched_count(KT_ACT_CANCEL), 1);
    cr_assert_eq(sched_one(KT_ACT_BLAME)->err, KT_ETIME);
}

Test(sched, of_one_name_one_process_is_counted)
{
    sched_one_sent();
    sched_hello_as(B, "alpha", 2);  // the earlier one is lost, and its work is ready again
    cr_assert_eq(sched_view().nodes_live, 1);
    cr_assert_eq(sched_view().sent, 0);
    cr_assert_eq(sched_view().ready, 1);
}

Test(sched, a_repeated_result_is_counted_once)
{
    kt_node_view_t node;
    sched_one_sent();
    for (int i = 0; i < 2; i++) {
        sched_word(KT_EV_RESULT, A, 1, 1, KT_OK);
        sched_word(KT_EV_RESULT, A, 1, 1, KT_OK);
        sched_stored(1, KT_STORED_NEW, false);
    }
    cr_assert_eq(kt_sched_view_nodes(sched_under_test, sched_now_ms, &node, 1), 1);
    cr_assert_eq(node.done, 1);
}

Test(sched, the_same_process_on_a_new_connection_keeps_its_work)
{
    sched_one_sent();
    sched_hello_as(B, "alpha", 1);
    cr_assert_eq(sched_view().nodes_live, 1);
    cr_assert_eq(sched_view().sent, 1);
    sched_word(KT_EV_RESULT, B, 1, 1, KT_OK);
    sched_stored(1, KT_STORED_NEW, false);
    cr_assert_eq(sched_one(KT_ACT_ACK)->node, B);
}

Test(sched, a_kept_result_that_does_not_come_is_requested)
{
    kt_run_id_t kept = sched_job(5);
    sched_hello_as(A, "alpha", 1);
    for (int i = 0; i < 2; i++) {
        sched_now_ms += 1000;
        sched_tell((kt_event_t){.type = KT_EV_BEAT, .node = A, .beat = {.free = 1, .kept = &kept, .n_kept = 1}});
    }
    cr_assert_eq(sched_count(KT_ACT_WHO), 1);
}

static size_t freed;
static void
count_tag(void *tag)
{
    (void)tag;
    freed++;
}

Test(sched, every_tag_is_returned_at_the_end)
{
    sched_one_sent();
    sched_claimed_with(2, 5, 0, 0);
    sched_word(KT_EV_RESULT, A, 1, 1, KT_OK);
    kt_sched_drain_tags(sched_under_test, count_tag);
    cr_assert_eq(freed, 7);
}

Test(sched, a_view_names_the_state_of_each_node)
{
    kt_node_view_t seen;
    sched_one_sent();
    cr_assert_eq(kt_sched_view_nodes(sched_under_test, sched_now_ms, &seen, 1), 1);
    cr_assert_str_eq(seen.state, "live");
    sched_tick_after(SILENCE_MS);
    cr_assert_eq(kt_sched_view_nodes(sched_under_test, sched_now_ms, &seen, 1), 1);
    cr_assert_str_eq(seen.state, "lost");
}
