// ledger_memory -- the containers of the ledger in memory: rows in growing arrays, texts in large blocks that are freed
// with the ledger, a hash map of message_ids and one heap per priority. Private to memory/. One thread.
//
// Room for a whole call is made before its first row is changed (kt_mem_room, kt_mem_text_room), so that a call which
// runs out of memory has changed nothing.
#pragma once

#include "coordinator/ledger/ledger.h"
#include "coordinator/ledger/rules.h"

typedef struct kt_mem_job {
    kt_job_facts_t facts;
    uint64_t       hash;  // of message_id
    kt_digest_t    body_digest;
    const char    *message_id, *file_path, *body, *properties;  // properties: NULL, none
    size_t         body_bytes, n_properties;
    kt_priority_t  priority;
    uint32_t       attempts, crashes;
    uint64_t       declared_bytes;
    double         declared_duration_s;
    int64_t        created_ms, claimed_ms, ended_ms;
    size_t         result;   // 1 + place of the last outcome; 0 none
    size_t         attempt;  // 1 + place of the last attempt; 0 none
    bool           in_heap;  // its heap has an entry, current or not
} kt_mem_job_t;

typedef struct kt_mem_result {
    kt_run_id_t id;
    uint32_t    attempt;
    size_t      earlier;  // 1 + place of the outcome of an earlier run
    kt_err_t    err;
    int64_t     processing_us, stored_ms;
    const char *detail, *node, *document;
    size_t      document_bytes;
    kt_digest_t content_digest;
    size_t      outbox;  // number of its row there; 0: stored where nothing is published
} kt_mem_result_t;

typedef struct kt_mem_outbox {
    kt_outbox_kind_t kind;
    kt_run_id_t      run;
    kt_err_t         err;
    uint64_t         epoch;
    bool             waiting;
    int64_t          confirmed_ms;
    const char      *message_id, *reason, *bytes, *properties;  // properties: NULL, the job's
    size_t           n_bytes, n_properties;
    int64_t          created_ms;
} kt_mem_outbox_t;

typedef struct kt_mem_attempt {
    kt_run_id_t id;
    size_t      earlier;
    uint32_t    attempt;
    kt_err_t    err;
    bool        crash;
    int64_t     at_ms;
    char        node[64];
} kt_mem_attempt_t;

typedef struct kt_mem_lease {
    kt_lease_t lease;
    int64_t    expires_ms;
} kt_mem_lease_t;

typedef struct kt_mem_day {
    int64_t  day;
    uint64_t done;
} kt_mem_day_t;

// A growing array; `at` is cast by the accessors below.
typedef struct kt_mem_rows {
    void  *at;
    size_t n, capacity, row_bytes;
} kt_mem_rows_t;

typedef struct kt_mem_block kt_mem_block_t;

typedef struct kt_mem {
    kt_ledger_t     base;
    kt_mem_rows_t   jobs, results, attempts, leases, days, marks;  // job n is row n - 1
    kt_mem_rows_t   outbox;                                        // of number n is row n - 1
    size_t          outbox_first;                                  // all rows before it are confirmed
    uint64_t        outbox_waiting;
    uint64_t        epoch;            // of the lease that was opened last
    kt_mem_rows_t   heaps[KT_RANKS];  // of job numbers, the oldest first
    size_t         *map;              // 1 + row of a job, 0 free; a power of two
    size_t          map_slots;
    kt_mem_block_t *blocks;
    uint64_t        counts[KT_JOB_CANCELLED + 1], retried;
    int64_t         processing_us;
    uint64_t        next_epoch;
    uint32_t        turns[KT_RANKS];
} kt_mem_t;

void  kt_mem_init(kt_mem_t *self);
void  kt_mem_fini(kt_mem_t *self);
bool  kt_mem_room(kt_mem_rows_t *rows, size_t more);  // room for so many more rows
void *kt_mem_add(kt_mem_rows_t *rows);                // zeroed; room must be there
void *kt_mem_row(const kt_mem_rows_t *rows, size_t place);

