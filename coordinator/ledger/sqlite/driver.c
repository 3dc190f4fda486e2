// Statements in SQLite: executed when they are put, their answers kept as cells.
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "coordinator/ledger/sqlite/sqlite.h"

#include <endian.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const TEXTS[KT_SQL_COUNT] = {
#define KT_SQL(name, text) [KT_SQL_##name] = text,
#define KT_THEN(name, text)
#include "coordinator/ledger/sql/statements.def"
#include "coordinator/ledger/sqlite/dialect.def"
#undef KT_SQL
#undef KT_THEN
};
static const char *const THEN[KT_SQL_COUNT] = {
#define KT_SQL(name, text)
#define KT_THEN(name, text) [KT_SQL_##name] = text,
#include "coordinator/ledger/sqlite/dialect.def"
#undef KT_SQL
#undef KT_THEN
};

// What must be in place to keep the rows apart, and the file itself.
static const char *const OWN_RULES[] = {
    "SELECT job, run, 'the outbox row ' || id || ' waits under epoch ' || epoch || ', which no lease has' FROM outbox"
    " WHERE confirmed_ms = 0 AND epoch <> 0 AND epoch NOT IN (SELECT epoch FROM leases)",
    "SELECT 0, 0, 'the index ' || column1 || ' is missing' FROM (VALUES ('inputs_message'), ('jobs_claimable'),"
    " ('jobs_claimed'), ('jobs_unhappy'), ('jobs_ended'), ('results_once'), ('outbox_waiting'), ('outbox_once'),"
    " ('features_path'), ('inputs_path'))"
    " WHERE column1 NOT IN (SELECT name FROM sqlite_schema WHERE type = 'index')",
    "SELECT 0, 0, 'the trigger ' || column1 || ' is missing' FROM (VALUES ('epochs_new'), ('epochs_again'),"
    " ('jobs_retain'), ('attempts_count')) WHERE column1 NOT IN (SELECT name FROM sqlite_schema WHERE type = "
    "'trigger')",
    "SELECT 0, 0, 'SQLite finds the file damaged: ' || integrity_check FROM pragma_integrity_check"
    " WHERE integrity_check <> 'ok'",
    NULL};

enum { KEPT_BYTES = 2 * KT_OUTBOX_BYTES };

typedef struct cell {
    size_t at, length;  // in cell_bytes
    bool   null;
} cell_t;

// A write that failed because a disk, a quota or a file size limit is full is one error with one remedy.
// SQLite keeps the system's reason, but not that of a failed COMMIT: there errno, cleared before the step, has it.
static kt_err_t
err_of_result(sqlite3 *db, int rc, int step_errno)
{
    int reason = db ? sqlite3_system_errno(db) : 0;
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return KT_OK;
    case SQLITE_FULL: return KT_EDISK;
    case SQLITE_NOMEM: return KT_ENOMEM;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return KT_ESTATE;
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH: return KT_EBADDATA;
    default: break;
    }
    if (!reason)
        reason = step_errno;
    return reason == ENOSPC || reason == EDQUOT || reason == EFBIG ? KT_EDISK : KT_EIO;
}

kt_err_t
kt_sqlite_err(kt_sqlite_t *self, int rc)
{
    kt_err_t err = err_of_result(self->db, rc, errno);
    if (err) {
        char text[512], path[512];
        kt_text_copy(self->sql.why, sizeof self->sql.why, sqlite3_errmsg(self->db));
        kt_log_warn("LEDGER-SQLITE", "err=%s code=%d text=\"%s\" path=\"%s\"", kt_err_name(err), rc,
                    kt_log_quote(text, sizeof text, sqlite3_errmsg(self->db)),
                    kt_log_quote(path, sizeof path, self->path));
    }
    return err;
}

kt_err_t
kt_sqlite_exec(kt_sqlite_t *self, const char *sql)
{
    errno = 0;
    return kt_sqlite_err(self, sqlite3_exec(self->db, sql, NULL, NULL, NULL));
}

static void
sql_wall_ms(sqlite3_context *context, int n, sqlite3_value **values)
{
    (void)n, (void)values;
    sqlite3_result_int64(context, kt_clock_wall_ms());
}

