// Statements in PostgreSQL: a pipeline is sent at once and answered within the call's deadline.
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "coordinator/ledger/postgres/postgres.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
clear(kt_pg_t *self)
{
    for (size_t i = 0; i < self->n_sent && i < KT_PG_ANSWERS; i++) {
        PQclear(self->answers[i]);
        self->answers[i] = NULL;
    }
    self->n_sent  = 0;
    self->first   = 0;
    self->open    = false;
    self->commits = false;
}

void
kt_pg_drop(kt_pg_t *self)
{
    clear(self);
    if (self->db && PQbackendPID(self->db))
        self->old_pid = PQbackendPID(self->db);
    PQfinish(self->db);
    self->db        = NULL;
    self->pipelined = false;
    self->locked    = false;
    self->reading   = false;
}

// A connection that the server closed since the last call is found here, where nothing has been sent yet.
static bool
is_alive(kt_pg_t *self)
{
    struct pollfd fd = {.fd = PQsocket(self->db), .events = POLLIN | POLLRDHUP};
    if (PQstatus(self->db) != CONNECTION_OK || poll(&fd, 1, 0) < 0)
        return false;
    return !(fd.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) && PQconsumeInput(self->db);
}

static kt_err_t
connect_again(kt_pg_t *self)
{
    char     text[2 * sizeof self->sql.why];
    kt_err_t err = kt_pg_ready(self);
    if (!err) {
        kt_log_info("LEDGER-CONNECTED", "epoch=%llu", (unsigned long long)self->sql.epoch);
        return KT_OK;
    }
    kt_log_warn("LEDGER-CONNECT", "err=%s text=\"%s\"", kt_err_name(err),
                kt_log_quote(text, sizeof text, self->sql.why));
    // In a running coordinator every failed connection is retried, whatever its cause.
    return kt_err_verdict(err) == KT_VERDICT_REJECT || err == KT_EUNREACHABLE ? KT_EIO : err;
}

static kt_err_t
postgres_begin(kt_sql_t *base, bool write)
{
    kt_pg_t *self = (kt_pg_t *)base;
    (void)write;
    if (self->db && !is_alive(self))
        kt_pg_drop(self);
    kt_err_t err = self->db && self->pipelined ? KT_OK : connect_again(self);
    if (!err)
        kt_pg_start(self, KT_PG_CALL_MS);
    return err;
}

void
kt_pg_start(kt_pg_t *self, int64_t within_ms)
{
    clear(self);
    self->deadline_ms = kt_clock_ms() + within_ms;
}

// Parameters are copied by libpq, so their memory serves the next statement. The first failure is returned by run.
static void
send_statement(kt_pg_t *self, int id, const char *sql)
{
    char        name[16];
    const char *at[KT_SQL_ARGS];
    int         lengths[KT_SQL_ARGS], formats[KT_SQL_ARGS];
    int         n     = (int)self->sql.n_args;
    int64_t     bytes = 0;
    for (int i = 0; i < n; i++) {
        const kt_sql_arg_t *arg = &self->sql.args[i];
        at[i]                   = arg->null ? NULL : self->sql.bytes.bytes + arg->at;
        lengths[i]              = (int)arg->length;
        formats[i]              = 1;
        bytes += lengths[i];
    }
    self->deadline_ms += bytes / KT_PG_BYTES_PER_MS;
    snprintf(name, sizeof name, "k%d", id);
    int sent = sql ? PQsendQueryParams(self->db, sql, n, NULL, at, lengths, formats, 1)
                   : PQsendQueryPrepared(self->db, name, n, at, lengths, formats, 1);
    if (sent)
        self->n_sent++;
    else
        self->sql.put_err = KT_EIO;
    self->open = true;
}

// One of own.def, which have no parameters here.
static void
send_own(kt_pg_t *self, kt_pg_id_t id)
{
    size_t n_args    = self->sql.n_args;
    self->sql.n_args = 0;
    send_statement(self, id, NULL);
    self->sql.n_args = n_args;
}

static void
postgres_write(kt_sql_t *base)
{
    kt_pg_t *self = (kt_pg_t *)base;
    kt_pg_start(self, KT_PG_CALL_MS);
    send_own(self, KT_PG_BEGIN);
    self->first = 1;
}

static void
postgres_put(kt_sql_t *base, kt_sql_id_t id, const char *sql)
{
    kt_pg_t *self = (kt_pg_t *)base;
    if (!self->open)
        kt_pg_start(self, self->reading ? KT_PG_LONG_MS : KT_PG_CALL_MS);
    send_statement(self, (int)id, sql);
}

