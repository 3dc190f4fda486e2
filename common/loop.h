// kt_loop -- the event loop of one thread (zloop): sockets, their connection events, descriptors and one tick. After a
// bounded number of messages or events, a descriptor's handler or a tick, `flush` ends the turn. Handlers never block.
// Everything is added before kt_loop_run. One thread.
#pragma once

#include "common/err.h"
#include "common/socket.h"

#include <stdbool.h>

typedef struct kt_loop kt_loop_t;

enum { KT_LOOP_SOURCES = 48 };

typedef struct kt_loop_opts {
    void (*flush)(void *context);
    void (*tick)(void *context);  // each tick_ms
    void *context;                // of both; also of descriptors
    int   tick_ms;
} kt_loop_opts_t;

KT_MUST_USE kt_err_t kt_loop_new(kt_loop_t **self_p, const kt_loop_opts_t *opts);  // KT_ENOMEM
void                 kt_loop_destroy(kt_loop_t **self_p);                          // before its sockets

// KT_ENOMEM, also beyond KT_LOOP_SOURCES. `receive` takes one message of the ZeroMQ socket without waiting, at most
// `burst` times or 5 ms per turn; false: there is none.
KT_MUST_USE kt_err_t kt_loop_socket(kt_loop_t *self, zsock_t *socket, int burst,
                                    bool (*receive)(void *context, void *zmq_socket), void *context);
// Calls `event` with each of these ZMQ_EVENT_* bits of the socket and its value (a descriptor or an error, by event),
// at most `burst` per turn. libzmq drops events when the loop is slow.
KT_MUST_USE kt_err_t kt_loop_monitor(kt_loop_t *self, zsock_t *socket, int burst, int events,
                                     void (*event)(void *context, int event, int value), void *context);
KT_MUST_USE kt_err_t kt_loop_watch(kt_loop_t *self, int fd, void (*readable)(void *context));

void kt_loop_run(kt_loop_t *self);   // until stopped
void kt_loop_stop(kt_loop_t *self);  // from a handler; ends the loop after the turn
