// The operations of the PostgreSQL ledger, by file; see ledger.h for what they promise.
#pragma once

#include "coordinator/ledger/ledger.h"

// ledger_postgres_jobs.c
kt_err_t kt_pg_insert_jobs(kt_ledger_t *self, const kt_new_job_t *jobs, size_t n, kt_inserted_t *how, uint64_t *ids);
kt_err_t kt_pg_retain(kt_ledger_t *self, int64_t before_ms, size_t want, size_t *n);
// ledger_postgres_lease.c
kt_err_t kt_pg_lease_open(kt_ledger_t *self, const char *coordinator, int64_t length_ms, kt_lease_t *out);
kt_err_t kt_pg_lease_renew(kt_ledger_t *self, const kt_lease_t *lease);
// ledger_postgres_claim.c
kt_err_t kt_pg_claim(kt_ledger_t *self, const kt_lease_t *lease, size_t want, int64_t wall_ms, kt_claimed_t *out,
                     size_t *n);
kt_err_t kt_pg_release(kt_ledger_t *self, const kt_lease_t *lease, const kt_run_id_t *ids, size_t n);
kt_err_t kt_pg_blame(kt_ledger_t *self, const kt_lease_t *lease, const kt_attempt_t *attempts, size_t n);
// ledger_postgres_results.c
kt_err_t kt_pg_store(kt_ledger_t *self, const kt_result_t *results, size_t n, kt_stored_t *how);
kt_err_t kt_pg_fail(kt_ledger_t *self, const kt_lease_t *lease, const kt_result_t *failures, size_t n,
                    kt_stored_t *how);
// ledger_postgres_ask.c
kt_err_t kt_pg_ask(kt_ledger_t *self, kt_ask_t *asks, size_t n);
// ledger_postgres_outbox.c
kt_err_t kt_pg_outbox_put(kt_ledger_t *self, const kt_reject_t *rejects, size_t n);
kt_err_t kt_pg_outbox_take(kt_ledger_t *self, const kt_lease_t *lease, uint64_t after, size_t want,
                           kt_outbox_row_t *out, size_t *n);
kt_err_t kt_pg_outbox_done(kt_ledger_t *self, const uint64_t *ids, size_t n, int64_t wall_ms);
// ledger_postgres_query.c
kt_err_t kt_pg_totals(kt_ledger_t *self, int64_t wall_ms, kt_totals_t *out);
kt_err_t kt_pg_jobs(kt_ledger_t *self, const kt_job_query_t *query, kt_job_row_t *out, size_t capacity, size_t *n);
kt_err_t kt_pg_story(kt_ledger_t *self, uint64_t job, kt_story_row_t *out, size_t capacity, size_t *n);
kt_err_t kt_pg_drained(kt_ledger_t *self, char (*names)[64], size_t capacity, size_t *n);
// ledger_postgres_backfill.c
extern const kt_backfill_ops_t KT_PG_BACKFILL;
// ledger_postgres_audit.c
kt_err_t kt_pg_audit(kt_ledger_t *self, kt_audit_fn *found, void *context, uint64_t *rows);
