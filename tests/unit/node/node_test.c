// The node as a whole, analysing nothing, against a coordinator that the test plays by hand.
#include "common/log.h"
#include "common/program.h"
#include "common/socket.h"
#include "common/zap.h"
#include "node/node.h"
#include "proto/document.h"
#include "proto/wire.h"

#include <criterion/criterion.h>
#include <czmq.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000, ID_BYTES = 16 };

static char            folder[] = "/tmp/kithara-node-XXXXXX";
static kt_settings_t   settings;
static kt_node_t      *node;
static pthread_t       thread;
static int             signal_fd;
static kt_zap_t       *zap;
static zsock_t        *router;
static kt_wire_arena_t arena;
static zmq_msg_t       id, frame;

static void
set(const char *name, const char *value)
{
    char why[KT_SETTINGS_WHY];
    cr_assert_eq(kt_settings_set(&settings, name, value, why), KT_OK, "%s", why);
}

static void
open_router(void)
{
    char       endpoint[256], path[128], keys[1][KT_CURVE_TEXT];
    kt_curve_t server, own;
    kt_socket_setup();
    snprintf(path, sizeof path, "%s/keys/coordinator", folder);
    cr_assert_eq(kt_curve_load_or_make(path, &server), KT_OK);
    snprintf(path, sizeof path, "%s/keys/node-n", folder);
    cr_assert_eq(kt_curve_load_or_make(path, &own), KT_OK);
    memcpy(keys[0], own.public_key, sizeof keys[0]);
    cr_assert_eq(kt_zap_new(&zap), KT_OK);
    cr_assert_eq(kt_zap_allow(zap, (const char(*)[41])keys, 1), KT_OK);
    cr_assert_eq(kt_socket_router(&router, "tcp://127.0.0.1:0", &server, endpoint), KT_OK);
    zsock_set_rcvtimeo(router, PATIENCE_MS);
    set("ANALYZER_COORDINATORS", endpoint);
}

static void *
run(void *context)
{
    kt_err_t err = kt_node_run(node, signal_fd);
    kt_node_destroy(&node);
    return err ? context : NULL;
}

static void
start_with_fault(const char *fault)
{
    char  why[KT_NODE_WHY];
    char *nothing[] = {NULL};
    signal_fd       = kt_program_signals();
    zmq_msg_init(&id);
    zmq_msg_init(&frame);
    cr_assert(mkdtemp(folder));
    cr_assert_eq(kt_settings_load(&settings, NULL, nothing, why), KT_OK);
    set("ANALYZER_STATE_DIR", folder);
    set("ANALYZER_NODE_NAME", "n");
    set("ANALYZER_WORKERS", "2");
    set("ANALYZER_TEST_FAULT", fault);
    open_router();
    cr_assert_eq(kt_node_new(&node, &settings, why), KT_OK, "%s", why);
    cr_assert_eq(pthread_create(&thread, NULL, run, folder), 0);
}

static void
start(void)
{
    start_with_fault("noop");
}

static int
remove_entry(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)type, (void)at;
    return remove(path);
}

