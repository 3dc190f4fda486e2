#include "common/clock.h"
#include "common/log.h"
#include "common/socket.h"
#include "common/zap.h"

#include <criterion/criterion.h>
#include <czmq.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, ROUTING_BYTES = 16 };

static kt_zap_t  *zap;
static zsock_t   *router;
static kt_curve_t server_key, node_key, other_key;
static char       endpoint[256];
static int        refused_fd;

// Reports to a test that a key was refused.
static void
note_refusal(void *context, kt_log_level_t level, const char *id, const char *fields)
{
    uint64_t one = 1;
    (void)context, (void)level, (void)fields;
    if (strcmp(id, "ZAP-REFUSED") == 0)
        cr_assert_eq(write(refused_fd, &one, sizeof one), sizeof one);
}

static void
allow(const kt_curve_t *pair)
{
    char keys[1][KT_CURVE_TEXT];
    memcpy(keys[0], pair->public_key, KT_CURVE_TEXT);
    cr_assert_eq(kt_zap_allow(zap, (const char(*)[41])keys, 1), KT_OK);
}

static void
open_farm(void)
{
    refused_fd = eventfd(0, EFD_CLOEXEC);
    kt_log_set_sink(note_refusal, NULL);
    kt_socket_setup();
    cr_assert_eq(kt_curve_new(&server_key), KT_OK);
    cr_assert_eq(kt_curve_new(&node_key), KT_OK);
    cr_assert_eq(kt_curve_new(&other_key), KT_OK);
    cr_assert_eq(kt_zap_new(&zap), KT_OK);
    allow(&node_key);
    cr_assert_eq(kt_socket_router(&router, "tcp://127.0.0.1:0", &server_key, endpoint), KT_OK);
}

static void
close_farm(void)
{
    zsock_destroy(&router);
    kt_zap_destroy(&zap);
    kt_zap_destroy(&zap);  // idempotent
    close(refused_fd);
}

TestSuite(socket, .init = open_farm, .fini = close_farm);

static zsock_t *
dealer_of(const kt_curve_t *pair)
{
    zsock_t *dealer = NULL;
    cr_assert_eq(kt_socket_dealer(&dealer, endpoint, server_key.public_key, pair), KT_OK);
    cr_assert_eq(kt_socket_connect(dealer, endpoint), KT_OK);
    return dealer;
}

static bool
wait_for(zsock_t *socket, short events, long timeout_ms)
{
    zmq_pollitem_t item = {.socket = zsock_resolve(socket), .events = events};
    return zmq_poll(&item, 1, timeout_ms) == 1;
}

static void
send_text(zsock_t *dealer, const char *text)
{
    cr_assert(wait_for(dealer, ZMQ_POLLOUT, PATIENCE_MS));
    cr_assert_eq(zmq_send(zsock_resolve(dealer), text, strlen(text), ZMQ_DONTWAIT), (int)strlen(text));
}

// One message at the router: its routing id is kept, its payload compared, its sender's key too.
static void
expect_text(const char *text, const kt_curve_t *from, char routing[ROUTING_BYTES], int *routing_length)
{
    void     *socket = zsock_resolve(router);
    zmq_msg_t payload;
    cr_assert(wait_for(router, ZMQ_POLLIN, PATIENCE_MS));
    *routing_length = zmq_recv(socket, routing, ROUTING_BYTES, 0);
    cr_assert_gt(*routing_length, 0);
    zmq_msg_init(&payload);
    cr_assert_eq(zmq_msg_recv(&payload, socket, 0), (int)strlen(text));
    cr_assert_eq(memcmp(zmq_msg_data(&payload), text, strlen(text)), 0);
    cr_assert_str_eq(zmq_msg_gets(&payload, "User-Id"), from->public_key);
    zmq_msg_close(&payload);
}

static void
wait_for_refusal(void)
{
    zmq_pollitem_t item = {.fd = refused_fd, .events = ZMQ_POLLIN};
    cr_assert_eq(zmq_poll(&item, 1, PATIENCE_MS), 1);
}

