// The node as a whole, analysing nothing, against a coordinator that the test plays by hand.
#include "proto/document.h"
#include "tests/unit/node/node_fixture.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static px_peer_t peer;  // plays the coordinator

static void
start_with_fault(const char *fault)
{
    char       endpoint[256], path[128];
    kt_curve_t server;
    nx_open();
    px_peer_init(&peer, true);
    snprintf(path, sizeof path, "%s/keys/coordinator", px_folder);
    cr_assert_eq(kt_curve_load_or_make(path, &server), KT_OK);
    cr_assert_eq(kt_socket_router(&peer.socket, "tcp://127.0.0.1:0", &server, endpoint), KT_OK);
    px_set("ANALYZER_COORDINATORS", endpoint);
    px_set("ANALYZER_TEST_FAULT", fault);
    nx_start();
}

static void
start(void)
{
    start_with_fault("noop");
}

static void
stop(void)
{
    nx_close();
    px_peer_fini(&peer);
}

TestSuite(node, .init = start, .fini = stop, .timeout = 60);

static void
send_welcome(const char *name, const char *value)
{
    kt_wire_setting_t setting = {kt_bytes_of(name), kt_bytes_of(value)};
    kt_msg_t          msg     = {.type = KT_MSG_WELCOME, .welcome = {.wire = 1, .epoch = 1}};
    msg.welcome.coordinator   = kt_bytes_of("by-hand");
    msg.welcome.settings.at   = &setting;
    msg.welcome.settings.n    = 1;
    px_send(&peer, &msg);
}

static void
welcome(void)
{
    kt_msg_t msg;
    px_receive_next(&peer, &msg, KT_MSG_HELLO);
    send_welcome("ANALYZER_N_MFCC", "20");
    px_receive_next(&peer, &msg, KT_MSG_BEAT);
}

static void
send_batch(uint64_t number, uint64_t attempt)
{
    static const char body[] = "{\"message_id\":\"m\",\"file_path\":\"/x.mp3\"}";
    kt_wire_work_t    work   = {.job = 4, .run = 1, .attempt = attempt, .body = {body, sizeof body - 1}};
    kt_msg_t          msg    = {.type = KT_MSG_BATCH, .batch = {.number = number}};
    work.deadline_ms         = 60000;
    msg.batch.items.at       = &work;
    msg.batch.items.n        = 1;
    px_send(&peer, &msg);
}

static void
send_refs(kt_msg_type_t type)
{
    kt_wire_ref_t ref = {4, 1};
    kt_msg_t      msg = {.type = type};
    if (type == KT_MSG_ACK) {
        msg.ack.items.at = &ref;
        msg.ack.items.n  = 1;
    } else {
        msg.cancel.items.at = &ref;
        msg.cancel.items.n  = 1;
    }
    px_send(&peer, &msg);
}

Test(node, it_sends_hello_with_its_room)
{
    kt_msg_t msg;
    px_receive_next(&peer, &msg, KT_MSG_HELLO);
    cr_assert_eq(msg.hello.wire, KT_WIRE_VERSION);
    cr_assert_eq(msg.hello.slots, 2);
    cr_assert_eq(strncmp(msg.hello.name.at, "n", msg.hello.name.n), 0);
    send_welcome("ANALYZER_N_FFT", "1024");
    px_receive_next(&peer, &msg, KT_MSG_BEAT);
    cr_assert_gt(msg.beat.free, 2);
    px_receive_next(&peer, &msg, KT_MSG_LIVE);
    cr_assert_eq(msg.live.workers.n, 2);
}

Test(node, who_is_answered_with_hello)
{
    kt_msg_t msg, who = {.type = KT_MSG_WHO, .who = {.wire = 1}};
    welcome();
    px_send(&peer, &who);
    px_receive_next(&peer, &msg, KT_MSG_HELLO);
}

Test(node, work_becomes_a_valid_document)
{
    char     why[KT_DOCUMENT_WHY] = "";
    kt_msg_t msg;
    welcome();
    send_batch(1, 5);
    px_receive_next(&peer, &msg, KT_MSG_RESULT);
    const kt_wire_outcome_t *outcome = &msg.result.items.at[0];
    cr_assert(outcome->job == 4 && outcome->run == 1 && outcome->attempt == 5 && outcome->err == 0);
    cr_assert_eq(kt_document_check(outcome->document.at, outcome->document.n, why), KT_OK, "%s", why);
}

Test(node, a_result_is_kept_and_sent_again_until_it_is_acknowledged)
{
    kt_msg_t msg;
    welcome();
    send_batch(1, 1);
    px_receive_next(&peer, &msg, KT_MSG_RESULT);
    px_receive_next(&peer, &msg, KT_MSG_BEAT);
    cr_assert_eq(msg.beat.kept.n, 1);
    cr_assert_eq(msg.beat.seen_batch, 1);
    send_welcome("ANALYZER_N_MFCC", "20");
    px_receive_next(&peer, &msg, KT_MSG_RESULT);
    send_refs(KT_MSG_ACK);
    do
        px_receive_next(&peer, &msg, KT_MSG_BEAT);
    while (msg.beat.kept.n);
}

