// kt_sql -- the seam between the ledger's use cases and a SQL database. The use cases (sql/*.c) are written once: they
// load facts, judge them by the rules, and apply rows. A driver (sqlite/, postgres/) executes statements. Both
// databases have the same tables, columns and audit; statements have the same parameters and answers, and mostly the
// same text (statements.def; what differs is in the driver's dialect.def). Private to ledger/ and to tests that break a
// ledger on purpose. One thread at a time.
//
// A call of the ledger:
//     for (int tries = 0; kt_sql_try(self, true, &err, &tries);) {
//         ... parameters, kt_sql_put, kt_sql_run, answers: any number of reading pipelines
//         kt_sql_write(self); ... parameters, kt_sql_put; err = kt_sql_commit(self);
//     }
// PostgreSQL sends each pipeline in one round trip, reads without a lock, and fails the writing pipeline (KT_EAGAIN) if
// a row is no longer as it was read. SQLite executes a statement when it is put; a writing try takes the write lock at
// its begin.
// Parameters travel in PostgreSQL's binary format for both. An array parameter holds one element per row: PostgreSQL
// gets the arrays at once, SQLite executes the statement once per row and appends the answers.
#pragma once

#include "common/buf.h"
#include "coordinator/ledger/ledger.h"
#include "coordinator/ledger/rules.h"

typedef enum kt_sql_id {
#define KT_SQL(name, text) KT_SQL_##name,
#include "coordinator/ledger/sql/dialects.def"
#include "coordinator/ledger/sql/statements.def"
#undef KT_SQL
    KT_SQL_COUNT
} kt_sql_id_t;

enum { KT_SQL_ARGS = 40, KT_SQL_ANSWERS = 80, KT_SQL_TRIES = 5, KT_SQL_BYTES = 512 << 20 };

// The UTC day of stored_ms, as kt_rule_day.
#define KT_SQL_DAY "CASE WHEN stored_ms >= 0 THEN stored_ms / 86400000 ELSE (stored_ms + 1) / 86400000 - 1 END"

typedef enum kt_sql_type { KT_SQL_INT8, KT_SQL_FLOAT8, KT_SQL_TEXT, KT_SQL_BYTEA, KT_SQL_ROW } kt_sql_type_t;

typedef struct kt_sql_arg {
    kt_sql_type_t type;
    bool          null, array;
    size_t        at, length;  // in `bytes`
    size_t        n;           // elements of an array
} kt_sql_arg_t;

typedef struct kt_sql          kt_sql_t;
typedef struct kt_sql_features kt_sql_features_t;  // sql/features.h

// One row of a plain statement, as texts ("" for a null).
typedef void kt_sql_row_fn(void *context, int columns, char **values);
// One row of kt_sql_each: two numbers and a text.
typedef void kt_sql_finding_fn(void *context, int64_t job, int64_t run, const char *text);

typedef struct kt_sql_driver {
    // Starts a call: connects if need be. KT_EACCESS for a reader that is to write.
    kt_err_t (*begin)(kt_sql_t *self, bool write);
    void (*write)(kt_sql_t *self);                                 // opens the writing transaction
    void (*put)(kt_sql_t *self, kt_sql_id_t id, const char *sql);  // sql: not prepared, instead of id; may be NULL
    kt_err_t (*run)(kt_sql_t *self);
    kt_err_t (*commit)(kt_sql_t *self);
    void (*end)(kt_sql_t *self);  // whatever is still open is taken back
    size_t (*rows)(const kt_sql_t *self, size_t k);
    const char *(*cell)(const kt_sql_t *self, size_t k, size_t row, int column, size_t *length);  // NULL: a null
    // One or more statements outside of a call and before anything is prepared; each row of the last goes to `row`.
    kt_err_t (*plain)(kt_sql_t *self, const char *sql, kt_sql_row_fn *row, void *context);
    // Within a reading call: a SELECT (job, run, text) whose rows need not fit into memory.
    kt_err_t (*each)(kt_sql_t *self, const char *sql, kt_sql_finding_fn *found, void *context);
    kt_err_t (*snapshot)(kt_sql_t *self);  // within a reading call: what is read from here on is one snapshot
    // NULL or: makes sure that no other live process has this coordinator's name (KT_ELOCKED); after a renewal, again.
    kt_err_t (*hold_name)(kt_sql_t *self, const char *name);
    void (*renewed)(kt_sql_t *self, const char *name);
    kt_err_t (*hold_file)(kt_sql_t *self);  // NULL or, in a lease's call: KT_ESTATE if the database was replaced
    const char *const *own_rules;           // audit rules of this database alone, up to a NULL
} kt_sql_driver_t;

struct kt_sql {
    kt_ledger_t            base;
    const kt_sql_driver_t *driver;
    bool                   writer;
    kt_sql_features_t     *features;            // how a row of features is written; NULL: not known yet
    char                   name[64];            // of the last lease; "" before
    uint64_t               epoch;               // of the last lease; 0 before
    uint32_t               turns[KT_RANKS];     // of the aged shares
    char                   why[KT_LEDGER_WHY];  // the text of the database or its library for the last error
    kt_buf_t               bytes;               // parameters of the next statement
    kt_sql_arg_t           args[KT_SQL_ARGS];
    size_t                 n_args, n_put;  // n_put: statements of this pipeline
    bool                   has_run;        // the next put starts a new pipeline
    kt_err_t               put_err;        // of a put in this pipeline
    // Of the answer to the next statement put, 0: any; one row may always have more. For a database that reads row by
    // row; the text of the other has the limit as a parameter.
    size_t max_bytes;
};

