// A node, analysing nothing, that serves two coordinators, which the test plays by hand; each has a key of its own.
#include "common/clock.h"
#include "common/program.h"
#include "common/socket.h"
#include "common/zap.h"
#include "node/node.h"
#include "proto/wire.h"

#include <criterion/criterion.h>
#include <czmq.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000, SIDES = 2 };

typedef struct side {
    kt_curve_t key;
    char       endpoint[256];
    zsock_t   *router;
    zmq_msg_t  id, frame;
    uint64_t   batch;
} side_t;

static char            folder[] = "/tmp/kithara-nodes-XXXXXX";
static kt_settings_t   settings;
static kt_node_t      *node;
static pthread_t       thread;
static int             signal_fd;
static kt_zap_t       *zap;
static side_t          sides[SIDES];
static kt_curve_t      own;
static kt_wire_arena_t arena;
static bool            running;

static void
set(const char *name, const char *value)
{
    char why[KT_SETTINGS_WHY];
    cr_assert_eq(kt_settings_set(&settings, name, value, why), KT_OK, "%s", why);
}

static void
allow(bool on)
{
    char keys[1][KT_CURVE_TEXT];
    memcpy(keys[0], own.public_key, sizeof keys[0]);
    cr_assert_eq(kt_zap_allow(zap, (const char(*)[41])keys, on), KT_OK);
}

static void
make(void)
{
    char  path[256], why[KT_NODE_WHY], text[1024];
    char *nothing[] = {NULL};
    signal_fd       = kt_program_signals();
    cr_assert(mkdtemp(folder));
    cr_assert_eq(kt_settings_load(&settings, NULL, nothing, why), KT_OK);
    snprintf(path, sizeof path, "%s/keys/node-n", folder);
    cr_assert_eq(kt_curve_load_or_make(path, &own), KT_OK);
    cr_assert_eq(kt_zap_new(&zap), KT_OK);
    allow(true);
    for (int i = 0; i < SIDES; i++) {
        cr_assert_eq(kt_curve_new(&sides[i].key), KT_OK);
        cr_assert_eq(kt_socket_router(&sides[i].router, "tcp://127.0.0.1:0", &sides[i].key, sides[i].endpoint), KT_OK);
        zsock_set_rcvtimeo(sides[i].router, PATIENCE_MS);
        zmq_msg_init(&sides[i].id);
        zmq_msg_init(&sides[i].frame);
    }
    set("ANALYZER_STATE_DIR", folder);
    set("ANALYZER_NODE_NAME", "n");
    set("ANALYZER_WORKERS", "2");
    set("ANALYZER_TEST_FAULT", "noop");
    snprintf(text, sizeof text, "%s %s", sides[0].endpoint, sides[1].endpoint);
    set("ANALYZER_COORDINATORS", text);
    snprintf(text, sizeof text, "%s %s", sides[0].key.public_key, sides[1].key.public_key);
    set("ANALYZER_COORDINATOR_KEY", text);
}

static void *
run(void *context)
{
    kt_err_t err = kt_node_run(node, signal_fd);
    kt_node_destroy(&node);
    return err ? context : NULL;
}