static void
sql_sha256(sqlite3_context *context, int n, sqlite3_value **values)
{
    kt_digest_t digest;
    (void)n;
    const void *bytes = sqlite3_value_blob(values[0]);
    kt_digest_of(bytes ? bytes : "", (size_t)sqlite3_value_bytes(values[0]), &digest);
    sqlite3_result_blob(context, digest.bytes, sizeof digest.bytes, SQLITE_TRANSIENT);
}

static void
sql_convert_to(sqlite3_context *context, int n, sqlite3_value **values)
{
    (void)n;
    sqlite3_result_value(context, values[0]);  // the database's encoding is UTF-8
}

kt_err_t
kt_sqlite_functions(kt_sqlite_t *self)
{
    static const struct {
        const char *name;
        int         n, flags;
        void (*function)(sqlite3_context *, int, sqlite3_value **);
    } FUNCTIONS[] = {
        {"wall_ms", 0, SQLITE_UTF8, sql_wall_ms},
        {"sha256", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, sql_sha256},
        {"convert_to", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC, sql_convert_to},
    };
    for (size_t i = 0; i < sizeof FUNCTIONS / sizeof *FUNCTIONS; i++)
        if (sqlite3_create_function(self->db, FUNCTIONS[i].name, FUNCTIONS[i].n, FUNCTIONS[i].flags, NULL,
                                    FUNCTIONS[i].function, NULL, NULL) != SQLITE_OK)
            return KT_ENOMEM;
    return KT_OK;
}

// Memory of an unusually large answer is not kept for the life of the coordinator.
static kt_err_t
sqlite_begin(kt_sql_t *base, bool write)
{
    kt_sqlite_t *self = (kt_sqlite_t *)base;
    if (self->watch.replaced)
        return KT_ESTATE;
    if (self->cell_bytes.capacity > KEPT_BYTES)
        kt_buf_fini(&self->cell_bytes);
    return kt_sqlite_exec(self, write ? "BEGIN IMMEDIATE" : "BEGIN");
}

static void
sqlite_write(kt_sql_t *base)
{
    (void)base;  // the call has the write lock since its begin
}

static uint32_t
read_u32(const char *at)
{
    uint32_t wire;
    memcpy(&wire, at, sizeof wire);
    return be32toh(wire);
}

static uint64_t
read_u64(const char *at)
{
    uint64_t wire;
    memcpy(&wire, at, sizeof wire);
    return be64toh(wire);
}

static int
bind_value(sqlite3_stmt *stmt, int parameter, kt_sql_type_t type, const char *bytes, size_t length)
{
    double   real;
    uint64_t bits;
    switch (type) {
    case KT_SQL_INT8: return sqlite3_bind_int64(stmt, parameter, (int64_t)read_u64(bytes));
    case KT_SQL_FLOAT8:
        bits = read_u64(bytes);
        memcpy(&real, &bits, sizeof real);
        return sqlite3_bind_double(stmt, parameter, real);
    case KT_SQL_TEXT: return sqlite3_bind_text64(stmt, parameter, bytes, length, SQLITE_STATIC, SQLITE_UTF8);
    default: return sqlite3_bind_blob64(stmt, parameter, bytes, length, SQLITE_STATIC);
    }
}

// The position of the next element of each array.
typedef struct reader {
    const char *at[KT_SQL_ARGS];
} reader_t;

// The array's header: dimensions, null flag, type; with elements also length and lower bound (see args.c).
enum { ARRAY_HEADER = 12, ARRAY_DIMENSION = 8 };

static size_t
start_reading(const kt_sql_t *self, reader_t *reader)
{
    size_t rows   = 1;
    bool   arrays = false;
    for (size_t i = 0; i < self->n_args; i++) {
        const kt_sql_arg_t *arg = &self->args[i];
        reader->at[i]           = self->bytes.bytes + arg->at + (arg->array ? ARRAY_HEADER + ARRAY_DIMENSION : 0);
        if (arg->array && (!arrays || arg->n < rows))
            rows = arg->n;
        arrays = arrays || arg->array;
    }
    return rows;
}

static int
bind_element(sqlite3_stmt *stmt, int parameter, const kt_sql_arg_t *arg, const char **at)
{
    uint32_t length = read_u32(*at);
    *at += sizeof length;
    if (length == UINT32_MAX)
        return parameter ? sqlite3_bind_null(stmt, parameter) : SQLITE_OK;
    const char *bytes = *at;
    *at += length;
    return parameter ? bind_value(stmt, parameter, arg->type, bytes, length) : SQLITE_OK;
}

