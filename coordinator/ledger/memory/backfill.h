// ledger_memory_backfill -- backfills in the ledger in memory. Private to ledger_memory*.c.
#pragma once

#include "coordinator/ledger/backfill_rules.h"
#include "coordinator/ledger/memory/memory.h"

typedef struct kt_mem_chunk {
    char  *bytes;  // NULL: listed
    size_t length;
} kt_mem_chunk_t;

typedef struct kt_mem_path {
    char    *path;
    int64_t  bytes, mtime_ns;
    kt_err_t err;
    uint64_t job;  // an earlier success, or its own
    bool     own;
} kt_mem_path_t;

typedef struct kt_mem_item {
    uint64_t                 row, job;
    kt_backfill_item_state_t state;
} kt_mem_item_t;

typedef struct kt_mem_backfill {
    kt_backfill_t b;
    uint64_t      owner;
    kt_mem_rows_t chunks, paths, items;
    size_t       *seen;  // 1 + place of a path, by the hash of its text; a power of two, at most half full
    size_t        seen_slots;
} kt_mem_backfill_t;

typedef struct kt_mem_file {
    char       *path;
    int64_t     bytes, mtime_ns;
    uint32_t    options;
    char        version[16];
    kt_digest_t digest;
    uint64_t    job;
} kt_mem_file_t;

kt_mem_backfill_t *kt_mem_backfill(const kt_mem_t *self, uint64_t id);  // NULL: unknown
// As for the one that works on it: NULL if the lease or the backfill is not its.
kt_mem_backfill_t *kt_mem_backfill_own(const kt_mem_t *self, const kt_lease_t *lease, uint64_t id);

kt_err_t kt_mem_backfill_known(kt_ledger_t *self, const kt_backfill_t *b, kt_backfill_path_t *paths, size_t n);
kt_err_t kt_mem_backfill_list(kt_ledger_t *self, const kt_lease_t *lease, const kt_backfill_page_t *page);
kt_err_t kt_mem_backfill_waiting(kt_ledger_t *self, const kt_backfill_t *b, size_t want, kt_backfill_path_t *out,
                                 size_t *n);
kt_err_t kt_mem_backfill_feed(kt_ledger_t *self, const kt_lease_t *lease, uint64_t id, const uint64_t *rows,
                              const kt_new_job_t *jobs, size_t n, uint64_t up_to);
kt_err_t kt_mem_backfill_settle(kt_ledger_t *self, const kt_lease_t *lease, uint64_t id, size_t want, int64_t wall_ms,
                                size_t *n, kt_backfill_t *b);
kt_err_t kt_mem_backfill_retry(kt_ledger_t *self, uint64_t id, uint64_t *after, size_t want, size_t *n);
kt_err_t kt_mem_backfill_results(kt_ledger_t *self, uint64_t id, uint64_t after, bool failed, size_t max_bytes,
                                 kt_backfill_result_t *out, size_t capacity, size_t *n);
