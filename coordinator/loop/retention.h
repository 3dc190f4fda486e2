// retention -- ended jobs lose their documents and input messages after ANALYZER_RETENTION_DAYS: a bounded piece at a
// time, so that no call of the ledger takes long. Loop thread.
#pragma once

#include "coordinator/ledger/actor.h"

#include <stdbool.h>
#include <stdint.h>

enum { KT_RETENTION_MINUTE_MS = 60000, KT_RETENTION_PIECE = 500 };

typedef struct kt_retention {
    bool     asked;    // a piece is with the ledger
    int64_t  next_ms;  // when the next piece is due, monotonic
    uint64_t removed;  // jobs, since the start
} kt_retention_t;

// The request for a piece that is due now, to post; NULL: nothing is due, or no memory. days 0: never.
kt_ledger_request_t *kt_retention_tick(kt_retention_t *self, int64_t days, int64_t now_ms, int64_t wall_ms);
