// kt_run -- identifiers that the scheduler, the ledger and the link share. Plain values; any thread.
#pragma once

#include <stdint.h>

// One run of a job. Runs count from 1; a retry by an operator is a new run.
typedef struct kt_run_id {
    uint64_t job;
    uint32_t run;
} kt_run_id_t;

// The link's handle of one node connection; never 0. A node's name outlives its connections.
typedef uint64_t kt_node_handle_t;

// Result of storing an outcome in the ledger.
typedef enum kt_stored {
    KT_STORED_NEW,
    KT_STORED_ALREADY,
    KT_STORED_CANCELLED,
    KT_STORED_BAD_DATA,
    KT_STORED_FENCED
} kt_stored_t;
