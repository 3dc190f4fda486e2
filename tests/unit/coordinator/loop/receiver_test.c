// Frames become events; what cannot be one is counted, refused, or answered by WHO.
#include "loop_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(receiver, .init = loop_set_up, .fini = loop_tear_down);

static void
live(kt_node_handle_t from, const char *key)
{
    kt_msg_t msg = {.type = KT_MSG_LIVE};
    loop_frame(from, key, &msg);
}

Test(receiver, a_bad_frame_is_counted_and_does_nothing)
{
    for (int i = 0; i < 3; i++)
        kt_receiver_frame(&loop.receiver, NODE_A, KEY_A, "\xc1garbage", 8);
    kt_receiver_frame(&loop.receiver, 0, "", NULL, 0);
    cr_assert_eq(loop.counters.bad_frames, 4);
    cr_assert_eq(loop.receiver.bad_last_logged_ms, posted_clock.ms);
    cr_assert_eq(loop_n_sent(KT_MSG_WHO), 0);
}

Test(receiver, bad_frames_are_logged_once_per_second)
{
    kt_receiver_frame(&loop.receiver, NODE_A, KEY_A, "x", 1);
    int64_t first_ms = loop.receiver.bad_last_logged_ms;
    posted_clock.ms += 999;
    kt_receiver_frame(&loop.receiver, NODE_A, KEY_A, "x", 1);
    cr_assert_eq(loop.receiver.bad_last_logged_ms, first_ms);
    posted_clock.ms += 1;
    kt_receiver_frame(&loop.receiver, NODE_A, KEY_A, "x", 1);
    cr_assert_eq(loop.receiver.bad_last_logged_ms, first_ms + 1000);
}

Test(receiver, an_unknown_peer_gets_who_once_per_interval)
{
    live(NODE_A, KEY_A);
    live(NODE_A, KEY_A);
    cr_assert_eq(loop_n_sent(KT_MSG_WHO), 1);
    live(NODE_B, KEY_B);
    cr_assert_eq(loop_n_sent(KT_MSG_WHO), 2);
    posted_clock.ms += KT_WHO_MS - 1;
    live(NODE_A, KEY_A);
    cr_assert_eq(loop_n_sent(KT_MSG_WHO), 2);
    posted_clock.ms += 1;
    live(NODE_A, KEY_A);
    cr_assert_eq(loop_n_sent(KT_MSG_WHO), 3);
}

Test(receiver, a_frame_under_another_key_is_not_taken)
{
    loop_hello(NODE_A, KEY_A, "node-a");
    kt_msg_t bye = {.type = KT_MSG_BYE};
    loop_frame(NODE_A, KEY_B, &bye);
    cr_assert_not_null(kt_peers_find(&loop.peers, NODE_A));
    cr_assert_eq(loop_n_sent(KT_MSG_WHO), 1);
}

Test(receiver, a_result_without_a_document_is_refused)
{
    loop_send_jobs(1);
    loop_result(1, KT_OK, "");
    cr_assert_eq(posted_count(KT_LREQ_STORE), 0);
    cr_assert_eq(loop_last(KT_MSG_NACK)->nack.items.at[0].err, KT_EDOCUMENT);
}

Test(receiver, stage_times_of_stored_results_are_summed_and_absurd_ones_are_none)
{
    kt_wire_stage_time_t stages[] = {{kt_bytes_of("decode"), 40}, {kt_bytes_of("spectral"), UINT64_MAX}};
    kt_wire_outcome_t    item     = {.job = 1, .run = 1, .attempt = 1, .document = kt_bytes_of("{}")};
    kt_msg_t             msg      = {.type = KT_MSG_RESULT};
    loop_send_jobs(1);
    item.credential     = loop_work(1)->credential;
    item.stages.at      = stages;
    item.stages.n       = 2;
    msg.result.items.at = &item;
    msg.result.items.n  = 1;
    loop_frame(NODE_A, KEY_A, &msg);
    kt_ledger_request_t *store = posted_take(KT_LREQ_STORE);
    cr_assert_eq(loop.counters.n_stages, 0);  // a repeated result is not counted
    store->store.stored = KT_STORED_NEW;
    posted_answer(&loop.port, store, KT_OK);
    cr_assert_eq(loop.counters.n_stages, 2);
    cr_assert_str_eq(loop.counters.stages[0].name, "decode");
    cr_assert_eq(loop.counters.stages[0].times.us, 40);
    cr_assert_eq(loop.counters.stages[1].times.us, 0);
}

Test(receiver, lists_of_a_peer_that_has_not_sent_hello_are_not_read)
{
    static kt_wire_held_t held[KT_REFUSED_MOST];
    const kt_msg_t        beat   = {.type = KT_MSG_BEAT, .beat = {.held = {held, KT_REFUSED_MOST}}};
    const size_t          before = loop.receiver.arena.capacity;
    loop_frame(NODE_A, KEY_A, &beat);
    cr_assert_eq(loop_n_sent(KT_MSG_WHO), 1);
    cr_assert_eq(loop.receiver.arena.capacity, before);
    loop_hello(NODE_A, KEY_A, "node-a");
    loop_frame(NODE_A, KEY_A, &beat);
    cr_assert_gt(loop.receiver.arena.capacity, before);
}