// The parameter's number of each argument, and of $place and $changes; 0: the text does not have it. A parameter is
// named "$n", "$n::type", "$place" or "$changes".
typedef struct binding {
    int args[KT_SQL_ARGS], place;
} binding_t;

static void
find_parameters(sqlite3_stmt *stmt, binding_t *out)
{
    int n = sqlite3_bind_parameter_count(stmt);
    *out  = (binding_t){0};
    for (int i = 1; i <= n; i++) {
        const char *name  = sqlite3_bind_parameter_name(stmt, i);
        size_t      which = name ? strtoul(name + 1, NULL, 10) : 0;
        if (!which)
            out->place = i;
        else if (which <= KT_SQL_ARGS)
            out->args[which - 1] = i;
    }
}

// A row of fields, one parameter each.
static int
bind_fields(sqlite3_stmt *stmt, const char **at)
{
    enum { INT8 = 20, FLOAT8 = 701 };
    int n = (int)read_u32(*at + sizeof(uint32_t)), rc = SQLITE_OK;
    *at += 2 * sizeof(uint32_t);
    for (int i = 1; i <= n && rc == SQLITE_OK; i++) {
        const uint32_t type = read_u32(*at), length = read_u32(*at + sizeof type);
        *at += 2 * sizeof(uint32_t);
        if (length == UINT32_MAX) {
            rc = sqlite3_bind_null(stmt, i);
            continue;
        }
        rc = bind_value(stmt, i,
                        type == INT8     ? KT_SQL_INT8
                        : type == FLOAT8 ? KT_SQL_FLOAT8
                                         : KT_SQL_TEXT,
                        *at, length);
        *at += length;
    }
    return rc;
}

static int
bind_row(const kt_sql_t *self, sqlite3_stmt *stmt, const binding_t *binding, reader_t *reader, size_t place)
{
    int rc = binding->place ? sqlite3_bind_int64(stmt, binding->place, (int64_t)place) : SQLITE_OK;
    for (size_t i = 0; i < self->n_args && rc == SQLITE_OK; i++) {
        const kt_sql_arg_t *arg       = &self->args[i];
        int                 parameter = binding->args[i];
        if (arg->type == KT_SQL_ROW)
            rc = bind_fields(stmt, &reader->at[i]);
        else if (arg->array)
            rc = bind_element(stmt, parameter, arg, &reader->at[i]);
        else if (parameter)
            rc = arg->null ? sqlite3_bind_null(stmt, parameter)
                           : bind_value(stmt, parameter, arg->type, arg->length ? reader->at[i] : "", arg->length);
    }
    return rc;
}

static void
keep_bytes(kt_sqlite_t *self, cell_t cell, const void *bytes)
{
    cell.at = self->cell_bytes.length;
    if (cell.length)
        kt_buf_add(&self->cell_bytes, bytes, cell.length);
    kt_buf_add(&self->cell_bytes, "", 1);
    kt_buf_add(&self->cells, &cell, sizeof cell);
}

static void
keep_cell(kt_sqlite_t *self, sqlite3_stmt *stmt, int column)
{
    cell_t      cell = {.length = sizeof(uint64_t)};
    uint64_t    wire;
    double      real;
    const void *bytes = &wire;
    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_INTEGER: wire = htobe64((uint64_t)sqlite3_column_int64(stmt, column)); break;
    case SQLITE_FLOAT:
        real = sqlite3_column_double(stmt, column);
        memcpy(&wire, &real, sizeof wire);
        wire = htobe64(wire);
        break;
    case SQLITE_NULL:
        cell.null   = true;
        cell.length = 0;
        break;
    default: bytes = sqlite3_column_blob(stmt, column); cell.length = (size_t)sqlite3_column_bytes(stmt, column);
    }
    keep_bytes(self, cell, bytes);
}

