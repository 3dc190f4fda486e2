// kt_backfiller -- a coordinator's part in the backfills of its ledger: posts one step after another while it holds a
// lease, and passes backfills that need listing to its scanner. Loop thread.
#pragma once

#include "common/settings.h"
#include "coordinator/loop/lease.h"

typedef struct kt_backfiller kt_backfiller_t;

KT_MUST_USE kt_err_t kt_backfiller_new(kt_backfiller_t **self_p, const kt_settings_t *settings, kt_ledger_port_t *port,
                                       const kt_lease_keeper_t *lease, kt_sink_t sink);
void                 kt_backfiller_stop(kt_backfiller_t *self);  // before the actor goes; NULL-safe
void                 kt_backfiller_destroy(kt_backfiller_t **self_p);
void                 kt_backfiller_wake(kt_backfiller_t *self);  // an operator changed a backfill: the next step is due
void                 kt_backfiller_drain(kt_backfiller_t *self);       // no further step is posted
size_t               kt_backfiller_live(const kt_backfiller_t *self);  // with something to do, at the last step
void                 kt_backfiller_tick(kt_backfiller_t *self, int64_t now_ms);
