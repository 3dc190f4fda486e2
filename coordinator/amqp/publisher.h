// kt_publisher -- publishing on the loop's side: it takes waiting rows of the outbox in order, passes them to the
// sender and records confirmed rows in the ledger in groups. Delivery is at least once: a row whose confirmation was
// lost goes out again. Loop thread; it makes no thread.
//
// Rows in flight are bounded in number and bytes. A row that no queue takes (returned) or that the broker refuses stays
// in the outbox; a few such rows are sent again as probes with growing pauses, in turn, and after the first confirmed
// probe all waiting rows follow. Every few seconds the outbox is rescanned from its beginning, because a lease takes
// over the rows of coordinators that crashed.
#pragma once

#include "coordinator/amqp/message.h"
#include "coordinator/loop/amqp_stats.h"
#include "coordinator/loop/lease.h"

typedef struct kt_publisher kt_publisher_t;

typedef struct kt_publisher_opts {
    kt_ledger_port_t  *port;  // all pointers are borrowed
    kt_lease_keeper_t *lease;
    const char        *exchange, *routing_key;  // for the log
    void              *context;
    kt_err_t (*send)(void *context, kt_amqp_message_t **message_p);  // takes it; KT_EFULL leaves it
} kt_publisher_opts_t;

KT_MUST_USE kt_err_t kt_publisher_new(kt_publisher_t **self_p, const kt_publisher_opts_t *opts);  // KT_ENOMEM
void                 kt_publisher_destroy(kt_publisher_t **self_p);
void kt_publisher_take(kt_publisher_t *self, kt_amqp_message_t **message_p);  // one that the sender returns
void kt_publisher_wake(kt_publisher_t *self);                                 // the ledger has new rows
void kt_publisher_turn(kt_publisher_t *self);  // posts what is due to the ledger: after takes and answers, each tick
bool kt_publisher_is_done(kt_publisher_t *self, int64_t now_ms);            // at the end: all that can go is out
void kt_publisher_stats(const kt_publisher_t *self, kt_amqp_stats_t *out);  // its counts
