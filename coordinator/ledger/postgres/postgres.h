// ledger_postgres -- what the files of the PostgreSQL ledger share: the connection, its prepared statements, parameters
// and answers. Private to ledger_postgres*.c and to tests that break a ledger on purpose. One thread at a time.
//
// A call of the ledger fills one or two pipelines, each one round trip: kt_pg_begin, then parameters and kt_pg_put of
// each statement, then kt_pg_run, which waits for all their answers until the call's deadline. Sets of rows travel as
// binary arrays, so that a group is a handful of statements however large it is. A writing pipeline starts with BEGIN
// and ends with COMMIT: what comes between failure and answer of the COMMIT is KT_EUNKNOWN_COMMIT.
//
// A connection that broke is opened again by the next call. Rows that were judged in one pipeline are changed in the
// next only if they are still the same (ledger_expect), else the call is begun anew: KT_EAGAIN within these files.
#pragma once

#include "common/buf.h"
#include "coordinator/ledger/ledger.h"
#include "coordinator/ledger/rules.h"

typedef struct pg_conn   PGconn;
typedef struct pg_result PGresult;

typedef enum kt_pg_id {
#define KT_SQL(name, text) KT_PG_##name,
#include "coordinator/ledger/postgres/postgres.def"
#undef KT_SQL
    KT_PG_COUNT
} kt_pg_id_t;

enum { KT_PG_ARGS = 16, KT_PG_ANSWERS = 64, KT_PG_TRIES = 5, KT_PG_STATE = 6 };
enum { KT_PG_CALL_MS = 10000, KT_PG_CONNECT_S = 3, KT_PG_LONG_MS = 30 * 60 * 1000, KT_PG_BYTES = 512 << 20 };

typedef struct kt_pg_arg {
    size_t at, length;  // in `bytes`
    bool   null;
} kt_pg_arg_t;

typedef struct kt_pg {
    kt_ledger_t base;
    PGconn     *db;  // NULL: not connected
    char       *url;
    bool        writer;
    bool        pipelined;        // the session is set up and every statement is prepared
    char        name[64];         // of the last lease; "" before
    uint64_t    epoch;            // of the last lease; 0 before
    bool        locked;           // this session holds the lock of `name`
    int         old_pid;          // of the backend whose connection broke
    uint32_t    turns[KT_RANKS];  // of the aged shares
    int64_t     deadline_ms;      // of this call
    bool        commits;          // this pipeline ends with a COMMIT
    kt_err_t    put_err;          // of a put in this pipeline
    size_t      n_sent;           // statements of this pipeline
    PGresult   *answers[KT_PG_ANSWERS];
    char        state[KT_PG_STATE];   // SQLSTATE of the last error, "" without
    char        said[KT_LEDGER_WHY];  // what the server or libpq said of it
    kt_buf_t    bytes;                // parameters of the next statement
    kt_pg_arg_t args[KT_PG_ARGS];
    size_t      n_args;
} kt_pg_t;

// ledger_postgres_state.c: what an SQLSTATE means for a call. KT_EAGAIN: try the call again at once.
kt_err_t kt_pg_state_err(const char *state);

// ledger_postgres_connect.c
// A raw connection, not yet a ledger's. KT_EIO, KT_EAUTH, KT_ESETTING (no valid URL), KT_ENOMEM; said has the sentence.
kt_err_t kt_pg_connect(kt_pg_t *self);
kt_err_t kt_pg_ready(kt_pg_t *self);  // connected, the schema checked, everything prepared
void     kt_pg_drop(kt_pg_t *self);   // gives the connection up

// ledger_postgres_db.c
// Starts a call: connects if need be. KT_EACCESS for a reader that wants to write.
kt_err_t kt_pg_begin(kt_pg_t *self, bool write);
void     kt_pg_start(kt_pg_t *self, int64_t within_ms);  // a pipeline on a connection that is there
void     kt_pg_put(kt_pg_t *self, kt_pg_id_t id);        // with the parameters since the last put
void     kt_pg_put_sql(kt_pg_t *self, const char *sql);  // the same, not prepared; `sql` is one statement
void     kt_pg_put_commit(kt_pg_t *self);
// Sends, waits, keeps the answers. KT_EIO, KT_EUNKNOWN_COMMIT, KT_EAGAIN, or as the SQLSTATE says. After an error
// nothing of the pipeline has happened (but for KT_EUNKNOWN_COMMIT).
kt_err_t kt_pg_run(kt_pg_t *self);
// One or more statements by the simple protocol, before the pipeline; *out: the last answer, to PQclear.
kt_err_t kt_pg_simple(kt_pg_t *self, const char *sql, int64_t within_ms, PGresult **out);
// Whether a call that came to err is to be begun anew; counts *tries, and turns the last KT_EAGAIN into KT_EIO.
bool kt_pg_again(kt_err_t *err, int *tries);

// The answer of the k-th statement put since start; BEGIN counts. Columns are binary: bigint, double precision, text.
int     kt_pg_rows(const kt_pg_t *self, size_t k);
int64_t kt_pg_int(const kt_pg_t *self, size_t k, int row, int column);
double  kt_pg_real(const kt_pg_t *self, size_t k, int row, int column);
// Bytes with a NUL behind them, valid until the next start; NULL for a null.
const char *kt_pg_bytes(const kt_pg_t *self, size_t k, int row, int column, size_t *length);
void        kt_pg_text(const kt_pg_t *self, size_t k, int row, int column, char *out, size_t capacity);
kt_err_t    kt_pg_copy(const kt_pg_t *self, size_t k, int row, int column, char **out, size_t *length);  // malloc'ed

// ledger_postgres_args.c: parameters in order. An array's elements follow it, exactly n.
typedef enum kt_pg_type { KT_PG_INT8, KT_PG_FLOAT8, KT_PG_TEXT, KT_PG_BYTEA, KT_PG_BOOL } kt_pg_type_t;
void kt_pg_arg_int(kt_pg_t *self, int64_t value);
void kt_pg_arg_bytes(kt_pg_t *self, const void *bytes, size_t length);
void kt_pg_arg_text(kt_pg_t *self, const char *text);
void kt_pg_arg_null(kt_pg_t *self);
void kt_pg_array(kt_pg_t *self, kt_pg_type_t type, size_t n);
void kt_pg_el_int(kt_pg_t *self, int64_t value);
void kt_pg_el_real(kt_pg_t *self, double value);
void kt_pg_el_bool(kt_pg_t *self, bool value);
void kt_pg_el_bytes(kt_pg_t *self, const void *bytes, size_t length);
void kt_pg_el_text(kt_pg_t *self, const char *text);
void kt_pg_el_digest(kt_pg_t *self, const kt_digest_t *digest);  // all zero: null
void kt_pg_array_end(kt_pg_t *self);

// ledger_postgres_jobs.c: queued jobs and their counts, into the pipeline; kt_rule_job_ok holds for all.
void kt_pg_put_jobs(kt_pg_t *self, const kt_new_job_t *jobs, size_t n);

// ledger_postgres_count.c: changes of the totals of one call, written once.
typedef struct kt_pg_delta {
    int64_t state[KT_JOB_CANCELLED + 1];
    int64_t retried, processing_us, waiting;
} kt_pg_delta_t;
void kt_pg_moved(kt_pg_delta_t *delta, int from, int to);  // from or to may be -1
void kt_pg_put_delta(kt_pg_t *self, const kt_pg_delta_t *delta);
