// A node, analysing nothing, that serves two coordinators, which the test plays by hand; each has a key of its own.
#include "common/clock.h"
#include "node/node.h"
#include "tests/unit/node/node_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { SIDES = 2 };

typedef struct side {
    kt_curve_t key;
    char       endpoint[256];
    px_peer_t  peer;
    uint64_t   batch;
} side_t;

static side_t sides[SIDES];

static void
open_sides(void)
{
    char text[1024];
    nx_open();
    for (int i = 0; i < SIDES; i++) {
        px_peer_init(&sides[i].peer, true);
        cr_assert_eq(kt_curve_new(&sides[i].key), KT_OK);
        cr_assert_eq(kt_socket_router(&sides[i].peer.socket, "tcp://127.0.0.1:0", &sides[i].key, sides[i].endpoint),
                     KT_OK);
    }
    snprintf(text, sizeof text, "%s %s", sides[0].endpoint, sides[1].endpoint);
    px_set("ANALYZER_COORDINATORS", text);
    snprintf(text, sizeof text, "%s %s", sides[0].key.public_key, sides[1].key.public_key);
    px_set("ANALYZER_COORDINATOR_KEY", text);
}

static void
close_sides(void)
{
    nx_close();
    for (int i = 0; i < SIDES; i++)
        px_peer_fini(&sides[i].peer);
}

TestSuite(coordinators, .init = open_sides, .fini = close_sides, .timeout = 60);

static void
welcome(side_t *side)
{
    kt_msg_t msg;
    px_receive_next(&side->peer, &msg, KT_MSG_HELLO);
    msg = (kt_msg_t){.type    = KT_MSG_WELCOME,
                     .welcome = {.wire = 1, .epoch = 1, .coordinator = kt_bytes_of(side == sides ? "hand" : "other")}};
    px_send(&side->peer, &msg);
}

static void
send_batch(side_t *side, uint64_t first, size_t n)
{
    kt_wire_work_t works[64];
    kt_msg_t       msg = {.type = KT_MSG_BATCH, .batch = {.number = ++side->batch, .items = {works, n}}};
    for (size_t i = 0; i < n; i++)
        works[i] =
            (kt_wire_work_t){.job = first + i, .run = 1, .attempt = 1, .body = kt_bytes_of("{\"file_path\":\"/a\"}")};
    px_send(&side->peer, &msg);
}

Test(coordinators, each_is_known_by_its_own_key_and_both_get_results)
{
    kt_msg_t msg;
    nx_start();
    for (int i = 0; i < SIDES; i++) {
        welcome(&sides[i]);
        px_receive_next(&sides[i].peer, &msg, KT_MSG_BEAT);
        send_batch(&sides[i], 10 + (uint64_t)i, 1);
        px_receive_next(&sides[i].peer, &msg, KT_MSG_RESULT);
        cr_assert_eq(msg.result.items.at[0].job, (uint64_t)(10 + i));
    }
}

Test(coordinators, together_they_get_no_more_credit_than_there_is_room)
{
    kt_msg_t msg;
    nx_start();
    welcome(&sides[0]);
    px_receive_next(&sides[0].peer, &msg, KT_MSG_BEAT);
    uint64_t alone = msg.beat.free;
    welcome(&sides[1]);
    uint64_t sum = 0;
    for (int i = 0; i < SIDES; i++) {
        for (int beats = 0; beats < 2; beats++)  // the second is after the other one's welcome
            px_receive_next(&sides[i].peer, &msg, KT_MSG_BEAT);
        sum += msg.beat.free;
    }
    cr_assert_gt(alone, 1);
    cr_assert_eq(sum, alone);
}

Test(coordinators, beyond_the_credit_nothing_is_taken)
{
    kt_msg_t msg;
    nx_start();
    welcome(&sides[0]);
    px_receive_next(&sides[0].peer, &msg, KT_MSG_BEAT);
    size_t credit = msg.beat.free;
    send_batch(&sides[0], 1, credit < 60 ? credit + 4 : 64);
    px_receive_next(&sides[0].peer, &msg, KT_MSG_BEAT);
    cr_assert_leq(msg.beat.held.n, credit);
}

Test(coordinators, results_for_a_lost_one_go_to_the_other)
{
    kt_msg_t msg;
    nx_start();
    welcome(&sides[0]);
    welcome(&sides[1]);
    px_receive_next(&sides[0].peer, &msg, KT_MSG_BEAT);
    send_batch(&sides[0], 7, 1);
    px_receive_next(&sides[0].peer, &msg, KT_MSG_RESULT);
    zsock_destroy(&sides[0].peer.socket);  // before it has stored it
    px_receive_next(&sides[1].peer, &msg, KT_MSG_RESULT);
    cr_assert_eq(msg.result.items.at[0].job, 7);
    do {
        px_receive_next(&sides[1].peer, &msg, KT_MSG_BEAT);
    } while (!msg.beat.kept.n);
    cr_assert_eq(msg.beat.kept.at[0].job, 7);
    kt_wire_ref_t ref = {7, 1};
    kt_msg_t      ack = {.type = KT_MSG_ACK, .ack = {.items = {&ref, 1}}};
    px_send(&sides[1].peer, &ack);
    do {
        px_receive_next(&sides[1].peer, &msg, KT_MSG_BEAT);
    } while (msg.beat.kept.n);
}

