// kt_broker -- the coordinator's AMQP side as a whole: the two connections with their threads (receive.h, send.h) and,
// on the loop's side, the consumer and the publisher that they feed. Loop thread.
#pragma once

#include "common/settings.h"
#include "coordinator/loop/amqp_stats.h"
#include "coordinator/loop/lease.h"

typedef struct kt_broker kt_broker_t;

// Connects in the background. KT_ESETTING: AMQP_CONNECTION_STRING is wrong (why), KT_ENOMEM, KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_broker_new(kt_broker_t **self_p, const kt_settings_t *settings, kt_ledger_port_t *port,
                                   kt_lease_keeper_t *lease, kt_sink_t sink, char why[KT_LEDGER_WHY]);
void                 kt_broker_destroy(kt_broker_t **self_p);     // after the ledger port was stopped
int                  kt_broker_deliveries_fd(kt_broker_t *self);  // readable: kt_broker_take_deliveries
int                  kt_broker_published_fd(kt_broker_t *self);   // readable: kt_broker_take_published
void                 kt_broker_take_deliveries(kt_broker_t *self);
void                 kt_broker_take_published(kt_broker_t *self);

void kt_broker_wake(kt_broker_t *self);  // the outbox has new rows
void kt_broker_turn(kt_broker_t *self);  // after the ledger's answers of a turn
void kt_broker_tick(kt_broker_t *self, int64_t now_ms);
void kt_broker_drain(kt_broker_t *self, int64_t now_ms);  // takes no new messages
bool kt_broker_is_drained(kt_broker_t *self, int64_t now_ms);
void kt_broker_stats(kt_broker_t *self, kt_amqp_stats_t *out);
