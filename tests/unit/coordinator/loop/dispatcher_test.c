// Each action of the scheduler becomes the right frame or request, and each answer the right event.
#include "loop_fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(dispatcher, .init = loop_set_up, .fini = loop_tear_down);

static void
answer_store(kt_ledger_request_type_t type, kt_stored_t how, kt_err_t err)
{
    kt_ledger_request_t *request = posted_take(type);
    cr_assert_not_null(request);
    request->store.stored = how;
    posted_answer(&loop.port, request, err);
    kt_dispatcher_flush(&loop.dispatcher);
}

Test(dispatcher, one_claim_requests_the_room_of_the_nodes)
{
    loop_open_lease();
    loop_hello(NODE_A, KEY_A, "node-a");
    loop_beat(NODE_A, KEY_A, 4);
    loop_beat(NODE_A, KEY_A, 4);
    cr_assert_eq(posted_count(KT_LREQ_CLAIM), 1);
    kt_ledger_request_t *claim = posted_take(KT_LREQ_CLAIM);
    cr_assert_geq(claim->claim.want, 4);
    kt_ledger_request_destroy(&claim);
}

Test(dispatcher, claimed_jobs_go_out_with_their_messages)
{
    loop_send_jobs(3);
    cr_assert_eq(loop_n_works(), 3);
    cr_assert_eq(loop_last_to(KT_MSG_BATCH), NODE_A);
    const kt_wire_work_t *work = loop_work(2);
    cr_assert_eq(work->run, 1);
    cr_assert_eq(work->attempt, 1);
    cr_assert_eq(work->deadline_ms, 60000);
    cr_assert(memmem(work->body.at, work->body.n, "\"m2\"", 4));
    cr_assert_eq(loop.dispatcher.claims.n, 3);
}

Test(dispatcher, a_batch_over_the_frames_bound_takes_several_frames_of_one_number)
{
    enum { BIG = 200 << 10, N = 50 };
    kt_sched_view_t view;
    loop_hello(NODE_A, KEY_A, "node-a");
    loop_beat(NODE_A, KEY_A, N);
    loop_open_lease();
    kt_ledger_request_t *claim = posted_take(KT_LREQ_CLAIM);
    claim->claim.claimed       = calloc(N, sizeof *claim->claim.claimed);
    claim->claim.n             = N;
    for (uint64_t i = 0; i < N; i++) {
        char *body = malloc(BIG);
        memset(body, ' ', BIG);
        claim->claim.claimed[i] = (kt_claimed_t){.id = {i + 1, 1}, .body = body, .body_bytes = BIG};
    }
    posted_answer(&loop.port, claim, KT_OK);
    kt_sched_view(loop.dispatcher.sched, &view);
    cr_assert_eq(loop_n_works(), view.sent);
    cr_assert_geq(view.sent, N / 2);
    cr_assert_gt(loop_n_sent(KT_MSG_BATCH), loop_last(KT_MSG_BATCH)->batch.number);
}

Test(dispatcher, a_success_is_stored_and_acknowledged_only_then)
{
    loop_send_jobs(1);
    loop_result(1, KT_OK, "{\"a\":1}");
    cr_assert_eq(loop_n_sent(KT_MSG_ACK), 0);
    kt_ledger_request_t *store = posted_take(KT_LREQ_STORE);
    cr_assert_str_eq(store->store.document, "{\"a\":1}");
    cr_assert_str_eq(store->store.node_name, "node-a");
    cr_assert_eq(store->store.result.id.job, 1);
    cr_assert_eq(store->store.result.processing_us, 2500);
    store->store.stored = KT_STORED_NEW;
    posted_answer(&loop.port, store, KT_OK);
    kt_dispatcher_flush(&loop.dispatcher);
    cr_assert_eq(loop_last(KT_MSG_ACK)->ack.items.at[0].job, 1);
    cr_assert_eq(loop_outcomes, 1);
    cr_assert_eq(loop.counters.outcomes.done, 1);
    cr_assert_eq(loop.dispatcher.claims.n, 0);
}

Test(dispatcher, a_result_that_is_stored_already_is_acknowledged_and_counted_as_late)
{
    loop_send_jobs(1);
    loop_result(1, KT_OK, "{}");
    answer_store(KT_LREQ_STORE, KT_STORED_ALREADY, KT_OK);
    cr_assert_eq(loop_n_sent(KT_MSG_ACK), 1);
    cr_assert_eq(loop_outcomes, 0);
    cr_assert_eq(loop.counters.late_results, 1);
}

Test(dispatcher, a_success_that_cannot_be_stored_is_refused)
{
    loop_send_jobs(1);
    loop_result(1, KT_OK, "{}");
    answer_store(KT_LREQ_STORE, KT_STORED_BAD_DATA, KT_OK);
    const kt_msg_nack_t *nack = &loop_last(KT_MSG_NACK)->nack;
    cr_assert_eq(nack->items.at[0].job, 1);
    cr_assert_eq(nack->items.at[0].err, KT_EBADDATA);
}