bool        kt_mem_text_room(kt_mem_t *self, size_t bytes);                 // for the copies of one call together
const char *kt_mem_text(kt_mem_t *self, const char *bytes, size_t length);  // a copy with NUL; room must be there

kt_mem_job_t *kt_mem_job(const kt_mem_t *self, uint64_t id);  // NULL: unknown
uint64_t      kt_mem_hash(const char *message_id);
kt_mem_job_t *kt_mem_find(const kt_mem_t *self, const char *message_id, uint64_t hash);
bool          kt_mem_map_room(kt_mem_t *self, size_t more);
void          kt_mem_map_add(kt_mem_t *self, const kt_mem_job_t *job);

// The heap of a job's priority. Cancelled jobs leave it when they come up. Its room is made when the job is inserted.
void          kt_mem_enqueue(kt_mem_t *self, kt_mem_job_t *job);
kt_mem_job_t *kt_mem_oldest(kt_mem_t *self, unsigned rank);   // the oldest queued job, NULL: none
void          kt_mem_dequeue(kt_mem_t *self, unsigned rank);  // takes the oldest one out

// Keeps the counts and the heap right.
bool          kt_mem_has_lease(const kt_mem_t *self, uint64_t epoch);
void          kt_mem_set_state(kt_mem_t *self, kt_mem_job_t *job, kt_job_state_t state);
kt_mem_job_t *kt_mem_claimed(const kt_mem_t *self, const kt_lease_t *lease, kt_run_id_t id);  // NULL: not under it

kt_err_t kt_mem_insert_jobs(kt_ledger_t *self, const kt_new_job_t *jobs, size_t n, kt_inserted_t *how, uint64_t *ids);
kt_err_t kt_mem_lease_open(kt_ledger_t *self, const char *coordinator, int64_t length_ms, kt_lease_t *out);
kt_err_t kt_mem_lease_renew(kt_ledger_t *self, const kt_lease_t *lease);
kt_err_t kt_mem_claim(kt_ledger_t *self, const kt_lease_t *lease, size_t want, int64_t wall_ms, kt_claimed_t *out,
                      size_t *n);
kt_err_t kt_mem_release(kt_ledger_t *self, const kt_lease_t *lease, const kt_run_id_t *ids, size_t n);
kt_err_t kt_mem_blame(kt_ledger_t *self, const kt_lease_t *lease, const kt_attempt_t *attempts, size_t n);
kt_err_t kt_mem_store(kt_ledger_t *self, const kt_result_t *results, size_t n, kt_stored_t *how);
kt_err_t kt_mem_fail(kt_ledger_t *self, const kt_lease_t *lease, const kt_result_t *failures, size_t n,
                     kt_stored_t *how);
kt_err_t kt_mem_retain(kt_ledger_t *self, int64_t before_ms, size_t want, size_t *n);
kt_err_t kt_mem_ask(kt_ledger_t *self, kt_ask_t *asks, size_t n);
// The row of a job's outcome that was just stored; room must be there. What belongs to no lease goes to this epoch.
void     kt_mem_outbox_result(kt_mem_t *self, const kt_mem_job_t *job);
void     kt_mem_outbox_take_over(kt_mem_t *self, uint64_t epoch);
kt_err_t kt_mem_outbox_put(kt_ledger_t *self, const kt_reject_t *rejects, size_t n);
kt_err_t kt_mem_outbox_replay(kt_ledger_t *self, kt_replay_t *replay);
kt_err_t kt_mem_outbox_take(kt_ledger_t *self, const kt_lease_t *lease, uint64_t after, size_t want,
                            kt_outbox_row_t *out, size_t *n);
kt_err_t kt_mem_outbox_done(kt_ledger_t *self, const uint64_t *ids, size_t n, int64_t wall_ms);
kt_err_t kt_mem_failures(kt_ledger_t *self, size_t most, kt_failure_row_t *out, size_t capacity, size_t *n);
kt_err_t kt_mem_story(kt_ledger_t *self, uint64_t job, kt_story_row_t *out, size_t capacity, size_t *n);
kt_err_t kt_mem_audit(kt_ledger_t *self, kt_audit_fn *found, void *context, uint64_t *rows);