// Until the socket may be read (or written, while flushing), or the call's deadline.
static kt_err_t
wait_socket(kt_pg_t *self, bool flushing)
{
    struct pollfd fd   = {.fd = PQsocket(self->db), .events = (short)(POLLIN | (flushing ? POLLOUT : 0))};
    int64_t       left = self->deadline_ms - kt_clock_ms();
    if (left <= 0)
        return KT_ETIME;
    int ready = poll(&fd, 1, (int)left);
    if (ready < 0 && errno != EINTR)
        return KT_EIO;
    if (ready > 0 && fd.revents & ~POLLOUT && !PQconsumeInput(self->db))
        return KT_ECLOSED;
    return KT_OK;
}

static kt_err_t
flush(kt_pg_t *self)
{
    for (;;) {
        int left = PQflush(self->db);
        if (left <= 0)
            return left ? KT_ECLOSED : KT_OK;
        kt_err_t err = wait_socket(self, true);
        if (err)
            return err;
    }
}

// After the connection closed there may still be an answer that came before: libpq then gives it, or an error of its
// own.
static kt_err_t
next_answer(kt_pg_t *self, PGresult **out)
{
    while (PQisBusy(self->db)) {
        kt_err_t err = wait_socket(self, false);
        if (err == KT_ECLOSED)
            break;
        if (err)
            return err;
    }
    *out = PQgetResult(self->db);
    return KT_OK;
}

// The first line is the error, the others are hints.
static void
keep_text(kt_pg_t *self, const char *text)
{
    kt_text_sanitize(self->sql.why, sizeof self->sql.why, text ? text : "", text ? strcspn(text, "\n") : 0);
}

static void
note_error(kt_pg_t *self, const PGresult *answer)
{
    const char *state   = PQresultErrorField(answer, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY);
    snprintf(self->state, sizeof self->state, "%s", state ? state : "");
    keep_text(self, primary ? primary : PQresultErrorMessage(answer));
}

// *failed: whether the server refused this statement. An error of this function: the connection cannot be used further.
static kt_err_t
collect_one(kt_pg_t *self, size_t k, bool *failed)
{
    PGresult *answer = NULL, *end = NULL;
    kt_err_t  err    = next_answer(self, &answer);
    self->answers[k] = answer;
    if (err || !answer)
        return err ? err : KT_ECLOSED;
    switch (PQresultStatus(answer)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_PIPELINE_ABORTED: break;
    default:
        note_error(self, answer);
        *failed = *self->state != '\0';
        if (!*failed)
            return KT_ECLOSED;
    }
    err = next_answer(self, &end);
    PQclear(end);
    return err ? err : end ? KT_ECLOSED : KT_OK;
}

// *answered: how many statements have their answer; *refused: whether the server refused one.
static kt_err_t
collect(kt_pg_t *self, size_t *answered, bool *refused)
{
    PGresult *sync = NULL;
    kt_err_t  err  = KT_OK;
    for (*answered = 0; *answered < self->n_sent && !err; *answered += !err)
        err = collect_one(self, *answered, refused);
    if (!err)
        err = next_answer(self, &sync);
    if (!err && PQresultStatus(sync) != PGRES_PIPELINE_SYNC)
        err = KT_ECLOSED;
    PQclear(sync);
    return err;
}

static void
complain(const kt_pg_t *self, kt_err_t err)
{
    char text[2 * sizeof self->sql.why];
    kt_log_warn("LEDGER-POSTGRES", "err=%s state=%s text=\"%s\"", kt_err_name(err), *self->state ? self->state : "-",
                kt_log_quote(text, sizeof text, self->sql.why));
}

// What happened to a pipeline whose connection broke or whose deadline passed. A statement that the server refused took
// the transaction with it.
static kt_err_t
lost(kt_pg_t *self, kt_err_t why, bool refused)
{
    kt_err_t err = self->commits && !refused ? KT_EUNKNOWN_COMMIT : KT_EIO;
    if (!refused) {
        *self->state = '\0';
        keep_text(self, why == KT_ETIME ? "the database did not answer in time" : PQerrorMessage(self->db));
    }
    complain(self, err);
    kt_pg_drop(self);
    return err;
}

static void
roll_back(kt_pg_t *self)
{
    size_t answered = 0;
    bool   refused  = false;
    clear(self);
    send_own(self, KT_PG_ROLLBACK);
    self->open = false;
    if (self->sql.put_err || !PQpipelineSync(self->db) || flush(self) || collect(self, &answered, &refused) || refused)
        kt_pg_drop(self);
}

static kt_err_t
end_refused(kt_pg_t *self)
{
    kt_err_t err     = kt_pg_state_err(self->state);
    bool     commits = self->commits;
    if (err != KT_EAGAIN)
        complain(self, err);
    if (strcmp(self->state, "25006") == 0)
        kt_pg_drop(self);  // the primary is elsewhere by now
    else if (commits)
        roll_back(self);
    return err;
}

