// ledger_sqlite -- what the files of the SQLite ledger share: the connection, its kept statements, transactions and
// bindings. Private to ledger_sqlite*.c and to tests that break a ledger on purpose. One thread at a time.
//
// A call of the ledger is kt_sqlite_begin, statements, kt_sqlite_end: one transaction, whose changes of the totals are
// gathered in `delta` and written once. Nothing of a failed call remains.
#pragma once

#include "coordinator/ledger/ledger.h"
#include "coordinator/ledger/rules.h"

typedef struct sqlite3      sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;

typedef enum kt_sqlite_id {
#define KT_SQL(name, text) KT_SQL_##name,
#include "coordinator/ledger/sqlite/sqlite.def"
#undef KT_SQL
    KT_SQL_COUNT
} kt_sqlite_id_t;

typedef struct kt_sqlite_delta {
    int64_t state[KT_JOB_CANCELLED + 1];
    int64_t retried, processing_us, waiting;
    int64_t day, day_done;
} kt_sqlite_delta_t;

typedef struct kt_sqlite {
    kt_ledger_t       base;
    sqlite3          *db;
    sqlite3_stmt     *stmts[KT_SQL_COUNT];
    kt_sqlite_delta_t delta;
    bool              writer;
    uint64_t          epoch;              // of the lease that was opened last: the outbox rows of outcomes carry it
    int               lock_fd;            // -1 without
    uint32_t          turns[KT_RANKS];    // of the aged shares
    char              path[KT_JOB_PATH];  // for sentences
} kt_sqlite_t;

// KT_EDISK, KT_EIO (also a busy file), KT_ESTATE (damaged), KT_ENOMEM, KT_EBADDATA; what SQLite said goes to the log.
kt_err_t kt_sqlite_err(kt_sqlite_t *self, int rc);
kt_err_t kt_sqlite_exec(kt_sqlite_t *self, const char *sql);  // any number of statements, rows dropped

kt_err_t kt_sqlite_begin(kt_sqlite_t *self);       // KT_EACCESS for a reader
kt_err_t kt_sqlite_begin_read(kt_sqlite_t *self);  // a snapshot, for readers and the writer
// Commits if err is KT_OK, else takes everything back. Returns err, or what the commit gave.
kt_err_t kt_sqlite_end(kt_sqlite_t *self, kt_err_t err);
// Counts a job's way from one state to another; from or to may be -1.
void kt_sqlite_moved(kt_sqlite_t *self, int from, int to);

// One use of a kept statement: parameters in order, then run, or rows until `more` is false. A failed binding is told
// by the step. Bound texts are borrowed until then.
typedef struct kt_sqlite_call {
    kt_sqlite_t  *self;
    sqlite3_stmt *stmt;
    int           bound;
    int           rc;
} kt_sqlite_call_t;

kt_sqlite_call_t kt_sqlite_call(kt_sqlite_t *self, kt_sqlite_id_t id);
void             kt_sqlite_int(kt_sqlite_call_t *call, int64_t value);
void             kt_sqlite_real(kt_sqlite_call_t *call, double value);
void             kt_sqlite_text(kt_sqlite_call_t *call, const char *text);  // NULL: ""
void             kt_sqlite_bytes(kt_sqlite_call_t *call, const char *text, size_t length);
void             kt_sqlite_blob(kt_sqlite_call_t *call, const void *bytes, size_t length);
void             kt_sqlite_digest(kt_sqlite_call_t *call, const kt_digest_t *digest);  // all zero: NULL
kt_err_t         kt_sqlite_step(kt_sqlite_call_t *call, bool *more);                   // resets after the last row
kt_err_t         kt_sqlite_run(kt_sqlite_call_t *call);                                // to the end
void             kt_sqlite_reset(kt_sqlite_call_t *call);                              // leaves the remaining rows
int64_t          kt_sqlite_changes(const kt_sqlite_t *self);  // rows that the last statement changed
// *found: whether the job is there.
kt_err_t kt_sqlite_facts(kt_sqlite_t *self, uint64_t job, kt_job_facts_t *out, bool *found);

// ledger_sqlite_backfill.c
kt_err_t                       kt_sqlite_backfill_schema(kt_sqlite_t *self);  // makes what is missing
extern const kt_backfill_ops_t KT_SQLITE_BACKFILL;
kt_err_t                       kt_sqlite_backfill_audit(kt_sqlite_t *self, kt_audit_fn *found, void *context);

