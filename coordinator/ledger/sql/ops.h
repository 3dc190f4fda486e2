// The operations of the SQL ledgers; ledger.h is their contract.
#pragma once

#include "coordinator/ledger/sql/sql.h"

kt_err_t kt_sql_insert_jobs(kt_ledger_t *self, const kt_new_job_t *jobs, size_t n, kt_inserted_t *how, uint64_t *ids);
kt_err_t kt_sql_retain(kt_ledger_t *self, int64_t before_ms, size_t want, size_t *n);
kt_err_t kt_sql_lease_open(kt_ledger_t *self, const char *coordinator, int64_t length_ms, kt_lease_t *out);
kt_err_t kt_sql_lease_renew(kt_ledger_t *self, const kt_lease_t *lease);
kt_err_t kt_sql_claim(kt_ledger_t *self, const kt_lease_t *lease, size_t want, int64_t wall_ms, kt_claimed_t *out,
                      size_t *n);
kt_err_t kt_sql_release(kt_ledger_t *self, const kt_lease_t *lease, const kt_run_id_t *ids, size_t n);
kt_err_t kt_sql_blame(kt_ledger_t *self, const kt_lease_t *lease, const kt_attempt_t *attempts, size_t n);
kt_err_t kt_sql_store(kt_ledger_t *self, const kt_result_t *results, size_t n, kt_stored_t *how);
kt_err_t kt_sql_fail(kt_ledger_t *self, const kt_lease_t *lease, const kt_result_t *failures, size_t n,
                     kt_stored_t *how);
kt_err_t kt_sql_ask(kt_ledger_t *self, kt_ask_t *asks, size_t n);
kt_err_t kt_sql_outbox_put(kt_ledger_t *self, const kt_reject_t *rejects, size_t n);
kt_err_t kt_sql_outbox_take(kt_ledger_t *self, const kt_lease_t *lease, uint64_t after, size_t want,
                            kt_outbox_row_t *out, size_t *n);
kt_err_t kt_sql_outbox_replay(kt_ledger_t *self, kt_replay_t *replay);
kt_err_t kt_sql_outbox_done(kt_ledger_t *self, const uint64_t *ids, size_t n, int64_t wall_ms);
kt_err_t kt_sql_mark_paths(kt_ledger_t *self, const char *const *paths, size_t n, bool removed, int64_t wall_ms);
kt_err_t kt_sql_totals(kt_ledger_t *self, int64_t wall_ms, kt_totals_t *out);
kt_err_t kt_sql_jobs(kt_ledger_t *self, const kt_job_query_t *query, kt_job_row_t *out, size_t capacity, size_t *n);
kt_err_t kt_sql_story(kt_ledger_t *self, uint64_t job, kt_story_row_t *out, size_t capacity, size_t *n);
kt_err_t kt_sql_failures(kt_ledger_t *self, size_t most, kt_failure_row_t *out, size_t capacity, size_t *n);
kt_err_t kt_sql_drained(kt_ledger_t *self, char (*names)[64], size_t capacity, size_t *n);
kt_err_t kt_sql_audit(kt_ledger_t *self, kt_audit_fn *found, void *context, uint64_t *rows);
kt_err_t kt_sql_vector_of(kt_ledger_t *self, const char *path, kt_vector_t *out);
kt_err_t kt_sql_nearest(kt_ledger_t *self, kt_nearest_t *search);
extern const kt_backfill_ops_t KT_SQL_BACKFILL;
extern const kt_fleet_ops_t    KT_SQL_FLEET;

// All operations but name and close.
#define KT_SQL_OPS                                                                                                     \
    .insert_jobs = kt_sql_insert_jobs, .lease_open = kt_sql_lease_open, .lease_renew = kt_sql_lease_renew,             \
    .claim = kt_sql_claim, .release = kt_sql_release, .blame = kt_sql_blame, .store = kt_sql_store,                    \
    .fail = kt_sql_fail, .ask = kt_sql_ask, .outbox_put = kt_sql_outbox_put, .outbox_take = kt_sql_outbox_take,        \
    .outbox_done = kt_sql_outbox_done, .outbox_replay = kt_sql_outbox_replay, .retain = kt_sql_retain,                 \
    .mark_paths = kt_sql_mark_paths, .totals = kt_sql_totals, .jobs = kt_sql_jobs, .story = kt_sql_story,              \
    .failures = kt_sql_failures, .drained = kt_sql_drained, .vector_of = kt_sql_vector_of, .nearest = kt_sql_nearest,  \
    .audit = kt_sql_audit, .backfill = &KT_SQL_BACKFILL, .fleet = &KT_SQL_FLEET
