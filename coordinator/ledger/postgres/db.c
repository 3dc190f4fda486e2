#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "coordinator/ledger/postgres/postgres.h"

#include <endian.h>
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
    self->n_args  = 0;
    self->commits = false;
    kt_buf_clear(&self->bytes);
    self->put_err = KT_OK;
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
    char     text[2 * sizeof self->said];
    kt_err_t err = kt_pg_ready(self);
    if (!err) {
        kt_log_info("LEDGER-CONNECTED", "epoch=%llu", (unsigned long long)self->epoch);
        return KT_OK;
    }
    kt_log_warn("LEDGER-CONNECT", "err=%s text=\"%s\"", kt_err_name(err), kt_log_quote(text, sizeof text, self->said));
    // While work goes on, nobody to connect to is a passing trouble, whatever its cause.
    return kt_err_verdict(err) == KT_VERDICT_REJECT || err == KT_EUNREACHABLE ? KT_EIO : err;
}

kt_err_t
kt_pg_begin(kt_pg_t *self, bool write)
{
    if (write && !self->writer)
        return KT_EACCESS;
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

typedef struct values {
    const char *at[KT_PG_ARGS];
    int         lengths[KT_PG_ARGS];
    int         formats[KT_PG_ARGS];
} values_t;

static void
gather(const kt_pg_t *self, values_t *values)
{
    for (size_t i = 0; i < self->n_args; i++) {
        values->at[i]      = self->args[i].null ? NULL : self->bytes.bytes + self->args[i].at;
        values->lengths[i] = (int)self->args[i].length;
        values->formats[i] = 1;
    }
}

// Parameters are copied by libpq, so their memory serves the next statement. The first failure is told by run.
static void
put(kt_pg_t *self, kt_pg_id_t id, const char *sql)
{
    char     name[16];
    values_t values;
    if (!self->put_err && self->bytes.err)
        self->put_err = self->bytes.err == KT_EFULL ? KT_EBADDATA : self->bytes.err;
    if (!self->put_err && self->n_sent == KT_PG_ANSWERS)
        self->put_err = KT_EINVAL;
    if (self->put_err)
        return;
    gather(self, &values);
    snprintf(name, sizeof name, "k%d", (int)id);
    int sent =
        sql ? PQsendQueryParams(self->db, sql, (int)self->n_args, NULL, values.at, values.lengths, values.formats, 1)
            : PQsendQueryPrepared(self->db, name, (int)self->n_args, values.at, values.lengths, values.formats, 1);
    if (sent)
        self->n_sent++;
    else
        self->put_err = KT_EIO;
    self->n_args = 0;
    kt_buf_clear(&self->bytes);
}

void
kt_pg_put(kt_pg_t *self, kt_pg_id_t id)
{
    put(self, id, NULL);
}

void
kt_pg_put_sql(kt_pg_t *self, const char *sql)
{
    put(self, KT_PG_COUNT, sql);
}

void
kt_pg_put_commit(kt_pg_t *self)
{
    put(self, KT_PG_COMMIT, NULL);
    self->commits = self->put_err == KT_OK;
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

// The first line says what, the others guess why.
static void
keep_text(kt_pg_t *self, const char *text)
{
    kt_text_sanitize(self->said, sizeof self->said, text ? text : "", text ? strcspn(text, "\n") : 0);
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
    char text[2 * sizeof self->said];
    kt_log_warn("LEDGER-POSTGRES", "err=%s state=%s text=\"%s\"", kt_err_name(err), *self->state ? self->state : "-",
                kt_log_quote(text, sizeof text, self->said));
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
    put(self, KT_PG_ROLLBACK, NULL);
    if (self->put_err || !PQpipelineSync(self->db) || flush(self) || collect(self, &answered, &refused) || refused)
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

// An error as the COMMIT's own answer says that the server rolled back; one with a closing connection may also mean
// that it gave up waiting for a standby, which is not known.
kt_err_t
kt_pg_run(kt_pg_t *self)
{
    size_t answered = 0;
    bool   refused  = false;
    if (self->put_err) {
        kt_err_t err = self->put_err;
        if (err == KT_EIO)
            keep_text(self, PQerrorMessage(self->db));
        kt_pg_drop(self);  // what was put before must never be sent
        return err;
    }
    kt_err_t err = PQpipelineSync(self->db) ? flush(self) : KT_ECLOSED;
    if (err != KT_ETIME)
        err = collect(self, &answered, &refused);  // what a dying server said may still be read
    if (err && answered == self->n_sent && !refused)
        return KT_OK;  // everything was answered before the connection broke; the next call finds it closed
    if (err)
        return lost(self, err, refused && answered + 1 < self->n_sent);
    return refused ? end_refused(self) : KT_OK;
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

bool
kt_pg_again(kt_err_t *err, int *tries)
{
    if (*err != KT_EAGAIN)
        return false;
    if (++*tries < KT_PG_TRIES)
        return true;
    *err = KT_EIO;
    return false;
}

int
kt_pg_rows(const kt_pg_t *self, size_t k)
{
    return k < self->n_sent ? PQntuples(self->answers[k]) : 0;
}

const char *
kt_pg_bytes(const kt_pg_t *self, size_t k, int row, int column, size_t *length)
{
    const PGresult *answer = self->answers[k];
    *length                = 0;
    if (PQgetisnull(answer, row, column))
        return NULL;
    *length = (size_t)PQgetlength(answer, row, column);
    return PQgetvalue(answer, row, column);
}

static uint64_t
read_u64(const kt_pg_t *self, size_t k, int row, int column)
{
    uint64_t    wire = 0;
    size_t      length;
    const char *bytes = kt_pg_bytes(self, k, row, column, &length);
    if (bytes && length == sizeof wire)
        memcpy(&wire, bytes, sizeof wire);
    return be64toh(wire);
}

int64_t
kt_pg_int(const kt_pg_t *self, size_t k, int row, int column)
{
    return (int64_t)read_u64(self, k, row, column);
}

double
kt_pg_real(const kt_pg_t *self, size_t k, int row, int column)
{
    double   value;
    uint64_t bits = read_u64(self, k, row, column);
    memcpy(&value, &bits, sizeof value);
    return value;
}

void
kt_pg_text(const kt_pg_t *self, size_t k, int row, int column, char *out, size_t capacity)
{
    size_t      length;
    const char *bytes = kt_pg_bytes(self, k, row, column, &length);
    kt_text_sanitize(out, capacity, bytes ? bytes : "", length);
}

kt_err_t
kt_pg_copy(const kt_pg_t *self, size_t k, int row, int column, char **out, size_t *length)
{
    const char *bytes = kt_pg_bytes(self, k, row, column, length);
    char       *copy  = malloc(*length + 1);
    if (!copy)
        return KT_ENOMEM;
    if (bytes)
        memcpy(copy, bytes, *length);
    copy[*length] = '\0';
    *out          = copy;
    return KT_OK;
}