Test(dispatcher, an_unknown_commit_is_posted_again_with_the_same_request)
{
    loop_send_jobs(1);
    loop_result(1, KT_OK, "{}");
    answer_store(KT_LREQ_STORE, KT_STORED_NEW, KT_EUNKNOWN_COMMIT);
    cr_assert_eq(loop_outcomes, 0);
    cr_assert_eq(posted_count(KT_LREQ_STORE), 1);
    answer_store(KT_LREQ_STORE, KT_STORED_NEW, KT_OK);
    cr_assert_eq(loop_n_sent(KT_MSG_ACK), 1);
}

Test(dispatcher, an_outcome_is_not_posted_again_while_the_ledger_has_it)
{
    kt_event_t down = {.type = KT_EV_LEDGER_DOWN}, up = {.type = KT_EV_LEDGER_UP};
    loop_send_jobs(1);
    loop_result(1, KT_OK, "{}");
    kt_dispatcher_step_or_fail(&loop.dispatcher, &down);
    kt_dispatcher_step_or_fail(&loop.dispatcher, &up);
    cr_assert_eq(posted_count(KT_LREQ_STORE), 1);
    answer_store(KT_LREQ_STORE, KT_STORED_NEW, KT_OK);
    cr_assert_eq(loop_n_sent(KT_MSG_ACK), 1);
}

Test(dispatcher, a_final_failure_is_stored_with_the_nodes_document)
{
    loop_send_jobs(1);
    loop_result(1, KT_EFORMAT, "{\"bad\":1}");
    kt_ledger_request_t *fail = posted_take(KT_LREQ_FAIL);
    cr_assert_str_eq(fail->store.document, "{\"bad\":1}");
    cr_assert_eq(fail->store.result.err, KT_EFORMAT);
    fail->store.stored = KT_STORED_NEW;
    posted_answer(&loop.port, fail, KT_OK);
    cr_assert_eq(loop.counters.outcomes.failed, 1);
    cr_assert_eq(loop.counters.outcomes.failures[-KT_EFORMAT], 1);
}

Test(dispatcher, a_failure_that_no_node_wrote_gets_a_document_with_the_jobs_ids)
{
    loop_claim_crashes = KT_SCHED_LOSSES - 1;
    loop_send_jobs(1);
    cr_assert(loop_work(1)->isolated);
    loop_started(1);
    loop_pass(3000);  // node-a is silent
    kt_ledger_request_t *fail = posted_take(KT_LREQ_FAIL);
    cr_assert_not_null(fail);
    cr_assert_eq(fail->store.result.err, KT_ENODELOST);
    cr_assert(strstr(fail->store.document, "\"m1\""));
    cr_assert_eq(fail->store.result.document_bytes, strlen(fail->store.document));
    cr_assert(strstr(fail->store.detail, "attempt "));
    fail->store.stored = KT_STORED_NEW;
    posted_answer(&loop.port, fail, KT_OK);
    cr_assert_eq(loop_outcomes, 1);
}

Test(dispatcher, a_lost_node_is_blamed_as_a_crash_for_what_it_had_begun)
{
    loop_claim_crashes = 1;
    loop_send_jobs(1);
    loop_started(1);
    loop_pass(3000);
    kt_ledger_request_t *blame = posted_take(KT_LREQ_BLAME);
    cr_assert_not_null(blame);
    cr_assert_eq(blame->blame.attempt.err, KT_ENODELOST);
    cr_assert(blame->blame.attempt.crash);
    cr_assert_str_eq(blame->blame.node_name, "node-a");
    posted_answer(&loop.port, blame, KT_EIO);  // logged alone: nothing depends on it
    cr_assert_eq(loop_fatals, 0);
}

Test(dispatcher, a_transient_failure_is_blamed_and_sent_again)
{
    loop_send_jobs(1);
    loop_result(1, KT_EIO, "{}");
    kt_ledger_request_t *blame = posted_take(KT_LREQ_BLAME);
    cr_assert_eq(blame->blame.attempt.err, KT_EIO);
    cr_assert_not(blame->blame.attempt.crash);
    posted_answer(&loop.port, blame, KT_EFENCED);
    cr_assert_not(loop.lease.held);
}

Test(dispatcher, a_cancelled_run_is_cancelled_on_its_node)
{
    kt_ledger_request_t *ask = kt_ledger_request_new(KT_LREQ_ASK, NULL);
    loop_send_jobs(1);
    ask->ask.ask = (kt_ask_t){.type = KT_ASK_CANCEL, .id = {1, 1}};
    kt_dispatcher_apply_ask(&loop.dispatcher, ask);
    kt_dispatcher_flush(&loop.dispatcher);
    cr_assert_eq(loop_last(KT_MSG_CANCEL)->cancel.items.at[0].job, 1);
    kt_ledger_request_destroy(&ask);
}

