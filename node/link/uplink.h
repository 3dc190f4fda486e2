// kt_uplink -- a node's side of the protocol: which coordinators are connected, what each is sent and what their
// messages do to the tasks. Sends through a port that node.c connects to the sockets, so that it depends neither on
// ZeroMQ nor on node.c. Link thread. receive.h and send.h have the two directions.
#pragma once

#include "common/curve.h"
#include "common/settings.h"
#include "kernels/gpu/gpus.h"
#include "node/link/dealer.h"
#include "node/models/sync.h"
#include "node/work/work.h"

typedef struct kt_uplink kt_uplink_t;

typedef struct kt_uplink_port {
    void *context;
    // KT_EUNREACHABLE: the message is lost.
    kt_err_t (*send)(void *context, size_t coordinator, const void *bytes, size_t length);
    void (*reconnect)(void *context, size_t coordinator);
    void (*use_key)(void *context, size_t coordinator, const kt_curve_t *key);  // for the next connection
    void (*unable)(void *context, kt_err_t err);  // the node cannot work: its worker threads or settings failed
} kt_uplink_port_t;

// All pointers are borrowed.
typedef struct kt_uplink_opts {
    const char *const *addresses;  // of the coordinators
    size_t             n;          // at most KT_COORDINATORS_MAX
    const char        *name, *host;
    const kt_curve_t  *key;   // of the node
    const kt_curve_t  *join;  // of a join token, used where the node's own is refused; NULL: none
    uint64_t           incarnation;
    kt_settings_t     *settings;  // a coordinator's shared settings replace those in it, before the threads start
    kt_work_t         *work;
    kt_gpus_t         *gpus;    // NULL: none
    kt_model_sync_t   *models;  // NULL: none
    kt_uplink_port_t   port;
} kt_uplink_opts_t;

KT_MUST_USE kt_err_t kt_uplink_new(kt_uplink_t **self_p, const kt_uplink_opts_t *opts);  // KT_EINVAL, KT_ENOMEM
void                 kt_uplink_destroy(kt_uplink_t **self_p);

bool kt_uplink_is_welcome(const kt_uplink_t *self);                                    // by at least one coordinator
void kt_uplink_state(kt_uplink_t *self, size_t coordinator, kt_dealer_state_t state);  // its connection has changed
void kt_uplink_tick(kt_uplink_t *self, int64_t now_ms);    // HELLO, LIVE, BEAT, reconnects, when they are due
void kt_uplink_events(kt_uplink_t *self, int64_t now_ms);  // those of the worker threads: kt_work_events
void kt_uplink_models(kt_uplink_t *self);                  // kt_model_sync_fd is readable
void kt_uplink_drain(kt_uplink_t *self);                   // requests no more files, with a BEAT to all
void kt_uplink_stop(kt_uplink_t *self);                    // accepts no more BATCH
