// kt_backfill_step -- one step of feeding, on the ledger's thread: settles what has ended of one backfill and makes its
// next paths jobs, so that some KT_BACKFILL_WINDOW are open at a time. Turns go round among the backfills that are this
// coordinator's. The only state between steps is which backfill is next.
#pragma once

#include "coordinator/ledger/ledger.h"

enum { KT_BACKFILL_WINDOW = 5000, KT_BACKFILL_FEED = 500, KT_BACKFILL_SETTLE = 1000, KT_BACKFILL_LIVE = 16 };

typedef struct kt_backfill_step kt_backfill_step_t;

KT_MUST_USE kt_err_t kt_backfill_step_new(kt_backfill_step_t **self_p);  // KT_ENOMEM
void                 kt_backfill_step_destroy(kt_backfill_step_t **self_p);
// kt_ledger_call_fn of kt_ledger_actor.h.
kt_err_t kt_backfill_step_run(void *self, kt_ledger_t *ledger, const kt_lease_t *lease);

// Of the last turn.
size_t               kt_backfill_step_fed(const kt_backfill_step_t *self);
bool                 kt_backfill_step_again(const kt_backfill_step_t *self);    // there is more to do at once
size_t               kt_backfill_step_live(const kt_backfill_step_t *self);     // backfills with something to do
const kt_backfill_t *kt_backfill_step_to_list(const kt_backfill_step_t *self);  // NULL: nothing is to be listed
