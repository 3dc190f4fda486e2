// A routing id that libzmq assigns is five bytes, a zero and a number; a handle is that number with a bit set above, so
// that it is never 0 and no table is needed on the way out. An id that a peer has chosen itself looks different and is
// not listened to.
#include "coordinator/link/router.h"

#include "common/log.h"

#include <czmq.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_BYTES = 5, ENDPOINT_BYTES = 256, FRAMES_A_TURN = 64, MAX_WATCHES = 8 };

enum {
    MONITORED = ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL
};

static const uint64_t HANDLE_BIT = UINT64_C(1) << 32;

typedef struct watch {
    struct kt_link *link;
    void (*handler)(void *context);
} watch_t;

struct kt_link {
    const kt_link_ops_t *ops;
    void                *context;
    zsock_t             *router, *monitor;
    zloop_t             *loop;
    char                 endpoint[ENDPOINT_BYTES];
    watch_t              watches[MAX_WATCHES];
    size_t               n_watches;
    bool                 stopped;
};

static kt_node_handle_t
handle_of(const uint8_t id[ID_BYTES])
{
    return HANDLE_BIT | (uint64_t)id[1] << 24 | (uint64_t)id[2] << 16 | (uint64_t)id[3] << 8 | id[4];
}

static void
id_of(kt_node_handle_t handle, uint8_t id[ID_BYTES])
{
    id[0] = 0;
    for (int i = 0; i < 4; i++)
        id[1 + i] = (uint8_t)(handle >> (24 - 8 * i));
}

// The next part into an initialised message. False when nothing is there.
static bool
receive(void *router, zmq_msg_t *part)
{
    return zmq_msg_recv(part, router, ZMQ_DONTWAIT) >= 0;
}

static void
skip_rest(void *router, zmq_msg_t *part)
{
    while (zmq_msg_more(part) && receive(router, part))
        continue;
}

static void
deliver(kt_link_t *self, const uint8_t *id, size_t id_bytes, zmq_msg_t *payload)
{
    const char *key = zmq_msg_gets(payload, "User-Id");
    if (id_bytes != ID_BYTES || id[0] != 0 || !key || zmq_msg_more(payload)) {
        self->ops->frame(self->context, 0, key ? key : "none", "", 0);
        return;
    }
    self->ops->frame(self->context, handle_of(id), key, zmq_msg_data(payload), zmq_msg_size(payload));
}

// One message of two parts. False when nothing is there.
static bool
receive_message(kt_link_t *self, void *router)
{
    zmq_msg_t part;
    uint8_t   id[ID_BYTES] = {0};
    zmq_msg_init(&part);
    bool got = receive(router, &part);
    if (got && zmq_msg_more(&part)) {
        size_t id_bytes = zmq_msg_size(&part);
        memcpy(id, zmq_msg_data(&part), id_bytes < sizeof id ? id_bytes : sizeof id);
        if (receive(router, &part))
            deliver(self, id, id_bytes, &part);
    }
    if (got)
        skip_rest(router, &part);
    zmq_msg_close(&part);
    return got;
}

static int
end_turn(kt_link_t *self)
{
    self->ops->flush(self->context);
    return self->stopped ? -1 : 0;
}

static int
on_router(zloop_t *loop, zsock_t *router, void *argument)
{
    (void)loop;
    kt_link_t *self = argument;
    for (int i = 0; i < FRAMES_A_TURN && receive_message(self, zsock_resolve(router)); i++)
        continue;
    return end_turn(self);
}

// One event of two parts: its number and a value, then an address. False when nothing is there.
static bool
receive_event(kt_link_t *self, void *monitor)
{
    zmq_msg_t part;
    uint16_t  event = 0;
    zmq_msg_init(&part);
    bool got = receive(monitor, &part);
    if (got && zmq_msg_size(&part) >= sizeof event)
        memcpy(&event, zmq_msg_data(&part), sizeof event);
    if (got)
        skip_rest(monitor, &part);
    zmq_msg_close(&part);
    if (event)
        self->ops->ended(self->context, event != ZMQ_EVENT_DISCONNECTED);
    return got;
}

