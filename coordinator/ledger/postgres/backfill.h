// ledger_postgres_backfill -- what the files of the PostgreSQL ledger share about backfills. Each call reads the row in
// one pipeline, judges, and writes in a second one, which fails (KT_EAGAIN) if the row's `changes` moved meanwhile: a
// backfill that was taken over, paused or cancelled in between is read anew. Private to ledger_postgres_backfill*.c.
#pragma once

#include "coordinator/ledger/backfill_rules.h"
#include "coordinator/ledger/postgres/facts.h"
#include "coordinator/ledger/postgres/postgres.h"

typedef struct kt_pg_backfill {
    kt_backfill_t b;
    int64_t       changes;
    uint64_t      owner;
} kt_pg_backfill_t;

// Puts the questions of a read into the pipeline, as answers 0 and 1: is the lease ours (NULL: not asked, answer 0 is
// void), and the row.
void kt_pg_backfill_put_get(kt_pg_t *self, const kt_lease_t *lease, uint64_t id);
// Their answers. KT_ENOTFOUND; KT_EFENCED: the lease or the backfill is not ours.
kt_err_t kt_pg_backfill_got(const kt_pg_t *self, const kt_lease_t *lease, kt_pg_backfill_t *out);
void     kt_pg_backfill_put(kt_pg_t *self, const kt_pg_backfill_t *row);  // the whole row, into the pipeline
// BEGIN before, COMMIT after what is put in between.
void     kt_pg_backfill_write(kt_pg_t *self);
kt_err_t kt_pg_backfill_commit(kt_pg_t *self);

kt_err_t kt_pg_backfill_known(kt_ledger_t *self, const kt_backfill_t *b, kt_backfill_path_t *paths, size_t n);
kt_err_t kt_pg_backfill_list(kt_ledger_t *self, const kt_lease_t *lease, const kt_backfill_page_t *page);
kt_err_t kt_pg_backfill_waiting(kt_ledger_t *self, const kt_backfill_t *b, size_t want, kt_backfill_path_t *out,
                                size_t *n);
kt_err_t kt_pg_backfill_feed(kt_ledger_t *self, const kt_lease_t *lease, uint64_t id, const uint64_t *rows,
                             const kt_new_job_t *jobs, size_t n, uint64_t up_to);
kt_err_t kt_pg_backfill_settle(kt_ledger_t *self, const kt_lease_t *lease, uint64_t id, size_t want, int64_t wall_ms,
                               size_t *n, kt_backfill_t *b);
kt_err_t kt_pg_backfill_retry(kt_ledger_t *self, uint64_t id, uint64_t *after, size_t want, size_t *n);
kt_err_t kt_pg_backfill_results(kt_ledger_t *self, uint64_t id, uint64_t after, bool failed, size_t max_bytes,
                                kt_backfill_result_t *out, size_t capacity, size_t *n);
