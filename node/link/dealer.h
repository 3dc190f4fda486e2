// kt_dealers -- one DEALER socket per coordinator and the event loop of the link thread; the only file of the node that
// uses ZeroMQ. Everything is watched before run. Handlers never block.
#pragma once

#include "common/err.h"
#include "common/socket.h"

#include <stddef.h>

typedef struct kt_dealers kt_dealers_t;

enum { KT_COORDINATORS_MAX = 16 };

// The state of a connection. REFUSED: the coordinator does not accept our key (yet); libzmq then stops trying, so
// the caller retries with kt_dealers_reconnect. DOWN follows at once when a process ends, after four seconds when it
// freezes.
typedef enum kt_dealer_state { KT_DEALER_UP, KT_DEALER_DOWN, KT_DEALER_REFUSED } kt_dealer_state_t;

typedef struct kt_dealers_ops {
    void (*frame)(void *context, size_t coordinator, const void *bytes, size_t length);  // bytes are borrowed
    void (*state)(void *context, size_t coordinator, kt_dealer_state_t state);
    void (*flush)(void *context);  // after a bounded number of frames, a descriptor's handler, a tick
    void (*tick)(void *context);   // each tick_ms
} kt_dealers_ops_t;

typedef struct kt_dealers_opts {
    const char *const *addresses;
    size_t             n;                         // at most KT_COORDINATORS_MAX
    const char (*server_publics)[KT_CURVE_TEXT];  // of each
    const kt_curve_t       *key;
    const kt_dealers_ops_t *ops;
    void                   *context;
    int                     tick_ms;
} kt_dealers_opts_t;

KT_MUST_USE kt_err_t kt_dealers_new(kt_dealers_t **self_p, const kt_dealers_opts_t *opts);  // KT_EINVAL, KT_ENOMEM
void                 kt_dealers_destroy(kt_dealers_t **self_p);
KT_MUST_USE kt_err_t kt_dealers_watch(kt_dealers_t *self, int fd, void (*handler)(void *context));  // KT_ENOMEM
void                 kt_dealers_run(kt_dealers_t *self);                                            // until stopped
void                 kt_dealers_stop(kt_dealers_t *self);                                           // from a handler
// KT_EUNREACHABLE: the connection is down or its queue is full; the message is lost.
KT_MUST_USE kt_err_t kt_dealers_send(kt_dealers_t *self, size_t coordinator, const void *bytes, size_t length);
void                 kt_dealers_reconnect(kt_dealers_t *self, size_t coordinator);       // a new connection
void kt_dealers_use_key(kt_dealers_t *self, size_t coordinator, const kt_curve_t *key);  // for the next connection
