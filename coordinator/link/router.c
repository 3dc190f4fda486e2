// libzmq assigns all routing ids (kt_socket_router): five bytes, a zero and a number. A handle is that number with a
// higher bit set, so that it is never 0 and sending needs no table.
#include "coordinator/link/router.h"

#include "common/clock.h"
#include "common/loop.h"
#include "coordinator/link/conns.h"

#include <czmq.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_BYTES = 5, ENDPOINT_BYTES = 256, FRAMES_PER_TURN = 64, SILENT_LOOK_MS = 1000 };

enum {
    MONITORED = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL
};

static const uint64_t HANDLE_BIT = UINT64_C(1) << 32;

struct kt_link {
    const kt_link_ops_t *ops;
    void                *context;
    zsock_t             *router;
    kt_loop_t           *loop;
    kt_conns_t          *conns;
    int64_t              silent_ms;  // next look at silent connections
    char                 endpoint[ENDPOINT_BYTES];
};

static kt_node_handle_t
handle_of(const uint8_t id[ID_BYTES])
{
    return HANDLE_BIT | (uint64_t)id[1] << 24 | (uint64_t)id[2] << 16 | (uint64_t)id[3] << 8 | id[4];
}

// Nodes' beats and ends of connections are the clock: without them no id is assigned either.
static void
look_at_silent(kt_link_t *self)
{
    const int64_t now_ms = kt_clock_ms();
    if (now_ms < self->silent_ms)
        return;
    self->silent_ms = now_ms + SILENT_LOOK_MS;
    (void)kt_conns_close_silent(self->conns, now_ms);
}

// One message of two parts: the id and the frame. False: none is there. A message without key or with more parts is
// reported with handle 0 and no bytes.
static bool
receive_router_message(void *context, void *router)
{
    kt_link_t *self = context;
    zmq_msg_t  part;
    uint8_t    id[ID_BYTES] = {0};
    zmq_msg_init(&part);
    bool got = zmq_msg_recv(&part, router, ZMQ_DONTWAIT) >= 0;
    look_at_silent(self);
    if (got && zmq_msg_more(&part)) {
        size_t id_bytes = zmq_msg_size(&part);
        memcpy(id, zmq_msg_data(&part), id_bytes < sizeof id ? id_bytes : sizeof id);
        if (zmq_msg_recv(&part, router, ZMQ_DONTWAIT) >= 0) {
            const char *key      = zmq_msg_gets(&part, "User-Id");
            const int   fd       = key ? zmq_msg_get(&part, ZMQ_SRCFD) : -1;
            const bool  is_known = id_bytes == ID_BYTES && key;
            if (!is_known || zmq_msg_more(&part) || !kt_conns_heard(self->conns, fd, key, kt_clock_ms()))
                self->ops->frame(self->context, 0, key ? key : "none", "", 0);
            else
                self->ops->frame(self->context, handle_of(id), key, zmq_msg_data(&part), zmq_msg_size(&part));
        }
    }
    while (got && zmq_msg_more(&part) && zmq_msg_recv(&part, router, ZMQ_DONTWAIT) >= 0)
        continue;
    zmq_msg_close(&part);
    return got;
}

static void
on_connection_event(void *context, int event, int value)
{
    kt_link_t *self = context;
    look_at_silent(self);
    if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
        kt_conns_opened(self->conns, value, kt_clock_ms());
        return;
    }
    if (event == ZMQ_EVENT_DISCONNECTED)
        kt_conns_ended(self->conns, value);
    self->ops->ended(self->context, event != ZMQ_EVENT_DISCONNECTED);
}

kt_err_t
kt_link_new(kt_link_t **self_p, const kt_link_opts_t *opts)
{
    kt_link_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->ops                = opts->ops;
    self->context            = opts->context;
    kt_loop_opts_t loop_opts = {opts->ops->flush, opts->ops->tick, opts->context, opts->tick_ms};
    kt_err_t       err       = kt_socket_router(&self->router, opts->bind, opts->key, self->endpoint);
    if (!err)
        err = kt_conns_new(&self->conns, self->endpoint);
    if (!err)
        err = kt_loop_new(&self->loop, &loop_opts);
    if (!err)
        err = kt_loop_monitor(self->loop, self->router, FRAMES_PER_TURN, MONITORED, on_connection_event, self);
    if (!err)
        err = kt_loop_socket(self->loop, self->router, FRAMES_PER_TURN, receive_router_message, self);
    if (err)
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
    kt_loop_destroy(&self->loop);
    zsock_destroy(&self->router);
    kt_conns_destroy(&self->conns);
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
    return kt_loop_watch(self->loop, fd, handler);
}

void
kt_link_run(kt_link_t *self)
{
    kt_loop_run(self->loop);
}

void
kt_link_stop(kt_link_t *self)
{
    kt_loop_stop(self->loop);
}

kt_err_t
kt_link_send(kt_link_t *self, kt_node_handle_t to, const void *bytes, size_t length)
{
    uint8_t id[ID_BYTES] = {0, (uint8_t)(to >> 24), (uint8_t)(to >> 16), (uint8_t)(to >> 8), (uint8_t)to};
    void   *router       = zsock_resolve(self->router);
    if (zmq_send(router, id, sizeof id, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
        return errno == EHOSTUNREACH ? KT_EUNREACHABLE : KT_EFULL;
    // After the first part libzmq accepts the rest of a message regardless of the high-water mark.
    return zmq_send(router, bytes, length, ZMQ_DONTWAIT) < 0 ? KT_EFULL : KT_OK;
}
