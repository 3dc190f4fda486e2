// What the files about backfills share. Each call reads the backfill's row, judges, and writes; the writing pipeline
// fails (KT_EAGAIN) if the row's `changes` moved meanwhile: a backfill that was taken over, paused or cancelled in
// between is read anew. Private to sql/backfill*.c.
#pragma once

#include "coordinator/ledger/backfill_rules.h"
#include "coordinator/ledger/sql/facts.h"

typedef struct kt_sql_backfill {
    kt_backfill_t b;
    int64_t       changes;
    uint64_t      owner;
} kt_sql_backfill_t;

// Reads the row within a writing call. lease: NULL: not checked. KT_ENOTFOUND; KT_EFENCED: the lease or the backfill is
// not ours.
kt_err_t kt_sql_backfill_read(kt_sql_t *self, const kt_lease_t *lease, uint64_t id, kt_sql_backfill_t *out);
void kt_sql_backfill_write(kt_sql_t *self, const kt_sql_backfill_t *row);  // opens the writing pipeline with the row
void kt_sql_backfill_drop_chunks(kt_sql_t *self, uint64_t id, uint64_t before);

kt_err_t kt_sql_backfill_known(kt_ledger_t *self, const kt_backfill_t *b, kt_backfill_path_t *paths, size_t n);
kt_err_t kt_sql_backfill_list(kt_ledger_t *self, const kt_lease_t *lease, const kt_backfill_page_t *page);
kt_err_t kt_sql_backfill_waiting(kt_ledger_t *self, const kt_backfill_t *b, size_t want, kt_backfill_path_t *out,
                                 size_t *n);
kt_err_t kt_sql_backfill_feed(kt_ledger_t *self, const kt_lease_t *lease, uint64_t id, const uint64_t *rows,
                              const kt_new_job_t *jobs, size_t n, uint64_t up_to);
kt_err_t kt_sql_backfill_settle(kt_ledger_t *self, const kt_lease_t *lease, uint64_t id, size_t want, int64_t wall_ms,
                                size_t *n, kt_backfill_t *b);
kt_err_t kt_sql_backfill_retry(kt_ledger_t *self, uint64_t id, uint64_t *after, size_t want, size_t *n);
kt_err_t kt_sql_backfill_results(kt_ledger_t *self, uint64_t id, uint64_t after, bool failed, size_t max_bytes,
                                 kt_backfill_result_t *out, size_t capacity, size_t *n);