Test(dispatcher, a_run_of_another_coordinator_is_cancelled_on_all_nodes)
{
    kt_ledger_request_t *ask = kt_ledger_request_new(KT_LREQ_ASK, NULL);
    loop_hello(NODE_A, KEY_A, "node-a");
    loop_hello(NODE_B, KEY_B, "node-b");
    ask->ask.ask = (kt_ask_t){.type = KT_ASK_CANCEL, .id = {77, 2}};
    kt_dispatcher_apply_ask(&loop.dispatcher, ask);
    kt_dispatcher_flush(&loop.dispatcher);
    cr_assert_eq(loop_n_sent(KT_MSG_CANCEL), 2);
    cr_assert_eq(loop_last(KT_MSG_CANCEL)->cancel.items.at[0].run, 2);
    kt_ledger_request_destroy(&ask);
}

Test(dispatcher, cancels_go_out_before_the_batch_that_takes_their_room)
{
    kt_ledger_request_t *ask = kt_ledger_request_new(KT_LREQ_ASK, NULL);
    loop_open_lease();
    loop_hello(NODE_A, KEY_A, "node-a");
    loop_beat(NODE_A, KEY_A, 1);
    loop_answer_claim(1, 2, KT_OK);
    loop_clear_sent();
    ask->ask.ask = (kt_ask_t){.type = KT_ASK_CANCEL, .id = {1, 1}};
    kt_dispatcher_apply_ask(&loop.dispatcher, ask);
    if (loop_n_sent(KT_MSG_BATCH))
        cr_assert_eq(loop_n_sent(KT_MSG_CANCEL), 1);
    kt_ledger_request_destroy(&ask);
}

Test(dispatcher, a_black_hole_is_drained_here_in_the_ledger_and_on_the_node)
{
    loop_send_jobs(2);
    loop_result(1, KT_ECRASH, "{}");
    cr_assert_eq(posted_count(KT_LREQ_ASK), 0);
    loop_result(2, KT_ECRASH, "{}");
    kt_ledger_request_t *ask = posted_take(KT_LREQ_ASK);
    cr_assert_not_null(ask);
    cr_assert_eq(ask->ask.ask.type, KT_ASK_DRAIN);
    cr_assert_str_eq(ask->ask.node_name, "node-a");
    cr_assert(kt_drains_has(&loop.drains, "node-a"));
    cr_assert(loop_last(KT_MSG_DRAIN)->drain.on);
    posted_answer(&loop.port, ask, KT_OK);
}

Test(dispatcher, a_cancelled_run_that_a_node_reports_is_released)
{
    loop_send_jobs(1);
    loop_result(1, KT_ECANCELLED, "{}");
    kt_ledger_request_t *release = posted_take(KT_LREQ_RELEASE);
    cr_assert_not_null(release);
    cr_assert_eq(release->release.id.job, 1);
    posted_answer(&loop.port, release, KT_EFENCED);
    cr_assert_not(loop.lease.held);
}

Test(dispatcher, an_unknown_node_gets_who)
{
    kt_event_t live = {.type = KT_EV_LIVE, .node = 99};
    kt_dispatcher_step_or_fail(&loop.dispatcher, &live);
    cr_assert_eq(loop_last_to(KT_MSG_WHO), 99);
}

Test(dispatcher, after_a_gap_in_time_the_lease_is_checked)
{
    kt_event_t tick = {.type = KT_EV_TICK};
    loop_open_lease();
    kt_dispatcher_step_or_fail(&loop.dispatcher, &tick);
    cr_assert_eq(posted_count(KT_LREQ_RENEW), 0);
    posted_clock.ms += 2000;
    kt_dispatcher_step_or_fail(&loop.dispatcher, &tick);
    cr_assert_eq(posted_count(KT_LREQ_RENEW), 1);
}

Test(dispatcher, a_claim_that_is_fenced_or_unknown_loses_the_lease)
{
    kt_err_t errs[] = {KT_EFENCED, KT_EUNKNOWN_COMMIT};
    loop_hello(NODE_A, KEY_A, "node-a");
    for (size_t i = 0; i < 2; i++) {
        loop_open_lease();
        loop_beat(NODE_A, KEY_A, 4);
        posted_answer(&loop.port, posted_take(KT_LREQ_CLAIM), errs[i]);
        cr_assert_not(loop.lease.held);
        posted_clock.ms += 10;
        kt_loop_tick(&loop, posted_clock.ms);
    }
}