static void
begin(void)
{
    char why[KT_NODE_WHY];
    cr_assert_eq(kt_node_new(&node, &settings, why), KT_OK, "%s", why);
    cr_assert_eq(pthread_create(&thread, NULL, run, folder), 0);
    running = true;
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
    void *failed = NULL;
    kill(getpid(), SIGTERM);
    kill(getpid(), SIGINT);
    if (running)
        pthread_join(thread, &failed);
    cr_assert_null(failed);
    for (int i = 0; i < SIDES; i++) {
        zsock_destroy(&sides[i].router);
        zmq_msg_close(&sides[i].id);
        zmq_msg_close(&sides[i].frame);
    }
    kt_zap_destroy(&zap);
    kt_settings_fini(&settings);
    kt_wire_arena_fini(&arena);
    nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(coordinators, .init = make, .fini = stop, .timeout = 60);

static void
say(side_t *side, const kt_msg_t *msg)
{
    kt_buf_t bytes;
    kt_buf_init(&bytes, KT_MAX_FRAME_BYTES);
    cr_assert_eq(kt_wire_encode(msg, &bytes), KT_OK);
    void *socket = zsock_resolve(side->router);
    cr_assert_geq(zmq_send(socket, zmq_msg_data(&side->id), zmq_msg_size(&side->id), ZMQ_SNDMORE), 0);
    cr_assert_geq(zmq_send(socket, bytes.bytes, bytes.length, 0), 0);
    kt_buf_fini(&bytes);
}

static void
hear(side_t *side, kt_msg_t *msg, kt_msg_type_t type)
{
    for (int i = 0; i < 1000; i++) {
        void *socket = zsock_resolve(side->router);
        cr_assert_geq(zmq_msg_recv(&side->id, socket, 0), 0, "no %s came", kt_msg_name(type));
        cr_assert_geq(zmq_msg_recv(&side->frame, socket, 0), 0);
        cr_assert_eq(kt_wire_decode(zmq_msg_data(&side->frame), zmq_msg_size(&side->frame), &arena, msg), KT_OK);
        if (msg->type == type)
            return;
    }
    cr_assert_fail("no %s among many messages", kt_msg_name(type));
}

static void
welcome(side_t *side)
{
    kt_msg_t msg;
    hear(side, &msg, KT_MSG_HELLO);
    msg = (kt_msg_t){.type = KT_MSG_WELCOME, .welcome = {.wire = 1, .epoch = 1, .coordinator = kt_bytes_of("hand")}};
    say(side, &msg);
}

static void
give(side_t *side, uint64_t first, size_t n)
{
    kt_wire_work_t works[64];
    kt_msg_t       msg = {.type = KT_MSG_BATCH, .batch = {.number = ++side->batch, .items = {works, n}}};
    for (size_t i = 0; i < n; i++)
        works[i] =
            (kt_wire_work_t){.job = first + i, .run = 1, .attempt = 1, .body = kt_bytes_of("{\"file_path\":\"/a\"}")};
    say(side, &msg);
}

Test(coordinators, each_is_known_by_its_own_key_and_both_get_results)
{
    kt_msg_t msg;
    begin();
    for (int i = 0; i < SIDES; i++) {
        welcome(&sides[i]);
        hear(&sides[i], &msg, KT_MSG_BEAT);
        give(&sides[i], 10 + (uint64_t)i, 1);
        hear(&sides[i], &msg, KT_MSG_RESULT);
        cr_assert_eq(msg.result.items.at[0].job, (uint64_t)(10 + i));
    }
}

Test(coordinators, together_they_get_no_more_credit_than_there_is_room)
{
    kt_msg_t msg;
    begin();
    welcome(&sides[0]);
    hear(&sides[0], &msg, KT_MSG_BEAT);
    uint64_t alone = msg.beat.free;
    welcome(&sides[1]);
    uint64_t sum = 0;
    for (int i = 0; i < SIDES; i++) {
        for (int beats = 0; beats < 2; beats++)  // the second is after the other one's welcome
            hear(&sides[i], &msg, KT_MSG_BEAT);
        sum += msg.beat.free;
    }
    cr_assert_gt(alone, 1);
    cr_assert_eq(sum, alone);
}

Test(coordinators, beyond_the_credit_nothing_is_taken)
{
    kt_msg_t msg;
    begin();
    welcome(&sides[0]);
    hear(&sides[0], &msg, KT_MSG_BEAT);
    size_t credit = msg.beat.free;
    give(&sides[0], 1, credit < 60 ? credit + 4 : 64);
    hear(&sides[0], &msg, KT_MSG_BEAT);
    cr_assert_leq(msg.beat.held.n, credit);
}

Test(coordinators, what_a_dead_one_gave_goes_to_the_other)
{
    kt_msg_t msg;
    begin();
    welcome(&sides[0]);
    welcome(&sides[1]);
    hear(&sides[0], &msg, KT_MSG_BEAT);
    give(&sides[0], 7, 1);
    hear(&sides[0], &msg, KT_MSG_RESULT);
    zsock_destroy(&sides[0].router);  // before it has stored it
    hear(&sides[1], &msg, KT_MSG_RESULT);
    cr_assert_eq(msg.result.items.at[0].job, 7);
    do {
        hear(&sides[1], &msg, KT_MSG_BEAT);
    } while (!msg.beat.kept.n);
    cr_assert_eq(msg.beat.kept.at[0].job, 7);
    kt_wire_ref_t ref = {7, 1};
    kt_msg_t      ack = {.type = KT_MSG_ACK, .ack = {.items = {&ref, 1}}};
    say(&sides[1], &ack);
    do {
        hear(&sides[1], &msg, KT_MSG_BEAT);
    } while (msg.beat.kept.n);
}

Test(coordinators, a_file_that_is_to_be_alone_begins_and_nothing_is_taken_meanwhile)
{
    kt_msg_t       msg;
    kt_wire_work_t work = {
        .job = 3, .run = 1, .attempt = 1, .body = kt_bytes_of("{\"file_path\":\"/a\"}"), .exclusive = true};
    begin();
    welcome(&sides[0]);
    hear(&sides[0], &msg, KT_MSG_BEAT);
    kt_msg_t batch = {.type = KT_MSG_BATCH, .batch = {.number = 1, .items = {&work, 1}}};
    say(&sides[0], &batch);
    hear(&sides[0], &msg, KT_MSG_RESULT);
    cr_assert_eq(msg.result.items.at[0].job, 3);
}

Test(coordinators, a_key_that_is_allowed_late_gets_in_soon)
{
    kt_msg_t msg;
    allow(false);
    begin();
    zsock_set_rcvtimeo(sides[0].router, 1500);
    cr_assert_lt(zmq_msg_recv(&sides[0].id, zsock_resolve(sides[0].router), 0), 0);  // it knocks in vain
    allow(true);
    int64_t from_ms = kt_clock_ms();
    zsock_set_rcvtimeo(sides[0].router, PATIENCE_MS);
    hear(&sides[0], &msg, KT_MSG_HELLO);
    cr_assert_lt(kt_clock_ms() - from_ms,
                 3000);  // a second between two knocks, on a machine that does other things too
}

Test(coordinators, keys_that_do_not_fit_their_number_are_refused)
{
    char why[KT_NODE_WHY], text[256];
    snprintf(text, sizeof text, "%s %s %s", own.public_key, own.public_key, own.public_key);
    set("ANALYZER_COORDINATOR_KEY", text);
    cr_assert_eq(kt_node_new(&node, &settings, why), KT_ESETTING);
    cr_assert(strstr(why, "3 keys for 2 coordinators"), "%s", why);
    set("ANALYZER_COORDINATOR_KEY", own.public_key);
    cr_assert_eq(kt_node_new(&node, &settings, why), KT_OK, "%s", why);
    kt_node_destroy(&node);
}
