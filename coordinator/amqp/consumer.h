// intake -- input messages on the loop's side: each delivery is a request to the ledger, and is settled with the broker
// only after the ledger has committed it. New and known jobs are acknowledged; what cannot become a job (malformed, too
// large, a known message_id with another body) goes to the outbox as a reject first. An error of the ledger that is
// none of the message's leaves the delivery with the broker. Loop thread, but for read.
#pragma once

#include "coordinator/amqp/receive.h"
#include "coordinator/loop/ledger_port.h"

typedef struct kt_consumer kt_consumer_t;

// on_rejected: a message was stored in the outbox as rejected; called with the context of the sink.
// KT_ESETTING: AMQP_CONNECTION_STRING is wrong; why says how.
KT_MUST_USE kt_err_t kt_consumer_new(kt_consumer_t **self_p, const kt_settings_t *settings, kt_ledger_port_t *port,
                                     kt_sink_t sink, void (*on_rejected)(void *context), char why[KT_LEDGER_WHY]);
void                 kt_consumer_destroy(kt_consumer_t **self_p);
int                  kt_consumer_fd(kt_consumer_t *self);    // readable: there are deliveries
void                 kt_consumer_turn(kt_consumer_t *self);  // takes some of them
void                 kt_consumer_tick(kt_consumer_t *self, int64_t now_ms);
void                 kt_consumer_cancel(kt_consumer_t *self, int64_t now_ms);  // takes nothing new
bool kt_consumer_is_done(const kt_consumer_t *self, int64_t now_ms);           // all is settled, or the wait is over
void kt_consumer_stats(kt_consumer_t *self, kt_amqp_stats_t *out);             // its part

// Any thread: an INSERT, or a LETTER with the reason. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_consumer_read(kt_delivery_t *delivery);
