// ledger_fixture -- what the tests of the ledgers share: short ways to make rows, and ledgers in a folder of their own.
#pragma once

#include "coordinator/ledger/ledger.h"

enum { FIXTURE_PATH = 256 };

// A new folder under $TMPDIR with room for a ledger in it; removed with all that is in it by fixture_remove.
void fixture_folder(char out[FIXTURE_PATH]);
void fixture_remove(const char *folder);

kt_ledger_t *fixture_sqlite(const char *folder);  // folder/ledger.sqlite, as writer
kt_ledger_t *fixture_memory(void);

// message "m<number>" for file "/music/<number>.flac".
void fixture_job(uint64_t number, kt_priority_t priority, int64_t created_ms, kt_job_t *job, kt_new_job_t *row);
// The ledger's job of that number, in a ledger whose jobs all came so.
void         fixture_insert_of(kt_ledger_t *ledger, uint64_t number, kt_priority_t priority, int64_t created_ms);
uint64_t     fixture_insert(kt_ledger_t *ledger, uint64_t number);         // NORMAL, created at 0; its id
kt_lease_t   fixture_lease(kt_ledger_t *ledger, const char *name);         // of a minute
kt_claimed_t fixture_claim(kt_ledger_t *ledger, const kt_lease_t *lease);  // one; body freed
size_t fixture_claim_n(kt_ledger_t *ledger, const kt_lease_t *lease, size_t want, int64_t wall_ms, kt_run_id_t *ids);
kt_result_t fixture_success(kt_run_id_t id);
kt_result_t fixture_failure(kt_run_id_t id, kt_err_t err);
kt_stored_t fixture_store(kt_ledger_t *ledger, const kt_result_t *result);
kt_stored_t fixture_fail(kt_ledger_t *ledger, const kt_lease_t *lease, const kt_result_t *result);
// Files 1 to 3: a success and a failure with warnings, and a failure without features; and what the view `warnings` has
// of them, as file_path:error:code:text.
#define FIXTURE_WARNINGS                                                                                               \
    "/music/1.flac:ok:sound_lost:0.5 s /music/2.flac:ETRUNCATED:sound_lost:1 s "                                       \
    "/music/2.flac:ETRUNCATED:truncated:ends"
void         fixture_store_with_warnings(kt_ledger_t *ledger);
kt_ask_t     fixture_ask(kt_ledger_t *ledger, kt_ask_type_t type, kt_run_id_t id);
kt_ask_t     fixture_redo(kt_ledger_t *ledger, kt_run_id_t id);  // a retry, of a done job too
kt_totals_t  fixture_totals(kt_ledger_t *ledger);
kt_job_row_t fixture_row(kt_ledger_t *ledger, uint64_t job);  // without document

// Asserts that the audit finds nothing; returns the rows looked at.
uint64_t fixture_audit_clean(kt_ledger_t *ledger);
// How many findings hold `word`.
size_t fixture_findings(kt_ledger_t *ledger, const char *word);