static kt_err_t
execute(kt_sqlite_t *self, sqlite3_stmt *stmt, kt_sqlite_answer_t *answer)
{
    size_t start = self->cell_bytes.length, max_bytes = self->sql.max_bytes;
    int    rc = SQLITE_OK;
    errno     = 0;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (int column = 0; column < answer->columns; column++)
            keep_cell(self, stmt, column);
        if (max_bytes && answer->rows && self->cell_bytes.length - start > max_bytes)
            break;
        answer->rows++;
    }
    kt_err_t err = kt_sqlite_err(self, rc);
    sqlite3_reset(stmt);
    if (!err)
        err = self->cells.err ? self->cells.err : self->cell_bytes.err;
    return err == KT_EFULL ? KT_EINVAL : err;
}

// JOBS_INSERT's answer for a row that was inserted: its number, and its message_id, the first parameter.
static void
answer_inserted(kt_sqlite_t *self, const char *message_id, kt_sqlite_answer_t *answer)
{
    uint64_t wire = htobe64((uint64_t)sqlite3_last_insert_rowid(self->db));
    keep_bytes(self, (cell_t){.length = sizeof wire}, &wire);
    keep_bytes(self, (cell_t){.length = read_u32(message_id)}, message_id + sizeof(uint32_t));
    answer->columns = 2;
    answer->rows++;
}

// Executes once per row of the array parameters.
static kt_err_t
execute_rows(kt_sqlite_t *self, sqlite3_stmt *stmt, kt_sql_id_t id, kt_sqlite_answer_t *answer)
{
    reader_t  reader = {0};
    binding_t binding;
    size_t    rows = start_reading(&self->sql, &reader);
    kt_err_t  err  = KT_OK;
    find_parameters(stmt, &binding);
    *answer = (kt_sqlite_answer_t){.first = self->cells.length / sizeof(cell_t), .columns = sqlite3_column_count(stmt)};
    for (size_t row = 0; row < rows && !err; row++) {
        const char *first = reader.at[0];
        err               = kt_sqlite_err(self, bind_row(&self->sql, stmt, &binding, &reader, row + 1));
        if (!err)
            err = execute(self, stmt, answer);
        if (!err && first && id == KT_SQL_JOBS_INSERT && sqlite3_changes64(self->db))
            answer_inserted(self, first, answer);
    }
    return err;
}

static kt_err_t
prepare(kt_sqlite_t *self, const char *sql, bool keep, sqlite3_stmt **stmt, const char **rest)
{
    return *stmt ? KT_OK
                 : kt_sqlite_err(
                       self, sqlite3_prepare_v3(self->db, sql, -1, keep ? SQLITE_PREPARE_PERSISTENT : 0, stmt, rest));
}

// What follows a statement once: with its scalar parameters, and the number of rows changed since `changes`.
static kt_err_t
put_then(kt_sqlite_t *self, kt_sql_id_t id, int64_t changes)
{
    sqlite3_stmt     **then     = self->then[id];
    const char        *rest     = THEN[id];
    bool               is_ready = then[0] != NULL;
    kt_sqlite_answer_t none     = {0};
    kt_err_t           err      = KT_OK;
    for (size_t i = 0; i < KT_SQLITE_THEN && !err && !is_ready && *rest; i++)
        err = prepare(self, rest, true, &then[i], &rest);
    for (size_t i = 0; i < KT_SQLITE_THEN && !err && then[i]; i++) {
        reader_t  reader;
        binding_t binding;
        int64_t   changed = sqlite3_total_changes64(self->db) - changes;
        start_reading(&self->sql, &reader);
        find_parameters(then[i], &binding);
        err = kt_sqlite_err(self, bind_row(&self->sql, then[i], &binding, &reader, (size_t)changed));
        if (!err)
            err = execute(self, then[i], &none);
    }
    return err;
}

static void
sqlite_put(kt_sql_t *base, kt_sql_id_t id, const char *sql)
{
    kt_sqlite_t  *self = (kt_sqlite_t *)base;
    sqlite3_stmt *once = NULL, **stmt = sql ? &once : &self->stmts[id];
    int64_t       changes = sqlite3_total_changes64(self->db);
    if (!base->n_put) {
        kt_buf_clear(&self->cells);
        kt_buf_clear(&self->cell_bytes);
    }
    const char *text = sql ? sql : id == KT_SQL_FEATURES_PUT ? self->features_put : TEXTS[id];
    kt_err_t    err  = prepare(self, text, !sql, stmt, NULL);
    if (!err)
        err = execute_rows(self, *stmt, id, &self->answers[base->n_put]);
    if (!err && !sql && THEN[id])
        err = put_then(self, id, changes);
    base->put_err = err;
    sqlite3_finalize(once);
}