Test(node, the_same_work_again_is_answered_with_the_result_that_is_kept)
{
    kt_msg_t msg;
    welcome();
    send_batch(1, 1);
    px_receive_next(&peer, &msg, KT_MSG_RESULT);
    send_batch(2, 2);
    px_receive_next(&peer, &msg, KT_MSG_RESULT);
    cr_assert_eq(msg.result.items.n, 1);
    cr_assert_eq(msg.result.items.at[0].attempt, 1);
}

Test(node, a_refused_result_becomes_a_failure)
{
    kt_msg_t          msg, nack = {.type = KT_MSG_NACK};
    kt_wire_refusal_t refusal              = {4, 1, KT_EBADDATA};
    char              why[KT_DOCUMENT_WHY] = "";
    nack.nack.items.at                     = &refusal;
    nack.nack.items.n                      = 1;
    welcome();
    send_batch(1, 1);
    px_receive_next(&peer, &msg, KT_MSG_RESULT);
    px_send(&peer, &nack);
    px_receive_next(&peer, &msg, KT_MSG_RESULT);
    const kt_wire_outcome_t *outcome = &msg.result.items.at[0];
    cr_assert_eq(outcome->err, KT_EBADDATA);
    cr_assert_eq(kt_document_check(outcome->document.at, outcome->document.n, why), KT_OK, "%s", why);
}

Test(node, a_malformed_message_is_a_failure_of_its_job)
{
    kt_msg_t       msg  = {.type = KT_MSG_BATCH, .batch = {.number = 1}};
    kt_wire_work_t work = {.job = 4, .run = 1, .attempt = 1, .body = {"{", 1}};
    welcome();
    msg.batch.items.at = &work;
    msg.batch.items.n  = 1;
    px_send(&peer, &msg);
    px_receive_next(&peer, &msg, KT_MSG_RESULT);
    cr_assert_eq(msg.result.items.at[0].err, KT_EMESSAGE);
}

Test(node, a_drained_node_has_no_room)
{
    kt_msg_t msg, drain = {.type = KT_MSG_DRAIN, .drain = {.on = true, .reason = kt_bytes_of("asked")}};
    welcome();
    px_send(&peer, &drain);
    do
        px_receive_next(&peer, &msg, KT_MSG_BEAT);
    while (msg.beat.free);
    drain.drain.on = false;
    px_send(&peer, &drain);
    do
        px_receive_next(&peer, &msg, KT_MSG_BEAT);
    while (!msg.beat.free);
}

Test(node, a_cancelled_result_is_dropped)
{
    kt_msg_t msg;
    welcome();
    send_batch(1, 1);
    px_receive_next(&peer, &msg, KT_MSG_RESULT);
    send_refs(KT_MSG_CANCEL);
    do
        px_receive_next(&peer, &msg, KT_MSG_BEAT);
    while (msg.beat.kept.n);
}

Test(node, a_signal_drains_it_and_it_sends_bye_when_its_results_are_acknowledged)
{
    kt_msg_t msg;
    welcome();
    send_batch(1, 1);
    px_receive_next(&peer, &msg, KT_MSG_RESULT);
    kill(getpid(), SIGTERM);
    do
        px_receive_next(&peer, &msg, KT_MSG_BEAT);
    while (!msg.beat.leaving);
    cr_assert_eq(msg.beat.free, 0);
    send_refs(KT_MSG_ACK);
    px_receive_next(&peer, &msg, KT_MSG_BYE);
}

Test(node, garbage_harms_nothing)
{
    kt_msg_t msg;
    welcome();
    for (unsigned length = 1; length < 200; length += 9) {
        char bytes[200];
        memset(bytes, (int)(length * 37), sizeof bytes);
        px_send_bytes(&peer, bytes, length);
    }
    send_batch(1, 1);
    px_receive_next(&peer, &msg, KT_MSG_RESULT);
}

static void
start_with_noop_in_a_word(void)
{
    start_with_fault("crash:noop_x");
}

TestSuite(node_with_a_fault, .init = start_with_noop_in_a_word, .fini = stop, .timeout = 60);

Test(node_with_a_fault, a_word_that_contains_noop_leaves_the_node_analysing)
{
    kt_msg_t msg;
    welcome();
    send_batch(1, 1);
    px_receive_next(&peer, &msg, KT_MSG_RESULT);
    cr_assert_eq(msg.result.items.at[0].err, KT_EROOT, "%s", kt_err_name(msg.result.items.at[0].err));
}