Test(dispatcher, a_send_to_a_closed_connection_removes_the_peer_and_sends_elsewhere)
{
    loop_open_lease();
    loop_hello(NODE_A, KEY_A, "node-a");
    loop_hello(NODE_B, KEY_B, "node-b");
    loop_beat(NODE_A, KEY_A, 1);
    loop_send_err = KT_EUNREACHABLE;
    loop_answer_claim(1, 1, KT_OK);
    loop_send_err = KT_OK;
    cr_assert_null(kt_peers_find(&loop.peers, NODE_A));
    loop_beat(NODE_B, KEY_B, 1);
    loop_pass(2000);
    loop_beat(NODE_B, KEY_B, 1);
    loop_pass(2000);
    cr_assert_eq(loop_last_to(KT_MSG_BATCH), NODE_B);
}

Test(dispatcher, a_send_that_finds_no_room_is_lost_and_the_peer_stays)
{
    loop_open_lease();
    loop_hello(NODE_A, KEY_A, "node-a");
    loop_beat(NODE_A, KEY_A, 1);
    loop_send_err = KT_EFULL;
    loop_answer_claim(1, 1, KT_OK);
    cr_assert_not_null(kt_peers_find(&loop.peers, NODE_A));
    cr_assert_eq(loop_fatals, 0);
}

Test(dispatcher, no_room_for_claimed_jobs_ends_the_loop)
{
    loop_open_lease();
    loop_hello(NODE_A, KEY_A, "node-a");
    loop_beat(NODE_A, KEY_A, 4);
    loop.dispatcher.jobs.max_bytes = sizeof(kt_sched_claim_t) + 1;
    loop_answer_claim(1, 3, KT_OK);
    cr_assert_gt(loop_fatals, 0);
    cr_assert(loop.dispatcher.failed);
    cr_assert(loop.port.closed);
    cr_assert_eq(loop.dispatcher.claims.n, 0);  // the scheduler was told of none: their rows stay claimed in the ledger
}

Test(dispatcher, no_room_for_a_batch_sends_what_there_is_room_for)
{
    loop_open_lease();
    loop_hello(NODE_A, KEY_A, "node-a");
    loop_beat(NODE_A, KEY_A, 4);
    loop.dispatcher.works.max_bytes = sizeof(kt_wire_work_t) + 1;
    loop_answer_claim(1, 3, KT_OK);
    cr_assert_eq(loop_last(KT_MSG_BATCH)->batch.items.n, 1);
}

Test(dispatcher, a_ledger_that_cannot_go_on_ends_the_loop)
{
    loop_send_jobs(1);
    loop_result(1, KT_OK, "{}");
    answer_store(KT_LREQ_STORE, KT_STORED_NEW, KT_ESTATE);
    cr_assert_eq(loop_fatals, 1);
}

Test(dispatcher, an_outcome_that_was_dropped_meanwhile_goes_when_its_answer_comes)
{
    loop_send_jobs(1);
    loop_result(1, KT_OK, "{}");
    kt_ledger_request_t *store   = posted_take(KT_LREQ_STORE);
    kt_payload_t        *payload = store->context;
    kt_event_t           lost    = {.type = KT_EV_LEASE_LOST};
    kt_dispatcher_step_or_fail(&loop.dispatcher, &lost);
    cr_assert(payload->posted);
    store->store.stored = KT_STORED_NEW;
    posted_answer(&loop.port, store, KT_OK);
    cr_assert_eq(loop_outcomes, 1);
}

Test(dispatcher, draining_claims_nothing_more)
{
    loop_hello(NODE_A, KEY_A, "node-a");
    kt_dispatcher_drain_all(&loop.dispatcher);
    loop_open_lease();
    loop_beat(NODE_A, KEY_A, 4);
    cr_assert_eq(posted_count(KT_LREQ_CLAIM), 0);
    cr_assert(kt_dispatcher_is_idle(&loop.dispatcher));
}

Test(dispatcher, what_is_claimed_is_released_at_the_end_while_the_lease_is_held)
{
    loop_send_jobs(3);
    cr_assert_eq(kt_dispatcher_release_all(&loop.dispatcher), 3);
    cr_assert_eq(posted_count(KT_LREQ_RELEASE), 3);
    kt_lease_lose(&loop.lease, "test");
    cr_assert_eq(kt_dispatcher_release_all(&loop.dispatcher), 0);
}

Test(dispatcher, a_node_without_progress_loses_its_files_which_is_counted)
{
    loop_send_jobs(1);
    loop_hello(NODE_B, KEY_B, "node-b");
    for (int seconds = 0; seconds < 40 && !loop.counters.taken_back.stalled; seconds++) {
        kt_msg_t live = {.type = KT_MSG_LIVE};
        loop_pass(1000);
        loop_frame(NODE_A, KEY_A, &live);
        loop_frame(NODE_B, KEY_B, &live);
    }
    cr_assert_eq(loop.counters.taken_back.stalled, 1);
}