Test(socket, an_allowed_key_gets_through_and_is_the_senders_user_id)
{
    char     routing[ROUTING_BYTES], back[8];
    int      length;
    zsock_t *dealer = dealer_of(&node_key);
    send_text(dealer, "hello");
    expect_text("hello", &node_key, routing, &length);
    cr_assert_eq(zmq_send(zsock_resolve(router), routing, (size_t)length, ZMQ_SNDMORE), length);
    cr_assert_eq(zmq_send(zsock_resolve(router), "back", 4, 0), 4);
    cr_assert(wait_for(dealer, ZMQ_POLLIN, PATIENCE_MS));
    cr_assert_eq(zmq_recv(zsock_resolve(dealer), back, sizeof back, 0), 4);
    zsock_destroy(&dealer);
}

// libzmq does not retry after a refusal: the caller detects it by the socket's monitor and connects again
// (node/link/dealer.c).
Test(socket, an_unknown_key_stays_outside_and_a_new_connection_gets_in_once_it_is_allowed)
{
    char     routing[ROUTING_BYTES];
    int      length;
    zsock_t *dealer = dealer_of(&other_key);
    wait_for_refusal();
    cr_assert_not(wait_for(dealer, ZMQ_POLLOUT, 0));
    cr_assert_eq(zmq_send(zsock_resolve(dealer), "x", 1, ZMQ_DONTWAIT), -1);
    cr_assert_eq(errno, EAGAIN);
    allow(&other_key);
    (void)zmq_disconnect(zsock_resolve(dealer), endpoint);
    cr_assert_eq(zmq_connect(zsock_resolve(dealer), endpoint), 0);
    send_text(dealer, "now");
    expect_text("now", &other_key, routing, &length);
    zsock_destroy(&dealer);
}

Test(socket, two_keys_are_distinguished)
{
    char     routing[2][ROUTING_BYTES];
    char     keys[2][KT_CURVE_TEXT];
    int      length;
    zsock_t *a = dealer_of(&node_key), *b = dealer_of(&other_key);
    memcpy(keys[0], node_key.public_key, KT_CURVE_TEXT);
    memcpy(keys[1], other_key.public_key, KT_CURVE_TEXT);
    cr_assert_eq(kt_zap_allow(zap, (const char(*)[41])keys, 2), KT_OK);
    send_text(a, "a");
    expect_text("a", &node_key, routing[0], &length);
    send_text(b, "b");
    expect_text("b", &other_key, routing[1], &length);
    cr_assert_neq(memcmp(routing[0], routing[1], (size_t)length), 0);
    zsock_destroy(&a);
    zsock_destroy(&b);
}

Test(socket, a_dealer_of_another_servers_key_gets_nowhere)
{
    zsock_t *wrong = NULL, *right = dealer_of(&node_key);
    char     routing[ROUTING_BYTES];
    int      length;
    cr_assert_eq(kt_socket_dealer(&wrong, endpoint, other_key.public_key, &node_key), KT_OK);
    cr_assert_eq(kt_socket_connect(wrong, endpoint), KT_OK);
    send_text(right, "right");
    expect_text("right", &node_key, routing, &length);
    cr_assert_not(wait_for(wrong, ZMQ_POLLOUT, 0));
    zsock_destroy(&wrong);
    zsock_destroy(&right);
}

Test(socket, a_send_to_an_unknown_peer_is_refused)
{
    void *socket = zsock_resolve(router);
    cr_assert_eq(zmq_send(socket, "unknown", 7, ZMQ_SNDMORE | ZMQ_DONTWAIT), -1);
    cr_assert_eq(errno, EHOSTUNREACH);
}

Test(socket, an_oversized_frame_ends_the_connection_and_the_next_one_works)
{
    char     routing[ROUTING_BYTES];
    int      length;
    size_t   size   = KT_MAX_FRAME_BYTES + 1;
    char    *bytes  = calloc(1, size);
    zsock_t *dealer = dealer_of(&node_key), *other = dealer_of(&node_key);
    cr_assert(wait_for(dealer, ZMQ_POLLOUT, PATIENCE_MS));
    cr_assert_eq(zmq_send(zsock_resolve(dealer), bytes, size, ZMQ_DONTWAIT), (int)size);
    send_text(other, "small");
    expect_text("small", &node_key, routing, &length);
    cr_assert_not(wait_for(router, ZMQ_POLLIN, 0));
    zsock_destroy(&dealer);
    zsock_destroy(&other);
    free(bytes);
}

