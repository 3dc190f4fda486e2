// amqp_in -- input messages from the broker: an actor with a connection of its own. Each message becomes a
// kt_delivery_t in the queue of deliveries; who has dealt with it gives it back with settle, and then it is
// acknowledged. What is not settled stays with the broker, at most ANALYZER_PREFETCH_COUNT of them: so a ledger that is
// down stops the intake by itself. After a lost connection the broker delivers again what was not acknowledged; nothing
// new is taken until all earlier deliveries are settled, so that memory stays bounded.
#pragma once

#include "common/queue.h"
#include "coordinator/amqp/message.h"
#include "coordinator/loop/amqp_stats.h"

typedef struct kt_amqp_in kt_amqp_in_t;

// Makes a request of a delivery, on the actor's thread, so that parsing costs the loop nothing. KT_ENOMEM: the
// connection is given up and the message comes again.
typedef kt_err_t kt_delivery_read_fn(kt_delivery_t *delivery);

KT_MUST_USE kt_err_t kt_amqp_in_new(kt_amqp_in_t **self_p, const kt_settings_t *settings, kt_delivery_read_fn *read,
                                    char why[KT_AMQP_WHY]);
void                 kt_amqp_in_destroy(kt_amqp_in_t **self_p);
kt_queue_t          *kt_amqp_in_deliveries(kt_amqp_in_t *self);  // the loop pops kt_delivery_t *, its own from then on
void                 kt_amqp_in_settle(kt_amqp_in_t *self, kt_delivery_t **delivery_p);  // loop thread; takes it
void kt_amqp_in_cancel(kt_amqp_in_t *self);  // loop thread: no new deliveries; what is out can be settled
void kt_amqp_in_watch(kt_amqp_in_t *self, int64_t now_ms);
void kt_amqp_in_health(kt_amqp_in_t *self, kt_amqp_health_t *out);