static void
stop(void)
{
    void *failed;
    kill(getpid(), SIGTERM);
    kill(getpid(), SIGINT);
    pthread_join(thread, &failed);
    cr_assert_null(failed);
    zsock_destroy(&router);
    kt_zap_destroy(&zap);
    zmq_msg_close(&id);
    zmq_msg_close(&frame);
    kt_settings_fini(&settings);
    kt_wire_arena_fini(&arena);
    nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(node, .init = start, .fini = stop, .timeout = 60);

static void
say(const kt_msg_t *msg)
{
    kt_buf_t bytes;
    kt_buf_init(&bytes, KT_MAX_FRAME_BYTES);
    cr_assert_eq(kt_wire_encode(msg, &bytes), KT_OK);
    cr_assert_geq(zmq_send(zsock_resolve(router), zmq_msg_data(&id), zmq_msg_size(&id), ZMQ_SNDMORE), 0);
    cr_assert_geq(zmq_send(zsock_resolve(router), bytes.bytes, bytes.length, 0), 0);
    kt_buf_fini(&bytes);
}

// The next message of that type; what else comes meanwhile is the node's routine.
static void
hear_next(kt_msg_t *msg, kt_msg_type_t type)
{
    for (int i = 0; i < 1000; i++) {
        cr_assert_geq(zmq_msg_recv(&id, zsock_resolve(router), 0), 0, "no %s came", kt_msg_name(type));
        cr_assert_geq(zmq_msg_recv(&frame, zsock_resolve(router), 0), 0);
        cr_assert_eq(kt_wire_decode(zmq_msg_data(&frame), zmq_msg_size(&frame), &arena, msg), KT_OK);
        if (msg->type == type)
            return;
    }
    cr_assert_fail("no %s among many messages", kt_msg_name(type));
}

static void
say_welcome(const char *name, const char *value)
{
    kt_wire_setting_t setting = {kt_bytes_of(name), kt_bytes_of(value)};
    kt_msg_t          msg     = {.type = KT_MSG_WELCOME, .welcome = {.wire = 1, .epoch = 1}};
    msg.welcome.coordinator   = kt_bytes_of("by-hand");
    msg.welcome.settings.at   = &setting;
    msg.welcome.settings.n    = 1;
    say(&msg);
}

static void
welcome(void)
{
    kt_msg_t msg;
    hear_next(&msg, KT_MSG_HELLO);
    say_welcome("ANALYZER_N_MFCC", "20");
    hear_next(&msg, KT_MSG_BEAT);
}

static void
say_batch(uint64_t number, uint64_t attempt)
{
    static const char body[] = "{\"message_id\":\"m\",\"file_path\":\"/x.mp3\"}";
    kt_wire_work_t    work   = {.job = 4, .run = 1, .attempt = attempt, .body = {body, sizeof body - 1}};
    kt_msg_t          msg    = {.type = KT_MSG_BATCH, .batch = {.number = number}};
    work.deadline_ms         = 60000;
    msg.batch.items.at       = &work;
    msg.batch.items.n        = 1;
    say(&msg);
}

static void
say_refs(kt_msg_type_t type)
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
    say(&msg);
}

Test(node, it_says_who_it_is_and_that_it_has_room)
{
    kt_msg_t msg;
    hear_next(&msg, KT_MSG_HELLO);
    cr_assert_eq(msg.hello.wire, KT_WIRE_VERSION);
    cr_assert_eq(msg.hello.slots, 2);
    cr_assert_eq(strncmp(msg.hello.name.at, "n", msg.hello.name.n), 0);
    say_welcome("ANALYZER_N_FFT", "1024");
    hear_next(&msg, KT_MSG_BEAT);
    cr_assert_gt(msg.beat.free, 2);
    hear_next(&msg, KT_MSG_LIVE);
    cr_assert_eq(msg.live.workers.n, 2);
}

Test(node, who_is_answered_with_hello)
{
    kt_msg_t msg, who = {.type = KT_MSG_WHO, .who = {.wire = 1}};
    welcome();
    say(&who);
    hear_next(&msg, KT_MSG_HELLO);
}

Test(node, work_becomes_a_valid_document)
{
    char     why[KT_DOCUMENT_WHY] = "";
    kt_msg_t msg;
    welcome();
    say_batch(1, 5);
    hear_next(&msg, KT_MSG_RESULT);
    const kt_wire_outcome_t *outcome = &msg.result.items.at[0];
    cr_assert(outcome->job == 4 && outcome->run == 1 && outcome->attempt == 5 && outcome->err == 0);
    cr_assert_eq(kt_document_check(outcome->document.at, outcome->document.n, why), KT_OK, "%s", why);
}

