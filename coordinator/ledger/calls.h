// ledger_calls -- how the actor's requests become calls of the ledger: one function a type, which gathers a group into
// arrays, calls once, and distributes the answers. On an error no request has changed, so that the same group can be
// repeated. The actor's thread alone.
#pragma once

#include "coordinator/ledger/actor.h"

// Arrays for one group, taken once.
typedef struct kt_ledger_group {
    kt_ledger_t  *ledger;  // borrowed
    kt_lease_t    lease;   // of the last OPEN; epoch 0 before
    kt_new_job_t  jobs[KT_LEDGER_GROUP];
    kt_inserted_t inserted[KT_LEDGER_GROUP];
    uint64_t      numbers[KT_LEDGER_GROUP];
    kt_run_id_t   ids[KT_LEDGER_GROUP];
    kt_attempt_t  attempts[KT_LEDGER_GROUP];
    kt_result_t   results[KT_LEDGER_GROUP];
    kt_stored_t   stored[KT_LEDGER_GROUP];
    kt_ask_t      asks[KT_LEDGER_GROUP];
    kt_reject_t   rejects[KT_LEDGER_GROUP];
} kt_ledger_group_t;

// n requests of one type, at most KT_LEDGER_GROUP; 1 for a type that is not grouped.
kt_err_t kt_ledger_call(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n);
bool     kt_ledger_is_grouped(kt_ledger_request_type_t type);
bool kt_ledger_is_reading(kt_ledger_request_type_t type);  // changes nothing: does not wait for a ledger that is down
