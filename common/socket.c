#include "common/socket.h"

#include "common/zap.h"

#include <czmq.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { ENDPOINT_BYTES = 256 };

// Lists of options end with an empty one.
typedef struct option {
    int name;
    int value;
} option_t;

// Options of both ends. The handshake is limited to five seconds. No routing id is ever set: see PROTOCOL.md.
static const option_t BOTH[] = {
    {ZMQ_HANDSHAKE_IVL, 5000},
    {0},
};

// High-water marks count messages per peer. Outgoing batches are few, limited by credit; incoming results are many, and
// TCP holds them back once the mark is reached.
static const option_t ROUTER[] = {
    {ZMQ_CURVE_SERVER, 1},
    {ZMQ_ROUTER_MANDATORY, 1},
    {ZMQ_BACKLOG, 4096},
    {ZMQ_SNDHWM, 1000},
    {ZMQ_RCVHWM, 1000},
    {ZMQ_LINGER, 0},
    {0},
};

// IMMEDIATE: a message for a connection that is down is refused instead of kept. Queued messages would reach
// the next coordinator before HELLO with stale state; inventories recover what a broken connection lost. LINGER leaves
// time to send BYE.
// Heartbeats: a node that receives nothing for three seconds after a ping, four in all, reconnects, and its pings make
// the ROUTER close a connection that is silent for four. The ROUTER sends no pings: with a thousand nodes they took
// half of the CPU time of an idle fleet.
static const option_t DEALER[] = {
    {ZMQ_HEARTBEAT_IVL, 1000},
    {ZMQ_HEARTBEAT_TIMEOUT, 3000},
    {ZMQ_HEARTBEAT_TTL, 4000},
    {ZMQ_RECONNECT_IVL, 100},
    {ZMQ_RECONNECT_IVL_MAX, 2000},
    {ZMQ_CONNECT_TIMEOUT, 5000},
    {ZMQ_IMMEDIATE, 1},
    {ZMQ_SNDHWM, 1000},
    {ZMQ_RCVHWM, 1000},
    {ZMQ_LINGER, 500},
    {0},
};

static void
set_up_context(void)
{
    // Otherwise CZMQ handles SIGINT and SIGTERM, which mean "drain" here.
    zsys_handler_set(NULL);
    zsys_init();
}

void
kt_socket_setup(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up_context);
}

static bool
apply_options(void *socket, const option_t *options)
{
    for (; options->name; options++)
        if (zmq_setsockopt(socket, options->name, &options->value, sizeof options->value))
            return false;
    return true;
}

static bool
set_text_option(void *socket, int name, const char *text)
{
    return zmq_setsockopt(socket, name, text, strlen(text)) == 0;
}

static bool
apply_common(void *socket, const char *address)
{
    int64_t max_bytes = KT_MAX_FRAME_BYTES;
    int     ipv6      = strchr(address, '[') != NULL;  // only for such an address: it changes what * binds
    return apply_options(socket, BOTH) && zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &max_bytes, sizeof max_bytes) == 0 &&
           zmq_setsockopt(socket, ZMQ_IPV6, &ipv6, sizeof ipv6) == 0;
}

// inproc and others carry no CURVE.
static bool
has_curve(const char *address)
{
    return strncmp(address, "tcp://", 6) == 0 || strncmp(address, "ipc://", 6) == 0;
}

// Makes the ROUTER assign all routing ids, so that an id that a peer has chosen cannot be one that is assigned next,
// which libzmq takes for its own fault and aborts. The first value changes how the socket names new connections, and
// the second one how it sends; the listener that is bound already keeps to ZMTP, and the ids that peers send are
// dropped (libzmq 4.3.4 and 4.3.5: identify_peer, xsend and xrecv in router.cpp, create_engine in
// stream_listener_base.cpp).
static bool
assign_all_ids(void *bound)
{
    static const option_t ASSIGN[] = {{ZMQ_ROUTER_RAW, 1}, {ZMQ_ROUTER_RAW, 0}, {0}};
    return apply_options(bound, ASSIGN);
}

// libzmq takes the first routing id of a ROUTER from rand(), which CZMQ has seeded with the time. Without a random
// number of the kernel it stays so.
static void
seed_router(void)
{
    unsigned seed;
    if (getrandom(&seed, sizeof seed, 0) == sizeof seed)
        srandom(seed);
}

kt_err_t
kt_socket_router(zsock_t **out, const char *bind, const kt_curve_t *key, char *endpoint)
{
    kt_socket_setup();
    if (!has_curve(bind))
        return KT_EINVAL;
    if (!kt_zap_is_running())
        return KT_EAUTH;
    char     address[ENDPOINT_BYTES];
    size_t   size = sizeof address;
    kt_err_t err  = KT_ENOMEM;
    seed_router();
    zsock_t *self   = zsock_new(ZMQ_ROUTER);
    void    *socket = self ? zsock_resolve(self) : NULL;
    if (!socket)
        goto fail;
    err = KT_EINVAL;
    if (!apply_common(socket, bind) || !apply_options(socket, ROUTER) ||
        !set_text_option(socket, ZMQ_ZAP_DOMAIN, "kithara") ||
        !set_text_option(socket, ZMQ_CURVE_SECRETKEY, key->secret_key))
        goto fail;
    if (zmq_bind(socket, bind)) {
        err = errno == EINVAL || errno == EPROTONOSUPPORT ? KT_EINVAL : KT_EPORT;
        goto fail;
    }
    err = KT_EINVAL;
    if (!assign_all_ids(socket))
        goto fail;
    err = KT_EPORT;
    if (zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, address, &size))
        goto fail;
    memcpy(endpoint, address, strlen(address) + 1);
    *out = self;
    return KT_OK;
fail:
    zsock_destroy(&self);
    return err;
}

kt_err_t
kt_socket_dealer(zsock_t **out, const char *address, const char *server_public, const kt_curve_t *key)
{
    kt_socket_setup();
    if (!has_curve(address) || !kt_curve_is_key(server_public))
        return KT_EINVAL;
    kt_err_t err    = KT_ENOMEM;
    zsock_t *self   = zsock_new(ZMQ_DEALER);
    void    *socket = self ? zsock_resolve(self) : NULL;
    if (!socket)
        goto fail;
    err = KT_EINVAL;
    if (!apply_common(socket, address) || !apply_options(socket, DEALER) ||
        !set_text_option(socket, ZMQ_CURVE_SERVERKEY, server_public) ||
        !set_text_option(socket, ZMQ_CURVE_PUBLICKEY, key->public_key) ||
        !set_text_option(socket, ZMQ_CURVE_SECRETKEY, key->secret_key))
        goto fail;
    *out = self;
    return KT_OK;
fail:
    zsock_destroy(&self);
    return err;
}

kt_err_t
kt_socket_connect(zsock_t *dealer, const char *address)
{
    return zmq_connect(zsock_resolve(dealer), address) ? KT_EINVAL : KT_OK;
}