// A closed socket frees its port on libzmq's own thread, some time later.
static void
bind_again(void)
{
    char     again[256];
    kt_err_t err;
    int64_t  deadline_ms = kt_clock_ms() + PATIENCE_MS;
    zsock_destroy(&router);
    do
        err = kt_socket_router(&router, endpoint, &server_key, again);
    while (err == KT_EPORT && kt_clock_ms() < deadline_ms);
    cr_assert_eq(err, KT_OK);
}

Test(socket, a_dealer_finds_a_router_that_was_started_again)
{
    char     routing[ROUTING_BYTES];
    int      length;
    zsock_t *dealer = dealer_of(&node_key);
    send_text(dealer, "one");
    expect_text("one", &node_key, routing, &length);
    bind_again();
    // What is sent before the dealer notices the break may be lost: it is sent until it is received.
    int64_t deadline_ms = kt_clock_ms() + PATIENCE_MS;
    do
        zmq_send(zsock_resolve(dealer), "two", 3, ZMQ_DONTWAIT);
    while (!wait_for(router, ZMQ_POLLIN, 50) && kt_clock_ms() < deadline_ms);
    expect_text("two", &node_key, routing, &length);
    zsock_destroy(&dealer);
}

Test(socket, a_busy_port_and_a_bad_address_have_different_errors)
{
    zsock_t *second      = NULL;
    char     unused[256] = "untouched";
    cr_assert_eq(kt_socket_router(&second, endpoint, &server_key, unused), KT_EPORT);
    cr_assert_eq(kt_socket_router(&second, "tcp://127.0.0.1:notaport", &server_key, unused), KT_EINVAL);
    cr_assert_eq(kt_socket_router(&second, "inproc://open", &server_key, unused), KT_EINVAL);
    cr_assert_eq(kt_socket_dealer(&second, "inproc://open", server_key.public_key, &node_key), KT_EINVAL);
    cr_assert_eq(kt_socket_dealer(&second, endpoint, "no key", &node_key), KT_EINVAL);
    cr_assert_null(second);
    cr_assert_eq(kt_socket_dealer(&second, "tcp://", server_key.public_key, &node_key), KT_OK);
    cr_assert_eq(kt_socket_connect(second, "tcp://"), KT_EINVAL);
    zsock_destroy(&second);
    cr_assert_str_eq(unused, "untouched");
}

Test(socket, without_a_zap_handler_no_router_is_opened)
{
    zsock_t *second = NULL;
    char     unused[256];
    kt_zap_destroy(&zap);
    cr_assert_eq(kt_socket_router(&second, "tcp://127.0.0.1:0", &server_key, unused), KT_EAUTH);
    cr_assert_eq(kt_zap_new(&zap), KT_OK);
    cr_assert_eq(kt_socket_router(&second, "tcp://127.0.0.1:0", &server_key, unused), KT_OK);
    zsock_destroy(&second);
}

Test(socket, an_ipv6_address_is_bound_when_the_machine_has_one)
{
    zsock_t *second = NULL;
    char     address[256];
    kt_err_t err = kt_socket_router(&second, "tcp://[::1]:0", &server_key, address);
    cr_assert(err == KT_OK || err == KT_EPORT);
    cr_assert(err || strncmp(address, "tcp://[::1]:", 12) == 0);
    zsock_destroy(&second);
}

Test(socket_signals, czmq_leaves_the_programs_signals_alone)
{
    struct sigaction before, after;
    sigaction(SIGTERM, NULL, &before);
    kt_socket_setup();
    kt_socket_setup();
    zsock_t *socket = zsock_new(ZMQ_DEALER);
    sigaction(SIGTERM, NULL, &after);
    cr_assert_eq(before.sa_handler, after.sa_handler);
    zsock_destroy(&socket);
}
