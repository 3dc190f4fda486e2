// One thread: the tick drives the client, the handlers of the router answer and stop the loop.
#include "common/zap.h"
#include "coordinator/link/router.h"

#include <criterion/criterion.h>
#include <czmq.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { TICK_MS = 5, TICKS_MAX = 4000 };

static kt_link_t       *router;
static kt_zap_t        *zap;
static kt_curve_t       server, own;
static zsock_t         *client;
static int              fd;
static unsigned         ticks, flushes, frames, reads;
static kt_node_handle_t from;
static char             key[KT_CURVE_TEXT], text[16];
static bool             sent, answered, ended, ended_in_handshake;
static bool             two_parts, close_when_answered, route_gone;

static void
on_frame(void *context, kt_node_handle_t handle, const char *user, const void *bytes, size_t length)
{
    cr_assert_eq(context, &router);
    frames++;
    from = handle;
    snprintf(key, sizeof key, "%s", user);
    snprintf(text, sizeof text, "%.*s", (int)length, (const char *)bytes);
    if (handle)
        cr_assert_eq(kt_link_send(router, handle, "answer", 6), KT_OK);
    else
        kt_link_stop(router);
}

static void
on_ended(void *context, bool handshake)
{
    cr_assert_eq(context, &router);
    ended              = true;
    ended_in_handshake = handshake;
    if (!close_when_answered)
        kt_link_stop(router);
}

static void
on_flush(void *context)
{
    cr_assert_eq(context, &router);
    flushes++;
}

static void
on_tick(void *context)
{
    cr_assert_eq(context, &router);
    cr_assert_lt(++ticks, TICKS_MAX);
    if (ended && kt_link_send(router, from, "late", 4) == KT_EUNREACHABLE) {
        route_gone = true;  // libzmq removes the route when the router reads the connection's end
        kt_link_stop(router);
    }
    if (!client)
        return;
    void *socket = zsock_resolve(client);
    if (!sent)
        sent = zmq_send(socket, "hello", 5, ZMQ_DONTWAIT | (two_parts ? ZMQ_SNDMORE : 0)) == 5 &&
               (!two_parts || zmq_send(socket, "more", 4, ZMQ_DONTWAIT) == 4);
    char bytes[16] = "";
    if (sent && zmq_recv(socket, bytes, sizeof bytes - 1, ZMQ_DONTWAIT) >= 0) {
        answered = strcmp(bytes, "answer") == 0;
        if (close_when_answered)
            zsock_destroy(&client);
        else
            kt_link_stop(router);
    }
}

static void
on_readable(void *context)
{
    uint64_t value;
    cr_assert_eq(context, &router);
    cr_assert_eq(read(fd, &value, sizeof value), sizeof value);
    reads++;
    kt_link_stop(router);
}

static void
setup(void)
{
    static const kt_link_ops_t ops = {on_frame, on_ended, on_flush, on_tick};
    char                       keys[1][KT_CURVE_TEXT];
    kt_socket_setup();
    cr_assert_eq(kt_curve_new(&server), KT_OK);
    cr_assert_eq(kt_curve_new(&own), KT_OK);
    memcpy(keys[0], own.public_key, sizeof keys[0]);
    cr_assert_eq(kt_zap_new(&zap), KT_OK);
    cr_assert_eq(kt_zap_allow(zap, (const char(*)[KT_CURVE_TEXT])keys, 1), KT_OK);
    kt_link_opts_t opts = {"tcp://127.0.0.1:0", &server, &ops, &router, TICK_MS};
    cr_assert_eq(kt_link_new(&router, &opts), KT_OK);
    fd = eventfd(0, EFD_CLOEXEC);
}

static void
teardown(void)
{
    zsock_destroy(&client);
    kt_link_destroy(&router);
    kt_zap_destroy(&zap);
    close(fd);
}

TestSuite(router, .init = setup, .fini = teardown, .timeout = 60);

static void
connect_client(void)
{
    cr_assert_eq(kt_socket_dealer(&client, kt_link_endpoint(router), server.public_key, &own), KT_OK);
    cr_assert_eq(kt_socket_connect(client, kt_link_endpoint(router)), KT_OK);
}

Test(router, a_frame_arrives_with_its_key_and_the_answer_returns)
{
    connect_client();
    kt_link_run(router);
    cr_assert(answered);
    cr_assert_neq(from, 0);
    cr_assert_str_eq(key, own.public_key);
    cr_assert_str_eq(text, "hello");
    cr_assert_geq(flushes, ticks);
}

Test(router, a_message_of_more_parts_is_reported_without_its_bytes)
{
    two_parts = true;
    connect_client();
    kt_link_run(router);
    cr_assert_eq(frames, 1);
    cr_assert_eq(from, 0);
    cr_assert_str_eq(key, own.public_key);
    cr_assert_str_eq(text, "");
}