Test(receiver, a_peer_of_too_many_wrong_credentials_is_not_read_for_the_rest_of_a_second)
{
    static kt_wire_held_t           invented[KT_REFUSED_MOST];
    const kt_refused_credentials_t *refused = &loop.counters.refused_credentials;
    kt_msg_t                        beat    = {.type = KT_MSG_BEAT, .beat = {.held = {invented, KT_REFUSED_MOST}}};
    for (size_t i = 0; i < KT_REFUSED_MOST; i++)
        invented[i] = (kt_wire_held_t){i + 100, 1, 1, 1, kt_bytes_of("0123456789abcdef")};
    loop_send_jobs(1);
    loop_frame(NODE_A, KEY_A, &beat);
    loop_frame(NODE_A, KEY_A, &beat);
    loop_result(1, KT_OK, "{}");
    cr_assert_eq(refused->held, KT_REFUSED_MOST);
    cr_assert_eq(refused->frames, 2);
    cr_assert_eq(posted_count(KT_LREQ_STORE), 0, "lost, to its sender");
    live(NODE_B, KEY_B);
    cr_assert_eq(loop_n_sent(KT_MSG_WHO), 1, "others are read");
    posted_clock.ms += KT_REFUSED_MS;
    loop_result(1, KT_OK, "{}");
    cr_assert_eq(posted_count(KT_LREQ_STORE), 1);
    loop_frame(NODE_A, KEY_A, &beat);
    cr_assert_eq(refused->held, 2 * KT_REFUSED_MOST);
}

Test(receiver, numbers_out_of_range_match_no_job)
{
    kt_wire_outcome_t item = {.job = 1, .run = UINT64_MAX, .attempt = (1ull << 32) + 1, .document = kt_bytes_of("{}")};
    kt_msg_t          msg  = {.type = KT_MSG_RESULT};
    loop_send_jobs(1);
    item.credential     = loop_credential((kt_run_id_t){1, 0}, 0, KEY_A);
    msg.result.items.at = &item;
    msg.result.items.n  = 1;
    loop_frame(NODE_A, KEY_A, &msg);
    kt_ledger_request_t *store = posted_take(KT_LREQ_STORE);
    cr_assert_not_null(store);  // an unknown run's outcome: the ledger decides
    cr_assert_eq(store->store.result.id.run, 0);
    cr_assert_eq(store->store.result.attempt, 0);
    posted_answer(&loop.port, store, KT_ECLOSED);
}

// All that is said about job 1 of node-a with that credential by the other node, or by node-a.
static void
say_all(kt_node_handle_t from, const char *key, uint32_t attempt, kt_bytes_t credential)
{
    kt_wire_held_t    held    = {1, 1, attempt, 1, credential};
    kt_wire_outcome_t outcome = {
        .job = 1, .run = 1, .attempt = attempt, .document = kt_bytes_of("{}"), .credential = credential};
    kt_msg_t started = {.type = KT_MSG_STARTED, .started = {.items = {&held, 1}}};
    kt_msg_t beat    = {.type = KT_MSG_BEAT, .beat = {.held = {&held, 1}}};
    kt_msg_t result  = {.type = KT_MSG_RESULT, .result = {.items = {&outcome, 1}}};
    loop_frame(from, key, &started);
    loop_frame(from, key, &beat);
    loop_frame(from, key, &result);
}

static void
nothing_happened(uint64_t times)
{
    kt_job_view_t                   view;
    const kt_refused_credentials_t *refused = &loop.counters.refused_credentials;
    cr_assert_eq(refused->started, times);
    cr_assert_eq(refused->held, times);
    cr_assert_eq(refused->outcome, times);
    cr_assert_eq(posted_count(KT_LREQ_STORE), 0);
    cr_assert_eq(loop_n_sent(KT_MSG_ACK), 0);
    cr_assert(kt_sched_view_job(loop.dispatcher.sched, (kt_run_id_t){1, 1}, posted_clock.ms, &view));
    cr_assert_str_eq(view.state, "sent");
    cr_assert_str_eq(view.node, "node-a");
}

Test(receiver, what_a_node_says_about_the_run_of_another_does_nothing)
{
    loop_send_jobs(1);
    loop_hello(NODE_B, KEY_B, "node-b");
    uint32_t attempt = loop_work(1)->attempt;
    char     stolen[KT_CREDENTIAL_BYTES];
    memcpy(stolen, loop_work(1)->credential.at, sizeof stolen);
    say_all(NODE_B, KEY_B, attempt, (kt_bytes_t){stolen, sizeof stolen});
    nothing_happened(1);
    cr_assert_eq(loop_last_to(KT_MSG_CANCEL), NODE_B);
    cr_assert_eq(loop_n_sent(KT_MSG_CANCEL), 1);
}

