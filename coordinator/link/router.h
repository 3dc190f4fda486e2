// kt_link -- the coordinator's ROUTER socket and the event loop of the loop thread; the only file of the coordinator
// that uses ZeroMQ. Everything is watched before run. Handlers never block.
#pragma once

#include "common/err.h"
#include "common/socket.h"
#include "proto/run.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct kt_link kt_link_t;

typedef struct kt_link_ops {
    // One message: the connection's handle (assigned by the ROUTER, never 0), the public key that CURVE has proved, and
    // the bytes, borrowed. A message of another form than one frame on a connection that the ROUTER named is reported
    // as from 0, without its bytes.
    void (*frame)(void *context, kt_node_handle_t from, const char *key, const void *bytes, size_t length);
    // A connection ended: its node left or crashed, the network failed, or libzmq closed it because of a frame beyond
    // KT_MAX_FRAME_BYTES; or (handshake) the peer does not use CURVE. ZAP counts refused keys.
    void (*ended)(void *context, bool handshake);
    // After a bounded number of frames, after a descriptor's handler, after a tick: the turn ends.
    void (*flush)(void *context);
    void (*tick)(void *context);  // each tick_ms
} kt_link_ops_t;

typedef struct kt_link_opts {
    const char          *bind;
    const kt_curve_t    *key;
    const kt_link_ops_t *ops;
    void                *context;
    int                  tick_ms;
} kt_link_opts_t;

// KT_EPORT, KT_EINVAL (no such address), KT_EAUTH (no kt_zap), KT_ENOMEM.
KT_MUST_USE kt_err_t kt_link_new(kt_link_t **self_p, const kt_link_opts_t *opts);
void                 kt_link_destroy(kt_link_t **self_p);
const char          *kt_link_endpoint(const kt_link_t *self);  // the real address
// Calls handler whenever the descriptor is readable. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_link_watch(kt_link_t *self, int fd, void (*handler)(void *context));

void kt_link_run(kt_link_t *self);   // until stopped
void kt_link_stop(kt_link_t *self);  // from a handler
// KT_EUNREACHABLE: no such connection (any more); KT_EFULL: its queue is full. The message is lost.
KT_MUST_USE kt_err_t kt_link_send(kt_link_t *self, kt_node_handle_t to, const void *bytes, size_t length);