// An error as the COMMIT's own answer means that the server rolled back; one with a closing connection may also mean
// that it stopped waiting for a standby: the outcome is unknown.
static kt_err_t
postgres_run(kt_sql_t *base)
{
    kt_pg_t *self     = (kt_pg_t *)base;
    size_t   answered = 0;
    bool     refused  = false;
    self->open        = false;
    if (base->put_err) {
        kt_err_t err = base->put_err;
        if (err == KT_EIO)
            keep_text(self, PQerrorMessage(self->db));
        kt_pg_drop(self);  // what was put before must never be sent
        return err;
    }
    kt_err_t err = PQpipelineSync(self->db) ? flush(self) : KT_ECLOSED;
    if (err != KT_ETIME)
        err = collect(self, &answered, &refused);  // the last messages of a dying server may still be read
    if (err && answered == self->n_sent && !refused)
        return KT_OK;  // everything was answered before the connection broke; the next call finds it closed
    if (err)
        return lost(self, err, refused && answered + 1 < self->n_sent);
    return refused ? end_refused(self) : KT_OK;
}

static kt_err_t
postgres_commit(kt_sql_t *base)
{
    kt_pg_t *self = (kt_pg_t *)base;
    if (!base->put_err)
        send_own(self, KT_PG_COMMIT);
    self->commits = !base->put_err;
    return postgres_run(base);
}

// A pipeline that was begun and never run must not be sent with the next one.
static void
postgres_end(kt_sql_t *base)
{
    kt_pg_t *self = (kt_pg_t *)base;
    if (self->db && (self->open || self->reading))
        kt_pg_drop(self);
}

kt_err_t
kt_pg_simple(kt_pg_t *self, const char *sql, int64_t within_ms, PGresult **out)
{
    PGresult *answer = NULL, *next = NULL;
    kt_pg_start(self, within_ms);
    kt_err_t err = PQsendQuery(self->db, sql) ? flush(self) : KT_ECLOSED;
    *self->state = '\0';
    bool refusal = false;
    while (!err && !(err = next_answer(self, &next)) && next) {
        if (PQresultStatus(next) != PGRES_TUPLES_OK && PQresultStatus(next) != PGRES_COMMAND_OK) {
            note_error(self, next);
            refusal = true;
        }
        PQclear(answer);
        answer = next;
    }
    if (!err && (refusal || !answer))
        err = *self->state ? kt_pg_state_err(self->state) : KT_EIO;
    else if (err)
        keep_text(self, err == KT_ETIME ? "the database did not answer in time" : PQerrorMessage(self->db));
    if (err || !out) {
        PQclear(answer);
        return err == KT_EAGAIN || err == KT_ETIME || err == KT_ECLOSED ? KT_EIO : err;
    }
    *out = answer;
    return KT_OK;
}

static size_t
postgres_rows(const kt_sql_t *base, size_t k)
{
    const kt_pg_t *self = (const kt_pg_t *)base;
    return k + self->first < self->n_sent ? (size_t)PQntuples(self->answers[k + self->first]) : 0;
}

static const char *
postgres_cell(const kt_sql_t *base, size_t k, size_t row, int column, size_t *length)
{
    const kt_pg_t  *self   = (const kt_pg_t *)base;
    const PGresult *answer = self->answers[k + self->first];
    *length                = 0;
    if (PQgetisnull(answer, (int)row, column))
        return NULL;
    *length = (size_t)PQgetlength(answer, (int)row, column);
    return PQgetvalue(answer, (int)row, column);
}

static kt_err_t
postgres_plain(kt_sql_t *base, const char *sql, kt_sql_row_fn *row, void *context)
{
    char      none[1] = "";
    PGresult *answer  = NULL;
    kt_err_t  err     = kt_pg_simple((kt_pg_t *)base, sql, KT_PG_LONG_MS, &answer);
    int       columns = err || !answer ? 0 : PQnfields(answer);
    for (int i = 0; row && columns && i < PQntuples(answer); i++) {
        char *values[16];
        for (int column = 0; column < columns && column < 16; column++)
            values[column] = PQgetisnull(answer, i, column) ? none : PQgetvalue(answer, i, column);
        row(context, columns < 16 ? columns : 16, values);
    }
    PQclear(answer);
    return err;
}

static kt_err_t
run_text(kt_pg_t *self, const char *sql)
{
    kt_sql_put_text(&self->sql, sql);
    kt_err_t err = kt_sql_run(&self->sql);
    return err == KT_EAGAIN ? KT_EIO : err;
}

