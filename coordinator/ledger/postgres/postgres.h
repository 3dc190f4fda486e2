// ledger_postgres -- the PostgreSQL driver of the ledger's SQL seam (sql/sql.h): the connection, its prepared
// statements, pipelines. Private to postgres/, open/ and to tests that break a ledger on purpose. One thread at a time.
//
// A pipeline is one round trip; run waits for all its answers until the call's deadline. A writing pipeline starts with
// BEGIN and ends with COMMIT: a failure between these and the answer of the COMMIT is KT_EUNKNOWN_COMMIT. A connection
// that broke is opened again by the next call.
#pragma once

#include "coordinator/ledger/sql/sql.h"

typedef struct pg_conn   PGconn;
typedef struct pg_result PGresult;

typedef enum kt_pg_id {  // beyond those of kt_sql_id_t
    KT_PG_BEFORE_OWN = KT_SQL_COUNT - 1,
#define KT_SQL(name, text) KT_PG_##name,
#include "coordinator/ledger/postgres/own.def"
#undef KT_SQL
    KT_PG_COUNT
} kt_pg_id_t;

enum { KT_PG_ANSWERS = KT_SQL_ANSWERS + 2, KT_PG_STATE = 6 };  // BEGIN, COMMIT
enum { KT_PG_CALL_MS = 10000, KT_PG_CONNECT_S = 3, KT_PG_LONG_MS = 30 * 60 * 1000 };
enum { KT_PG_BYTES_PER_MS = 4 << 10 };  // of a slow network: what a call sends extends its deadline

typedef struct kt_pg {
    kt_sql_t  sql;
    PGconn   *db;  // NULL: not connected
    char     *url;
    bool      pipelined;     // the session is set up and every statement is prepared
    bool      locked;        // this session holds the lock of the coordinator's name
    int       old_pid;       // of the backend whose connection broke
    int64_t   deadline_ms;   // of this pipeline
    bool      open;          // something was sent and not yet run
    bool      reading;       // a snapshot is open
    bool      filling;       // this is the migration that writes the rows of features
    char     *features_put;  // the text of FEATURES_PUT
    bool      commits;       // this pipeline ends with a COMMIT
    size_t    n_sent;        // statements of this pipeline
    size_t    first;         // 1 after a BEGIN: the number of the first statement of the caller
    PGresult *answers[KT_PG_ANSWERS];
    char      state[KT_PG_STATE];  // SQLSTATE of the last error, "" without
} kt_pg_t;

extern const kt_sql_driver_t KT_PG_DRIVER;

// state.c: what an SQLSTATE means for a call. KT_EAGAIN: try the call again at once.
kt_err_t kt_pg_state_err(const char *state);

// connect.c
// A raw connection, not yet a ledger's. KT_EIO, KT_EAUTH, KT_ESETTING (no valid URL), KT_ENOMEM; sql.why explains.
kt_err_t kt_pg_connect(kt_pg_t *self);
kt_err_t kt_pg_ready(kt_pg_t *self);   // connected, the schema checked, everything prepared
kt_err_t kt_pg_settle(kt_pg_t *self);  // the same on the connection that is there
void     kt_pg_drop(kt_pg_t *self);    // gives the connection up

// features.c: how a row of features is written in this database. Before the pipeline.
kt_err_t kt_pg_read_features(kt_pg_t *self);

// driver.c
void kt_pg_start(kt_pg_t *self, int64_t within_ms);  // a pipeline on a connection that is there
// One or more statements by the simple protocol, before the pipeline; *out: the last answer, to PQclear.
kt_err_t kt_pg_simple(kt_pg_t *self, const char *sql, int64_t within_ms, PGresult **out);