// A new client with that routing id (none: empty), which sends and is answered. The client before stays connected.
static void
connect_as(const char *id, size_t id_bytes)
{
    client = zsock_new(ZMQ_DEALER);
    sent = answered = false;
    zsock_set_curve_serverkey(client, server.public_key);
    zsock_set_curve_publickey(client, own.public_key);
    zsock_set_curve_secretkey(client, own.secret_key);
    cr_assert(id_bytes == 0 || zmq_setsockopt(zsock_resolve(client), ZMQ_ROUTING_ID, id, id_bytes) == 0);
    cr_assert_eq(zmq_connect(zsock_resolve(client), kt_link_endpoint(router)), 0);
    for (int i = 0; i < TICKS_MAX && !answered; i++)
        kt_link_run(router);  // a turn each, once it has been stopped
    cr_assert(answered);
}

Test(router, a_routing_id_that_the_peer_has_chosen_is_not_used)
{
    static const char LONG[255] = "chosen";
    zsock_t          *others[2];
    connect_as("", 0);
    const kt_node_handle_t first = from;
    others[0]                    = client;
    connect_as("chosen", 6);
    cr_expect_eq(from, first + 1);
    others[1] = client;
    connect_as(LONG, sizeof LONG);
    cr_expect_eq(from, first + 2);
    zsock_destroy(&others[0]);
    zsock_destroy(&others[1]);
}

// libzmq aborts the process where it assigns an id that a peer has chosen.
Test(router, the_ids_that_are_assigned_next_may_be_chosen)
{
    enum { CHOSEN = 8 };
    zsock_t *others[CHOSEN + 1];
    connect_as("", 0);
    const kt_node_handle_t first = from;
    others[CHOSEN]               = client;
    for (unsigned i = 0; i < CHOSEN; i++) {
        const uint32_t next = (uint32_t)first + 1 + 2 * i;
        const char     id[] = {0, (char)(next >> 24), (char)(next >> 16), (char)(next >> 8), (char)next};
        connect_as(id, sizeof id);
        cr_expect_eq(from, first + 1 + i);
        others[i] = client;
    }
    for (unsigned i = 0; i < CHOSEN; i++) {
        connect_as("", 0);
        cr_expect_eq(from, first + CHOSEN + 1 + i);
        zsock_destroy(&client);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        zsock_destroy(&others[i]);
}

// Of two connections that choose the same id each is answered itself: no id is taken over.
Test(router, an_id_that_another_connection_has_chosen_is_not_taken_over)
{
    connect_as("\0same", 5);
    const kt_node_handle_t first = from;
    zsock_t               *other = client;
    connect_as("\0same", 5);
    cr_expect_eq(from, first + 1);
    cr_expect_eq(kt_link_send(router, first, "first", 5), KT_OK);
    char bytes[16] = "";
    cr_expect_eq(zmq_recv(zsock_resolve(other), bytes, sizeof bytes - 1, 0), 5);
    cr_expect_str_eq(bytes, "first");
    zsock_destroy(&other);
}

// A peer that knows when the coordinator was started chooses the ids that libzmq assigns next, if the generator is
// seeded with the time, as CZMQ does it: the next assignment would end the process.
Test(router, the_ids_that_are_assigned_do_not_follow_from_the_start_time)
{
    enum { AROUND_S = 120, NEXT = 1024 };
    connect_client();
    kt_link_run(router);
    const uint32_t id  = (uint32_t)from;
    const time_t   now = time(NULL);
    for (time_t at = now - AROUND_S; at <= now + 1; at++) {
        srandom((unsigned)at);
        const uint32_t low = (uint32_t)rand(), first = low | (uint32_t)rand() << 31;
        cr_expect(id - first >= NEXT, "seed %lld", (long long)at);
    }
    srandom(1);
    const uint32_t low = (uint32_t)rand(), first = low | (uint32_t)rand() << 31;
    cr_expect(id - first >= NEXT, "not seeded at all");
}

Test(router, the_end_of_a_connection_is_reported)
{
    close_when_answered = true;
    connect_client();
    kt_link_run(router);
    cr_assert(answered && ended);
    cr_assert_not(ended_in_handshake);
    cr_assert(route_gone);
}

Test(router, a_peer_without_curve_delivers_nothing)
{
    client = zsock_new(ZMQ_DEALER);
    cr_assert_eq(zmq_connect(zsock_resolve(client), kt_link_endpoint(router)), 0);
    kt_link_run(router);
    cr_assert(ended);
    cr_assert_eq(frames, 0);
}

Test(router, a_handle_that_is_not_connected_is_unreachable)
{
    cr_assert_eq(kt_link_send(router, UINT64_C(1) << 32 | 77, "x", 1), KT_EUNREACHABLE);
}

Test(router, a_descriptor_is_watched)
{
    uint64_t one = 1;
    cr_assert_eq(kt_link_watch(router, fd, on_readable), KT_OK);
    cr_assert_eq(write(fd, &one, sizeof one), sizeof one);
    kt_link_run(router);
    cr_assert_eq(reads, 1);
}

Test(router, a_port_that_is_taken_is_an_error)
{
    static const kt_link_ops_t ops   = {on_frame, on_ended, on_flush, on_tick};
    kt_link_t                 *other = NULL;
    kt_link_opts_t             opts  = {kt_link_endpoint(router), &server, &ops, &router, TICK_MS};
    cr_assert_eq(kt_link_new(&other, &opts), KT_EPORT);
    cr_assert_null(other);
}