Test(node, a_result_is_kept_and_sent_again_until_it_is_acknowledged)
{
    kt_msg_t msg;
    welcome();
    say_batch(1, 1);
    hear_next(&msg, KT_MSG_RESULT);
    hear_next(&msg, KT_MSG_BEAT);
    cr_assert_eq(msg.beat.kept.n, 1);
    cr_assert_eq(msg.beat.seen_batch, 1);
    say_welcome("ANALYZER_N_MFCC", "20");
    hear_next(&msg, KT_MSG_RESULT);
    say_refs(KT_MSG_ACK);
    do
        hear_next(&msg, KT_MSG_BEAT);
    while (msg.beat.kept.n);
}

Test(node, the_same_work_again_is_answered_with_the_result_that_is_kept)
{
    kt_msg_t msg;
    welcome();
    say_batch(1, 1);
    hear_next(&msg, KT_MSG_RESULT);
    say_batch(2, 2);
    hear_next(&msg, KT_MSG_RESULT);
    cr_assert_eq(msg.result.items.n, 1);
    cr_assert_eq(msg.result.items.at[0].attempt, 1);
}

Test(node, a_refused_result_comes_back_as_a_failure)
{
    kt_msg_t          msg, nack = {.type = KT_MSG_NACK};
    kt_wire_refusal_t refusal              = {4, 1, KT_EBADDATA};
    char              why[KT_DOCUMENT_WHY] = "";
    nack.nack.items.at                     = &refusal;
    nack.nack.items.n                      = 1;
    welcome();
    say_batch(1, 1);
    hear_next(&msg, KT_MSG_RESULT);
    say(&nack);
    hear_next(&msg, KT_MSG_RESULT);
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
    say(&msg);
    hear_next(&msg, KT_MSG_RESULT);
    cr_assert_eq(msg.result.items.at[0].err, KT_EMESSAGE);
}

Test(node, a_drained_node_has_no_room)
{
    kt_msg_t msg, drain = {.type = KT_MSG_DRAIN, .drain = {.on = true, .reason = kt_bytes_of("asked")}};
    welcome();
    say(&drain);
    do
        hear_next(&msg, KT_MSG_BEAT);
    while (msg.beat.free);
    drain.drain.on = false;
    say(&drain);
    do
        hear_next(&msg, KT_MSG_BEAT);
    while (!msg.beat.free);
}

Test(node, a_cancelled_result_is_forgotten)
{
    kt_msg_t msg;
    welcome();
    say_batch(1, 1);
    hear_next(&msg, KT_MSG_RESULT);
    say_refs(KT_MSG_CANCEL);
    do
        hear_next(&msg, KT_MSG_BEAT);
    while (msg.beat.kept.n);
}

Test(node, a_signal_drains_it_and_it_says_goodbye_when_its_results_are_acknowledged)
{
    kt_msg_t msg;
    welcome();
    say_batch(1, 1);
    hear_next(&msg, KT_MSG_RESULT);
    kill(getpid(), SIGTERM);
    do
        hear_next(&msg, KT_MSG_BEAT);
    while (!msg.beat.leaving);
    cr_assert_eq(msg.beat.free, 0);
    say_refs(KT_MSG_ACK);
    hear_next(&msg, KT_MSG_BYE);
}

Test(node, garbage_harms_nothing)
{
    kt_msg_t msg;
    welcome();
    for (unsigned length = 1; length < 200; length += 9) {
        char bytes[200];
        memset(bytes, (int)(length * 37), sizeof bytes);
        cr_assert_geq(zmq_send(zsock_resolve(router), zmq_msg_data(&id), zmq_msg_size(&id), ZMQ_SNDMORE), 0);
        cr_assert_geq(zmq_send(zsock_resolve(router), bytes, length, 0), 0);
    }
    say_batch(1, 1);
    hear_next(&msg, KT_MSG_RESULT);
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
    say_batch(1, 1);
    hear_next(&msg, KT_MSG_RESULT);
    cr_assert_eq(msg.result.items.at[0].err, KT_EROOT, "%s", kt_err_name(msg.result.items.at[0].err));
}
