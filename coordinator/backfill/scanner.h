// kt_scanner -- the thread that lists backfills: it reads the source, looks up in the ledger which files are unchanged,
// digests the others where that is requested, and has each page stored. A thread of its own because a file system may
// block for any time; its state is in the ledger, so that it may be killed at any point.
#pragma once

#include "common/settings.h"
#include "coordinator/ledger/actor.h"

typedef struct kt_scanner kt_scanner_t;

// actor and settings are borrowed. KT_ENOMEM, KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_scanner_new(kt_scanner_t **self_p, kt_ledger_actor_t *actor, const kt_settings_t *settings);
// Loop thread. stop: after the last answer; waits for the thread a few seconds (one that hangs in the file system is
// detached). destroy: after the actor, which may still use the arguments of the last call.
void kt_scanner_stop(kt_scanner_t *self);
void kt_scanner_destroy(kt_scanner_t **self_p);
// Loop thread: list this one, if it is idle. A copy is taken.
void kt_scanner_offer(kt_scanner_t *self, const kt_backfill_t *b);
