// ledger_sqlite_backfill -- what the files of the SQLite ledger share about backfills. Private to
// ledger_sqlite_backfill*.c.
#pragma once

#include "coordinator/ledger/backfill_rules.h"
#include "coordinator/ledger/sqlite/sqlite.h"

// Within a transaction. KT_ENOTFOUND.
kt_err_t kt_sqlite_backfill_get(kt_sqlite_t *self, uint64_t id, kt_backfill_t *out);
kt_err_t kt_sqlite_backfill_put(kt_sqlite_t *self, const kt_backfill_t *row);
// As get, for the one that works on it: KT_EFENCED if the backfill is not this lease's.
kt_err_t kt_sqlite_backfill_own(kt_sqlite_t *self, const kt_lease_t *lease, uint64_t id, kt_backfill_t *out);
// A digest of the first 16 bytes is enough to tell paths apart.
enum { KT_PATH_KEY = 16 };

kt_err_t kt_sqlite_backfill_known(kt_ledger_t *self, const kt_backfill_t *b, kt_backfill_path_t *paths, size_t n);
kt_err_t kt_sqlite_backfill_list(kt_ledger_t *self, const kt_lease_t *lease, const kt_backfill_page_t *page);
kt_err_t kt_sqlite_backfill_waiting(kt_ledger_t *self, const kt_backfill_t *b, size_t want, kt_backfill_path_t *out,
                                    size_t *n);
kt_err_t kt_sqlite_backfill_feed(kt_ledger_t *self, const kt_lease_t *lease, uint64_t id, const uint64_t *rows,
                                 const kt_new_job_t *jobs, size_t n, uint64_t up_to);
kt_err_t kt_sqlite_backfill_settle(kt_ledger_t *self, const kt_lease_t *lease, uint64_t id, size_t want,
                                   int64_t wall_ms, size_t *n, kt_backfill_t *b);
kt_err_t kt_sqlite_backfill_retry(kt_ledger_t *self, uint64_t id, uint64_t *after, size_t want, size_t *n);
kt_err_t kt_sqlite_backfill_results(kt_ledger_t *self, uint64_t id, uint64_t after, bool failed, size_t max_bytes,
                                    kt_backfill_result_t *out, size_t capacity, size_t *n);