static void
welcome_as(side_t *side, const char *name, uint64_t instance)
{
    kt_msg_t msg;
    px_receive_next(&side->peer, &msg, KT_MSG_HELLO);
    msg = (kt_msg_t){.type    = KT_MSG_WELCOME,
                     .welcome = {.wire = 1, .epoch = 1, .coordinator = kt_bytes_of(name), .instance = instance}};
    px_send(&side->peer, &msg);
}

Test(coordinators, of_two_addresses_of_one_coordinator_one_is_used_and_the_other_when_that_one_fails)
{
    kt_msg_t msg;
    nx_start();
    welcome_as(&sides[0], "one", 5);
    px_receive_next(&sides[0].peer, &msg, KT_MSG_BEAT);
    welcome_as(&sides[1], "one", 5);
    send_batch(&sides[1], 8, 1);      // sent while the coordinator had moved the node there
    welcome_as(&sides[0], "one", 5);  // HELLO moves it back
    px_receive_next(&sides[0].peer, &msg, KT_MSG_RESULT);
    cr_assert_eq(msg.result.items.at[0].job, 8);
    for (int beats = 0; beats < 3; beats++)
        px_receive_next(&sides[0].peer, &msg, KT_MSG_BEAT);
    cr_assert_gt(msg.beat.free, 1);
    cr_assert_not(px_receive(&sides[1].peer, &msg, 1500));
    zsock_destroy(&sides[0].peer.socket);
    welcome_as(&sides[1], "one", 5);
    px_receive_next(&sides[1].peer, &msg, KT_MSG_BEAT);
    cr_assert_gt(msg.beat.free, 1);
}

Test(coordinators, two_of_one_name_are_two_by_their_process)
{
    kt_msg_t msg;
    nx_start();
    for (int i = 0; i < SIDES; i++)
        welcome_as(&sides[i], "one", 5 + (uint64_t)i);
    for (int i = 0; i < SIDES; i++)
        for (int beats = 0; beats < 3; beats++)
            px_receive_next(&sides[i].peer, &msg, KT_MSG_BEAT);
}

Test(coordinators, a_file_that_is_to_be_alone_begins_and_nothing_is_taken_meanwhile)
{
    kt_msg_t       msg;
    kt_wire_work_t work = {
        .job = 3, .run = 1, .attempt = 1, .body = kt_bytes_of("{\"file_path\":\"/a\"}"), .exclusive = true};
    nx_start();
    welcome(&sides[0]);
    px_receive_next(&sides[0].peer, &msg, KT_MSG_BEAT);
    kt_msg_t batch = {.type = KT_MSG_BATCH, .batch = {.number = 1, .items = {&work, 1}}};
    px_send(&sides[0].peer, &batch);
    px_receive_next(&sides[0].peer, &msg, KT_MSG_RESULT);
    cr_assert_eq(msg.result.items.at[0].job, 3);
}

Test(coordinators, a_key_that_is_allowed_late_gets_in_soon)
{
    kt_msg_t msg;
    nx_allow(false);
    nx_start();
    cr_assert_not(px_receive(&sides[0].peer, &msg, 1500));
    nx_allow(true);
    int64_t from_ms = kt_clock_ms();
    px_receive_next(&sides[0].peer, &msg, KT_MSG_HELLO);
    cr_assert_lt(kt_clock_ms() - from_ms, 3000);  // a second between two attempts, on a machine under load
}

Test(coordinators, keys_that_do_not_fit_their_number_are_refused)
{
    char       why[KT_NODE_WHY], text[256];
    kt_node_t *node = NULL;
    snprintf(text, sizeof text, "%s %s %s", nx_key.public_key, nx_key.public_key, nx_key.public_key);
    px_set("ANALYZER_COORDINATOR_KEY", text);
    cr_assert_eq(kt_node_new(&node, &px_settings, why), KT_ESETTING);
    cr_assert(strstr(why, "3 keys for 2 coordinators"), "%s", why);
    px_set("ANALYZER_COORDINATOR_KEY", nx_key.public_key);
    cr_assert_eq(kt_node_new(&node, &px_settings, why), KT_OK, "%s", why);
    kt_node_destroy(&node);
}
