// kt_amqp_actor -- the thread that owns one connection to the broker: connects, waits on the socket and on its owner's
// queue, calls the owner's functions with frames and turns, and reconnects after an error, with growing pauses. Private
// to amqp/. The loop calls watch at each tick, which shuts the socket of a thread that has been in one send for two
// heartbeats because the broker no longer reads.
#pragma once

#include "coordinator/amqp/connection.h"

typedef struct kt_amqp_actor kt_amqp_actor_t;

// Called on the actor's thread. A failure closes the connection; connection->why is logged.
typedef struct kt_amqp_ops {
    kt_err_t (*begin)(void *context, kt_amqp_connection_t *connection);  // after each login: declares, subscribes
    kt_err_t (*frame)(void *context, kt_amqp_connection_t *connection, const struct amqp_frame_t_ *frame);
    bool (*is_full)(void *context);  // no more frames are to be read; the connection stays. NULL: never
    // Each turn, with no connection too (NULL): empties the queue. *more: there is work that need not wait for
    // anything.
    kt_err_t (*work)(void *context, kt_amqp_connection_t *connection, bool *more);
    void (*lost)(void *context, const kt_amqp_connection_t *connection);  // connection->why: the reason, "" at the end
} kt_amqp_ops_t;

typedef struct kt_amqp_actor_opts {
    const kt_settings_t *settings;
    const char          *role;
    const kt_amqp_ops_t *ops;
    void                *context;
    int                  wake_fd;  // readable: there is work
} kt_amqp_actor_opts_t;

// KT_ESETTING: the address is wrong (why).
KT_MUST_USE kt_err_t kt_amqp_actor_new(kt_amqp_actor_t **self_p, const kt_amqp_actor_opts_t *opts,
                                       char why[KT_AMQP_WHY]);
void                 kt_amqp_actor_destroy(kt_amqp_actor_t **self_p);  // within 5 s; a last turn of work when connected
void                 kt_amqp_actor_watch(kt_amqp_actor_t *self, int64_t now_ms);          // loop thread
void                 kt_amqp_actor_health(kt_amqp_actor_t *self, kt_amqp_health_t *out);  // any thread