Test(receiver, a_credential_is_of_one_run_and_attempt)
{
    static const kt_bytes_t NONE = {NULL, 0};
    loop_send_jobs(2);
    uint32_t attempt = loop_work(1)->attempt;
    say_all(NODE_A, KEY_A, attempt, NONE);
    say_all(NODE_A, KEY_A, attempt, loop_credential((kt_run_id_t){2, 1}, attempt, KEY_A));
    say_all(NODE_A, KEY_A, attempt, loop_credential((kt_run_id_t){1, 2}, attempt, KEY_A));
    say_all(NODE_A, KEY_A, attempt, loop_credential((kt_run_id_t){1, 1}, attempt + 1, KEY_A));
    nothing_happened(4);
    say_all(NODE_A, KEY_A, attempt, loop_credential((kt_run_id_t){1, 1}, attempt, KEY_A));
    cr_assert_eq(posted_count(KT_LREQ_STORE), 1);
}

Test(receiver, what_matches_its_claim_is_not_computed_again)
{
    static const kt_credentials_t NONE;
    char                          given[KT_CREDENTIAL_BYTES];
    loop_send_jobs(1);
    uint32_t attempt = loop_work(1)->attempt;
    memcpy(given, loop_work(1)->credential.at, sizeof given);
    loop.dispatcher.opts.credentials = &NONE;
    say_all(NODE_A, KEY_A, attempt, (kt_bytes_t){given, sizeof given});
    cr_assert_eq(posted_count(KT_LREQ_STORE), 1);
    cr_assert_eq(loop.counters.refused_credentials.started, 0);
}

Test(receiver, thousands_of_invented_entries_starve_nobody)
{
    enum { INVENTED = 8192 };
    static kt_wire_held_t held[INVENTED];
    kt_node_view_t        views[2];
    loop_send_jobs(1);
    loop_hello(NODE_B, KEY_B, "node-b");
    for (size_t i = 0; i < INVENTED; i++)
        held[i] = (kt_wire_held_t){1 + i, 1, 1, i & 1, kt_bytes_of("0123456789abcdef")};
    kt_msg_t beat = {.type = KT_MSG_BEAT, .beat = {.held = {held, INVENTED}}};
    loop_frame(NODE_B, KEY_B, &beat);
    cr_assert_eq(loop.counters.refused_credentials.held, INVENTED);
    cr_assert_eq(kt_sched_view_nodes(loop.dispatcher.sched, posted_clock.ms, views, 2), 2);
    cr_assert_eq(views[0].held + views[1].held, 1);
}

Test(receiver, bad_credentials_are_logged_once_per_second)
{
    loop_send_jobs(1);
    say_all(NODE_A, KEY_A, 9, kt_bytes_of("x"));
    int64_t first_ms = loop.receiver.credential_last_logged_ms;
    cr_assert_eq(first_ms, posted_clock.ms);
    posted_clock.ms += 999;
    say_all(NODE_A, KEY_A, 9, kt_bytes_of("x"));
    cr_assert_eq(loop.receiver.credential_last_logged_ms, first_ms);
}

Test(receiver, a_beat_shows_the_nodes_memory_and_gpus)
{
    kt_msg_t msg = {.type = KT_MSG_BEAT,
                    .beat = {.free = UINT64_MAX, .memory_mb = 5, .gpus = 2, .gpu_percent = -1, .gpu_celsius = 60}};
    loop_hello(NODE_A, KEY_A, "node-a");
    loop_frame(NODE_A, KEY_A, &msg);
    const kt_peer_t *peer = kt_peers_find(&loop.peers, NODE_A);
    cr_assert_eq(peer->memory_mb, 5);
    cr_assert_eq(peer->gpu.gpus, 2);
    cr_assert_eq(peer->gpu.percent, -1);
    cr_assert_eq(peer->heard_ms, posted_clock.ms);
}

Test(receiver, bye_removes_the_peer)
{
    kt_msg_t msg = {.type = KT_MSG_BYE, .bye = {.reason = kt_bytes_of("done")}};
    loop_hello(NODE_A, KEY_A, "node-a");
    loop_frame(NODE_A, KEY_A, &msg);
    cr_assert_null(kt_peers_find(&loop.peers, NODE_A));
}

Test(receiver, a_message_of_the_coordinators_own_is_not_taken)
{
    kt_msg_t msg = {.type = KT_MSG_DRAIN};
    loop_hello(NODE_A, KEY_A, "node-a");
    loop_frame(NODE_A, KEY_A, &msg);
    cr_assert_not_null(kt_peers_find(&loop.peers, NODE_A));
    cr_assert_eq(loop_fatals, 0);
}

Test(receiver, ended_connections_are_counted_by_kind)
{
    kt_receiver_ended(&loop.receiver, false);
    kt_receiver_ended(&loop.receiver, true);
    kt_receiver_ended(&loop.receiver, true);
    cr_assert_eq(loop.counters.connections_ended, 1);
    cr_assert_eq(loop.counters.handshakes_failed, 2);
}