static kt_err_t
sqlite_run(kt_sql_t *base)
{
    return base->put_err;
}

// A commit that fails on a full disk has not happened (its closing frame is missing). After another failure the outcome
// is unknown: the frames may be in the write-ahead log without their sync.
static kt_err_t
sqlite_commit(kt_sql_t *base)
{
    kt_sqlite_t *self = (kt_sqlite_t *)base;
    if (base->put_err)
        return base->put_err;
    kt_err_t err = kt_sqlite_exec(self, "COMMIT");
    return err == KT_EIO && sqlite3_get_autocommit(self->db) ? KT_EUNKNOWN_COMMIT : err;
}

static void
sqlite_end(kt_sql_t *base)
{
    kt_sqlite_t *self = (kt_sqlite_t *)base;
    if (self->db && !sqlite3_get_autocommit(self->db))
        sqlite3_exec(self->db, "ROLLBACK", NULL, NULL, NULL);
}

static size_t
sqlite_rows(const kt_sql_t *base, size_t k)
{
    return ((const kt_sqlite_t *)base)->answers[k].rows;
}

static const char *
sqlite_cell(const kt_sql_t *base, size_t k, size_t row, int column, size_t *length)
{
    const kt_sqlite_t        *self   = (const kt_sqlite_t *)base;
    const kt_sqlite_answer_t *answer = &self->answers[k];
    const cell_t *at = (const cell_t *)(const void *)self->cells.bytes + answer->first + row * (size_t)answer->columns +
                       (size_t)column;
    *length = at->length;
    return at->null ? NULL : self->cell_bytes.bytes + at->at;
}

typedef struct plain {
    kt_sql_row_fn *row;
    void          *context;
} plain_t;

static int
plain_row(void *context, int columns, char **values, char **names)
{
    plain_t *self      = context;
    char    *texts[16] = {0}, none[1] = "";
    (void)names;
    for (int i = 0; i < columns && i < 16; i++)
        texts[i] = values[i] ? values[i] : none;
    if (self->row)
        self->row(self->context, columns < 16 ? columns : 16, texts);
    return 0;
}

static kt_err_t
sqlite_plain(kt_sql_t *base, const char *sql, kt_sql_row_fn *row, void *context)
{
    kt_sqlite_t *self = (kt_sqlite_t *)base;
    plain_t      to   = {row, context};
    errno             = 0;
    kt_err_t err      = kt_sqlite_err(self, sqlite3_exec(self->db, sql, plain_row, &to, NULL));
    sqlite_end(base);  // of a transaction that failed half-way
    return err;
}

static kt_err_t
sqlite_each(kt_sql_t *base, const char *sql, kt_sql_finding_fn *found, void *context)
{
    kt_sqlite_t  *self = (kt_sqlite_t *)base;
    sqlite3_stmt *stmt = NULL;
    int           rc   = sqlite3_prepare_v2(self->db, sql, -1, &stmt, NULL);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW)
            found(context, sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1),
                  (const char *)sqlite3_column_text(stmt, 2));
    }
    kt_err_t err = kt_sqlite_err(self, rc);
    sqlite3_finalize(stmt);
    return err;
}

static kt_err_t
sqlite_snapshot(kt_sql_t *base)
{
    (void)base;  // a reading call is one transaction
    return KT_OK;
}

static kt_err_t
sqlite_hold_file(kt_sql_t *base)
{
    return kt_sqlite_watch_check((kt_sqlite_t *)base);
}

const kt_sql_driver_t KT_SQLITE_DRIVER = {
    .hold_file = sqlite_hold_file,
    .begin     = sqlite_begin,
    .write     = sqlite_write,
    .put       = sqlite_put,
    .run       = sqlite_run,
    .commit    = sqlite_commit,
    .end       = sqlite_end,
    .rows      = sqlite_rows,
    .cell      = sqlite_cell,
    .plain     = sqlite_plain,
    .each      = sqlite_each,
    .snapshot  = sqlite_snapshot,
    .own_rules = OWN_RULES,
};