// sql.c
void   kt_sql_init(kt_sql_t *self, const kt_ledger_ops_t *ops, const kt_sql_driver_t *driver, bool writer);
void   kt_sql_write(kt_sql_t *self);
size_t kt_sql_put(kt_sql_t *self, kt_sql_id_t id);  // with the parameters since the last put; its answer's number
size_t kt_sql_put_text(kt_sql_t *self, const char *sql);
// KT_EIO, KT_EDISK, KT_EAGAIN, KT_EBADDATA, ...; after an error nothing of the call has happened.
kt_err_t kt_sql_run(kt_sql_t *self);
kt_err_t kt_sql_commit(kt_sql_t *self);  // also KT_EUNKNOWN_COMMIT
// Ends the last try (*tries is 0: there was none) and begins the next: true, *err is KT_OK. Another try follows only
// KT_EAGAIN, also of the begin itself, at most KT_SQL_TRIES in all. false: the call is over, *err is its result; the
// last KT_EAGAIN becomes KT_EIO. write: KT_EACCESS for a reader.
bool kt_sql_try(kt_sql_t *self, bool write, kt_err_t *err, int *tries);

// Answer k of the last pipeline, until the next put. Columns are bigint, double precision, text or bytea.
size_t      kt_sql_rows(const kt_sql_t *self, size_t k);
int64_t     kt_sql_int(const kt_sql_t *self, size_t k, size_t row, int column);  // 0 for a null
double      kt_sql_real(const kt_sql_t *self, size_t k, size_t row, int column);
const char *kt_sql_cell(const kt_sql_t *self, size_t k, size_t row, int column, size_t *length);  // NULL for a null
void        kt_sql_text(const kt_sql_t *self, size_t k, size_t row, int column, char *out, size_t capacity);
kt_err_t kt_sql_copy(const kt_sql_t *self, size_t k, size_t row, int column, char **out, size_t *length);  // malloc'ed
bool     kt_sql_is_digest(const kt_sql_t *self, size_t k, size_t row, int column, const kt_digest_t *digest);

// args.c: parameters in order. An array's elements follow it, exactly n, then its end.
void kt_sql_arg_int(kt_sql_t *self, int64_t value);
void kt_sql_arg_u64(kt_sql_t *self, uint64_t value);     // what is beyond a bigint matches no row
void kt_sql_arg_text(kt_sql_t *self, const char *text);  // NULL: ""
void kt_sql_arg_bytes(kt_sql_t *self, const void *bytes, size_t length);
void kt_sql_arg_null(kt_sql_t *self);
void kt_sql_array(kt_sql_t *self, kt_sql_type_t type, size_t n);
void kt_sql_el_int(kt_sql_t *self, int64_t value);
void kt_sql_el_real(kt_sql_t *self, double value);
void kt_sql_el_bytes(kt_sql_t *self, const void *bytes, size_t length);
void kt_sql_el_text(kt_sql_t *self, const char *text);
void kt_sql_el_clean(kt_sql_t *self, const char *text, size_t capacity);  // made valid UTF-8, cut to the capacity
void kt_sql_el_digest(kt_sql_t *self, const kt_digest_t *digest);         // all zero: null
void kt_sql_el_some(kt_sql_t *self, const void *bytes, size_t length);    // NULL: null
void kt_sql_array_end(kt_sql_t *self);
// One array of bigint whose elements are a member of the rows of a table: `at` of the first, `stride` bytes apart.
typedef enum kt_sql_member { KT_SQL_U64, KT_SQL_U32, KT_SQL_I64, KT_SQL_I32 } kt_sql_member_t;
void kt_sql_column(kt_sql_t *self, kt_sql_member_t member, size_t n, const void *at, size_t stride);

// One array of rows: each row is its fields in order, each field a type and a value. type: the database's number of the
// row's type. SQLite binds field i of a row to parameter i of the statement, which has no other. At its end, whose n
// counts the rows, an array without rows is no parameter.
void   kt_sql_row_array(kt_sql_t *self, uint32_t type);
void   kt_sql_row_array_end(kt_sql_t *self, size_t n);
size_t kt_sql_row(kt_sql_t *self, size_t fields);    // its place, for kt_sql_close
size_t kt_sql_field(kt_sql_t *self, uint32_t type);  // likewise; its bytes follow
void   kt_sql_close(kt_sql_t *self, size_t at);      // a row or a field ends here
void   kt_sql_field_null(kt_sql_t *self, uint32_t type);
void   kt_sql_put_u32(kt_sql_t *self, uint32_t value);  // bytes of a field
void   kt_sql_put_u64(kt_sql_t *self, uint64_t value);
void   kt_sql_put_bytes(kt_sql_t *self, const void *bytes, size_t length);

// jobs.c: queued jobs into the pipeline; kt_rule_job_ok holds for all. Returns the answer's number.
size_t kt_sql_put_jobs(kt_sql_t *self, const kt_new_job_t *jobs, size_t n);
void   kt_sql_put_lease(kt_sql_t *self, const kt_lease_t *lease);  // the parameters coordinator, epoch