// Within a transaction.
kt_err_t kt_sqlite_insert_one(kt_sqlite_t *self, const kt_new_job_t *row, kt_inserted_t *how, uint64_t *id);
kt_err_t kt_sqlite_check_lease(kt_sqlite_t *self, const kt_lease_t *lease);  // KT_EFENCED

// ledger_sqlite_schema.c: checks the version row, for the writer makes a new schema. KT_ESCHEMA, KT_ESTATE, KT_EIO.
kt_err_t kt_sqlite_schema(kt_sqlite_t *self, char why[KT_LEDGER_WHY]);
int64_t  kt_sqlite_schema_number(void);  // of this program
// ledger_sqlite_lock.c: the lock file beside the ledger's. KT_ELOCKED, KT_EIO.
kt_err_t kt_sqlite_lock(kt_sqlite_t *self, char why[KT_LEDGER_WHY]);
void     kt_sqlite_unlock(kt_sqlite_t *self);
// The one name of a ledger however it was written, its folder made if `make`. KT_ENOTFOUND, KT_EIO.
kt_err_t kt_sqlite_resolve(const char *path, bool make, char out[KT_JOB_PATH], char why[KT_LEDGER_WHY]);

// The operations, by file.
kt_err_t kt_sqlite_insert_jobs(kt_ledger_t *self, const kt_new_job_t *jobs, size_t n, kt_inserted_t *how,
                               uint64_t *ids);
kt_err_t kt_sqlite_lease_open(kt_ledger_t *self, const char *coordinator, int64_t length_ms, kt_lease_t *out);
kt_err_t kt_sqlite_lease_renew(kt_ledger_t *self, const kt_lease_t *lease);
kt_err_t kt_sqlite_claim(kt_ledger_t *self, const kt_lease_t *lease, size_t want, int64_t wall_ms, kt_claimed_t *out,
                         size_t *n);
kt_err_t kt_sqlite_release(kt_ledger_t *self, const kt_lease_t *lease, const kt_run_id_t *ids, size_t n);
kt_err_t kt_sqlite_blame(kt_ledger_t *self, const kt_lease_t *lease, const kt_attempt_t *attempts, size_t n);
kt_err_t kt_sqlite_store(kt_ledger_t *self, const kt_result_t *results, size_t n, kt_stored_t *how);
kt_err_t kt_sqlite_fail(kt_ledger_t *self, const kt_lease_t *lease, const kt_result_t *failures, size_t n,
                        kt_stored_t *how);
kt_err_t kt_sqlite_retain(kt_ledger_t *self, int64_t before_ms, size_t want, size_t *n);
kt_err_t kt_sqlite_ask(kt_ledger_t *self, kt_ask_t *asks, size_t n);
// Within a transaction: the row of an outcome that was just stored; what belongs to no lease goes to this epoch.
kt_err_t kt_sqlite_outbox_result(kt_sqlite_t *self, const kt_result_t *result);
kt_err_t kt_sqlite_outbox_take_over(kt_sqlite_t *self, uint64_t epoch);
kt_err_t kt_sqlite_outbox_put(kt_ledger_t *self, const kt_reject_t *rejects, size_t n);
kt_err_t kt_sqlite_outbox_take(kt_ledger_t *self, const kt_lease_t *lease, uint64_t after, size_t want,
                               kt_outbox_row_t *out, size_t *n);
kt_err_t kt_sqlite_outbox_done(kt_ledger_t *self, const uint64_t *ids, size_t n, int64_t wall_ms);
kt_err_t kt_sqlite_totals(kt_ledger_t *self, int64_t wall_ms, kt_totals_t *out);
kt_err_t kt_sqlite_jobs(kt_ledger_t *self, const kt_job_query_t *query, kt_job_row_t *out, size_t capacity, size_t *n);
kt_err_t kt_sqlite_story(kt_ledger_t *self, uint64_t job, kt_story_row_t *out, size_t capacity, size_t *n);
kt_err_t kt_sqlite_drained(kt_ledger_t *self, char (*names)[64], size_t capacity, size_t *n);
kt_err_t kt_sqlite_audit(kt_ledger_t *self, kt_audit_fn *found, void *context, uint64_t *rows);