static int
on_monitor(zloop_t *loop, zsock_t *monitor, void *argument)
{
    (void)loop;
    kt_link_t *self = argument;
    for (int i = 0; i < FRAMES_A_TURN && receive_event(self, zsock_resolve(monitor)); i++)
        continue;
    return end_turn(self);
}

// Events are dropped when the reader is slow: they are only counted, and never block the socket.
static bool
watch_ends(kt_link_t *self)
{
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "inproc://kithara-router-%p", (void *)self);
    self->monitor = zsock_new(ZMQ_PAIR);
    return self->monitor && zmq_socket_monitor(zsock_resolve(self->router), endpoint, MONITORED) == 0 &&
           zmq_connect(zsock_resolve(self->monitor), endpoint) == 0 &&
           zloop_reader(self->loop, self->monitor, on_monitor, self) == 0;
}

static int
on_watch(zloop_t *loop, zmq_pollitem_t *item, void *argument)
{
    (void)loop, (void)item;
    watch_t *watch = argument;
    watch->handler(watch->link->context);
    return end_turn(watch->link);
}

static int
on_tick(zloop_t *loop, int timer, void *argument)
{
    (void)loop, (void)timer;
    kt_link_t *self = argument;
    self->ops->tick(self->context);
    return end_turn(self);
}

kt_err_t
kt_link_new(kt_link_t **self_p, const kt_link_opts_t *opts)
{
    kt_link_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->ops     = opts->ops;
    self->context = opts->context;
    kt_err_t err  = kt_socket_router(&self->router, opts->bind, opts->key, self->endpoint);
    if (err)
        goto fail;
    err        = KT_ENOMEM;
    self->loop = zloop_new();
    if (!self->loop)
        goto fail;
    zloop_set_nonstop(self->loop, true);
    if (!watch_ends(self) || zloop_reader(self->loop, self->router, on_router, self) ||
        zloop_timer(self->loop, (size_t)opts->tick_ms, 0, on_tick, self) < 0)
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_link_destroy(&self);
    return err;
}

void
kt_link_destroy(kt_link_t **self_p)
{
    kt_link_t *self = *self_p;
    if (!self)
        return;
    zloop_destroy(&self->loop);
    if (self->router)
        zmq_socket_monitor(zsock_resolve(self->router), NULL, 0);
    zsock_destroy(&self->monitor);
    zsock_destroy(&self->router);
    free(self);
    *self_p = NULL;
}

const char *
kt_link_endpoint(const kt_link_t *self)
{
    return self->endpoint;
}

kt_err_t
kt_link_watch(kt_link_t *self, int fd, void (*handler)(void *context))
{
    if (self->n_watches == MAX_WATCHES)
        return KT_ENOMEM;
    watch_t       *watch = &self->watches[self->n_watches++];
    zmq_pollitem_t item  = {.fd = fd, .events = ZMQ_POLLIN};
    *watch               = (watch_t){self, handler};
    return zloop_poller(self->loop, &item, on_watch, watch) ? KT_ENOMEM : KT_OK;
}

void
kt_link_run(kt_link_t *self)
{
    zloop_start(self->loop);
}

void
kt_link_stop(kt_link_t *self)
{
    self->stopped = true;
}

kt_err_t
kt_link_send(kt_link_t *self, kt_node_handle_t to, const void *bytes, size_t length)
{
    uint8_t id[ID_BYTES];
    void   *router = zsock_resolve(self->router);
    id_of(to, id);
    if (zmq_send(router, id, sizeof id, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
        return errno == EHOSTUNREACH ? KT_EUNREACHABLE : KT_EFULL;
    // After its first part libzmq takes the rest of a message whatever the high-water mark.
    return zmq_send(router, bytes, length, ZMQ_DONTWAIT) < 0 ? KT_EFULL : KT_OK;
}
