// kt_consumer -- input messages on the loop's side: each delivery is a request to the ledger, and is settled with the
// broker only after the ledger has committed it. New and known jobs are acknowledged; what cannot become a job
// (malformed, too large, a known message_id with another body) is stored in the outbox as a reject first. An error of
// the ledger that is not the message's leaves the delivery with the broker. Loop thread, except kt_consumer_read.
#pragma once

#include "coordinator/amqp/message.h"
#include "coordinator/loop/amqp_stats.h"
#include "coordinator/loop/ledger_port.h"

typedef struct kt_consumer_opts {
    kt_ledger_port_t *port;  // borrowed
    kt_sink_t         sink;
    void             *context;
    void (*settle)(void *context, kt_delivery_t **delivery_p);  // takes it: acknowledged unless its epoch is 0
    void (*on_rejected)(void *context);                         // the outbox has a new row
} kt_consumer_opts_t;

typedef struct kt_consumer {
    kt_consumer_opts_t opts;
    kt_delivery_t     *first;  // with the ledger
    size_t             n;
    uint64_t           delivered, accepted, known, rejected, settled, replayed;
    kt_histogram_t     queue_times;  // of deliveries whose time of publishing is known
    uint64_t           n_logged;     // of the rejected
    int64_t            last_logged_ms, done_by_ms;
} kt_consumer_t;

void kt_consumer_init(kt_consumer_t *self, const kt_consumer_opts_t *opts);
void kt_consumer_fini(kt_consumer_t *self);                                 // after the ledger port was stopped
void kt_consumer_deliver(kt_consumer_t *self, kt_delivery_t **delivery_p);  // takes it, with its request
void kt_consumer_drain(kt_consumer_t *self, int64_t now_ms);                // no more come: is_done has a deadline
bool kt_consumer_is_done(const kt_consumer_t *self, int64_t now_ms);        // all are settled, or the deadline is over
void kt_consumer_stats(const kt_consumer_t *self, kt_amqp_stats_t *out);    // its counts

// Any thread: makes the delivery's request, an INSERT or a REJECT with the reason. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_consumer_read(kt_delivery_t *delivery);
