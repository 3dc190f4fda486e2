// kt_backfiller -- a coordinator's part in the backfills of its ledger: posts one turn of feeding after another while
// it holds a lease, and gives its lister what is to be listed. The loop's.
#pragma once

#include "common/settings.h"
#include "coordinator/ledger/actor.h"

typedef struct kt_backfiller  kt_backfiller_t;
typedef struct kt_coordinator kt_coordinator_t;  // coordinator.h

KT_MUST_USE kt_err_t kt_backfiller_new(kt_backfiller_t **self_p, kt_ledger_actor_t *actor,
                                       const kt_settings_t *settings);
void                 kt_backfiller_stop(kt_backfiller_t *self);  // before the actor goes; NULL-safe
void                 kt_backfiller_destroy(kt_backfiller_t **self_p);
void                 kt_backfiller_wake(kt_backfiller_t *self);  // an operator has asked something: look at once
void                 kt_core_backfill_tick(kt_coordinator_t *core, int64_t now_ms);
