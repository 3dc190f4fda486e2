// amqp_in -- the thread that receives input messages on a connection of its own. Each message becomes a kt_delivery_t
// in the queue of deliveries; settle returns it, and then it is acknowledged. At most ANALYZER_PREFETCH_COUNT
// deliveries are unsettled, so a ledger that is down stops the intake. After a lost connection the broker delivers
// unacknowledged messages again; the new connection subscribes only when all earlier deliveries are settled, which
// bounds memory.
#pragma once

#include "common/queue.h"
#include "coordinator/amqp/message.h"
#include "coordinator/loop/amqp_stats.h"

typedef struct kt_amqp_in kt_amqp_in_t;

// Makes a request of a delivery, on the actor's thread, so that parsing costs the loop nothing. KT_ENOMEM: the
// connection is closed and the message is delivered again.
typedef kt_err_t kt_delivery_read_fn(kt_delivery_t *delivery);

KT_MUST_USE kt_err_t kt_amqp_in_new(kt_amqp_in_t **self_p, const kt_settings_t *settings, kt_delivery_read_fn *read,
                                    char why[KT_AMQP_WHY]);
void                 kt_amqp_in_destroy(kt_amqp_in_t **self_p);
kt_queue_t          *kt_amqp_in_deliveries(kt_amqp_in_t *self);  // the loop pops kt_delivery_t * and owns it
void                 kt_amqp_in_settle(kt_amqp_in_t *self, kt_delivery_t **delivery_p);  // loop thread; takes it
void kt_amqp_in_cancel(kt_amqp_in_t *self);  // loop thread: no new deliveries; the open ones can still be settled
void kt_amqp_in_watch(kt_amqp_in_t *self, int64_t now_ms);
void kt_amqp_in_health(kt_amqp_in_t *self, kt_amqp_health_t *out);
