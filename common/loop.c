#include "common/loop.h"

#include "common/clock.h"

#include <czmq.h>
#include <stdlib.h>
#include <string.h>

enum { TURN_US = 5000 };  // of one socket's messages; then the others have their turn

typedef struct source {
    kt_loop_t *loop;
    zsock_t   *monitored;  // of a monitor: the socket that it observes
    zsock_t   *monitor;    // owned
    int        burst;
    void      *context;
    bool (*receive)(void *context, void *zmq_socket);
    void (*event)(void *context, int event, int value);
    void (*readable)(void *context);
} source_t;

struct kt_loop {
    kt_loop_opts_t opts;
    zloop_t       *zloop;
    source_t       sources[KT_LOOP_SOURCES];
    size_t         n;
    bool           stopped;
};

static int
end_turn(kt_loop_t *self)
{
    self->opts.flush(self->opts.context);
    return self->stopped ? -1 : 0;
}

static int
on_socket(zloop_t *zloop, zsock_t *socket, void *argument)
{
    (void)zloop;
    const source_t *source   = argument;
    const int64_t   until_us = kt_clock_us() + TURN_US;
    for (int i = 0; i < source->burst && source->receive(source->context, zsock_resolve(socket)); i++)
        if (kt_clock_us() >= until_us)
            break;
    return end_turn(source->loop);
}

// An event is two parts: its number and a value, then an address.
static int
on_monitor(zloop_t *zloop, zsock_t *monitor, void *argument)
{
    (void)zloop;
    const source_t *source = argument;
    void           *socket = zsock_resolve(monitor);
    bool            got    = true;
    for (int i = 0; i < source->burst && got; i++) {
        zmq_msg_t part;
        uint16_t  event = 0;
        int32_t   value = 0;
        zmq_msg_init(&part);
        got = zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) >= 0;
        if (got && zmq_msg_size(&part) >= sizeof event + sizeof value) {
            memcpy(&event, zmq_msg_data(&part), sizeof event);
            memcpy(&value, (const char *)zmq_msg_data(&part) + sizeof event, sizeof value);
        }
        while (got && zmq_msg_more(&part) && zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) >= 0)
            continue;
        zmq_msg_close(&part);
        if (event)
            source->event(source->context, event, value);
    }
    return end_turn(source->loop);
}

static int
on_descriptor(zloop_t *zloop, zmq_pollitem_t *item, void *argument)
{
    (void)zloop, (void)item;
    const source_t *source = argument;
    source->readable(source->context);
    return end_turn(source->loop);
}

static int
on_timer(zloop_t *zloop, int timer, void *argument)
{
    (void)zloop, (void)timer;
    kt_loop_t *self = argument;
    self->opts.tick(self->opts.context);
    return end_turn(self);
}

kt_err_t
kt_loop_new(kt_loop_t **self_p, const kt_loop_opts_t *opts)
{
    kt_loop_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->opts  = *opts;
    self->zloop = zloop_new();
    if (!self->zloop || zloop_timer(self->zloop, (size_t)opts->tick_ms, 0, on_timer, self) < 0) {
        kt_loop_destroy(&self);
        return KT_ENOMEM;
    }
    zloop_set_nonstop(self->zloop, true);
    *self_p = self;
    return KT_OK;
}

void
kt_loop_destroy(kt_loop_t **self_p)
{
    kt_loop_t *self = *self_p;
    if (!self)
        return;
    zloop_destroy(&self->zloop);
    for (size_t i = 0; i < self->n; i++) {
        if (self->sources[i].monitored)
            zmq_socket_monitor(zsock_resolve(self->sources[i].monitored), NULL, 0);
        zsock_destroy(&self->sources[i].monitor);
    }
    free(self);
    *self_p = NULL;
}

static source_t *
add_source(kt_loop_t *self, void *context)
{
    if (self->n == KT_LOOP_SOURCES)
        return NULL;
    source_t *source = &self->sources[self->n++];
    *source          = (source_t){.loop = self, .context = context};
    return source;
}

kt_err_t
kt_loop_socket(kt_loop_t *self, zsock_t *socket, int burst, bool (*receive)(void *context, void *zmq_socket),
               void *context)
{
    source_t *source = add_source(self, context);
    if (!source)
        return KT_ENOMEM;
    source->burst   = burst;
    source->receive = receive;
    return zloop_reader(self->zloop, socket, on_socket, source) ? KT_ENOMEM : KT_OK;
}

kt_err_t
kt_loop_monitor(kt_loop_t *self, zsock_t *socket, int burst, int events,
                void (*event)(void *context, int event, int value), void *context)
{
    char      endpoint[64];
    source_t *source = add_source(self, context);
    if (!source)
        return KT_ENOMEM;
    snprintf(endpoint, sizeof endpoint, "inproc://kithara-monitor-%p", (void *)source);
    source->burst     = burst;
    source->event     = event;
    source->monitored = socket;
    source->monitor   = zsock_new(ZMQ_PAIR);
    if (!source->monitor || zmq_socket_monitor(zsock_resolve(socket), endpoint, events) ||
        zmq_connect(zsock_resolve(source->monitor), endpoint) ||
        zloop_reader(self->zloop, source->monitor, on_monitor, source))
        return KT_ENOMEM;
    return KT_OK;
}

kt_err_t
kt_loop_watch(kt_loop_t *self, int fd, void (*readable)(void *context))
{
    zmq_pollitem_t item   = {.fd = fd, .events = ZMQ_POLLIN};
    source_t      *source = add_source(self, self->opts.context);
    if (!source)
        return KT_ENOMEM;
    source->readable = readable;
    return zloop_poller(self->zloop, &item, on_descriptor, source) ? KT_ENOMEM : KT_OK;
}

void
kt_loop_run(kt_loop_t *self)
{
    zloop_start(self->zloop);
}

void
kt_loop_stop(kt_loop_t *self)
{
    self->stopped = true;
}
