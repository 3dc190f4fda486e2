// ledger_gate -- a ledger that delegates to another one, and can delay a call or let it fail. One a test.
#pragma once

#include "common/queue.h"
#include "coordinator/ledger/ledger.h"

#include <stdatomic.h>

enum { GATE_WAIT_MS = 10000, GATE_CALLS = 64 };

// Delegates to `real`; the next `fails` calls give `err` instead. Written by the test while the actor is idle
// or held up, but for the atomic members.
typedef struct gate {
    kt_ledger_t  base;
    kt_ledger_t *real;
    kt_queue_t  *entered, *go;  // with hold: a call reports that it has begun, and waits for go
    atomic_bool  hold;
    atomic_int   fails;
    atomic_int   err;
    atomic_bool  closed;
    char         calls[GATE_CALLS];
    size_t       sizes[GATE_CALLS];
    atomic_int   n_calls;
} gate_t;

extern gate_t                gate;
extern const kt_ledger_ops_t GATE_OPS;