// The session's settings are those of short statements (connect.c): an audit reads whole tables. The snapshot ends with
// its connection.
static kt_err_t
postgres_snapshot(kt_sql_t *base)
{
    static const char SETTINGS[] =
        "SELECT set_config('statement_timeout', '0', true), set_config('enable_seqscan', 'on', true),"
        " set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true),"
        " set_config('enable_bitmapscan', 'on', true), set_config('work_mem', '65536', true)";
    kt_pg_t *self = (kt_pg_t *)base;
    kt_sql_put(base, (kt_sql_id_t)KT_PG_SNAPSHOT);
    kt_err_t err  = kt_sql_run(base);
    self->reading = true;
    return err ? err : run_text(self, SETTINGS);
}

// Through a cursor, so that memory is bounded however many rows break a rule.
static kt_err_t
postgres_each(kt_sql_t *base, const char *sql, kt_sql_finding_fn *found, void *context)
{
    kt_buf_t declare;
    kt_pg_t *self = (kt_pg_t *)base;
    kt_buf_init(&declare, 64 << 10);
    kt_buf_fmt(&declare, "DECLARE audit NO SCROLL CURSOR FOR %s", sql);
    kt_err_t err = declare.err ? declare.err : run_text(self, declare.bytes);
    kt_buf_fini(&declare);
    for (size_t n = 1; n && !err;) {
        err = run_text(self, "FETCH 500 FROM audit");
        n   = err ? 0 : kt_sql_rows(base, 0);
        for (size_t row = 0; row < n; row++) {
            char text[512];
            kt_sql_text(base, 0, row, 2, text, sizeof text);
            found(context, kt_sql_int(base, 0, row, 0), kt_sql_int(base, 0, row, 1), text);
        }
    }
    return err ? err : run_text(self, "CLOSE audit");
}

static kt_err_t
hold_name(kt_sql_t *base, const char *name)
{
    kt_pg_t *self = (kt_pg_t *)base;
    if (self->locked && strcmp(base->name, name) == 0)
        return KT_OK;
    kt_sql_write(base);
    kt_sql_put(base, (kt_sql_id_t)KT_PG_LEASE_WAIT);
    kt_sql_arg_text(base, name);
    kt_sql_put(base, (kt_sql_id_t)KT_PG_LEASE_LOCK);
    kt_err_t err = kt_sql_commit(base);
    if (err && strcmp(self->state, "55P03") == 0) {
        char text[128];
        kt_log_error("LEDGER-NAME", "coordinator=\"%s\" text=\"%s\"", kt_log_quote(text, sizeof text, name),
                     "another live coordinator works on this ledger under that name: set ANALYZER_COORDINATOR_NAME");
        return KT_ELOCKED;
    }
    self->locked = !err;
    // An unknown commit of a lock is harmless: the connection is closed, and the lock released with it.
    return err == KT_EUNKNOWN_COMMIT ? KT_EIO : err;
}

// After a lost connection the name may be held again; without it the lease still counts.
static void
renewed(kt_sql_t *base, const char *name)
{
    kt_pg_t *self = (kt_pg_t *)base;
    if (self->locked || strcmp(base->name, name) != 0)
        return;
    kt_sql_arg_text(base, name);
    size_t k = kt_sql_put(base, (kt_sql_id_t)KT_PG_LEASE_TRY);
    if (!kt_sql_run(base))
        self->locked = kt_sql_int(base, k, 0, 0) != 0;
}

// What must be in place to keep the rows apart.
static const char *const OWN_RULES[] = {
    "SELECT CAST(0 AS bigint), CAST(0 AS bigint), 'the index ' || n || ' is missing' FROM unnest(ARRAY['inputs_job',"
    " 'inputs_message', 'jobs_id', 'jobs_claimable', 'jobs_claimed', 'jobs_unhappy', 'jobs_ended', 'results_once',"
    " 'attempts_once', 'outbox_waiting', 'outbox_once', 'feature_rows_once',"
    " 'features_latest', 'inputs_path']) AS u(n) WHERE NOT EXISTS (SELECT 1 FROM pg_class c JOIN"
    " pg_index i ON i.indexrelid = c.oid WHERE c.relname = n AND c.relnamespace = current_schema()::regnamespace AND"
    " i.indisvalid)",
    NULL};

const kt_sql_driver_t KT_PG_DRIVER = {
    .begin     = postgres_begin,
    .write     = postgres_write,
    .put       = postgres_put,
    .run       = postgres_run,
    .commit    = postgres_commit,
    .end       = postgres_end,
    .rows      = postgres_rows,
    .cell      = postgres_cell,
    .plain     = postgres_plain,
    .each      = postgres_each,
    .snapshot  = postgres_snapshot,
    .hold_name = hold_name,
    .renewed   = renewed,
    .own_rules = OWN_RULES,
};
