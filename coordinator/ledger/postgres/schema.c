#include "coordinator/ledger/postgres/schema.h"

#include "common/log.h"
#include "common/text.h"
#include "coordinator/ledger/postgres/postgres.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct migration {
    int64_t     number;
    const char *name, *text;
} migration_t;

static const migration_t MIGRATIONS[] = {
#define KT_MIGRATION(number, name, text) {number, name, text},
#include "coordinator/migrations_postgresql.inc"
#undef KT_MIGRATION
};
enum { MIGRATIONS_N = sizeof MIGRATIONS / sizeof *MIGRATIONS };

static const char TABLE[] = "CREATE TABLE IF NOT EXISTS schema_migrations(number bigint NOT NULL PRIMARY KEY,"
                            " name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL)";

static void
checksum_of(const migration_t *migration, char out[KT_DIGEST_HEX])
{
    kt_digest_t digest;
    kt_digest_of(migration->text, strlen(migration->text), &digest);
    kt_digest_hex(&digest, out);
}

static const char *
value(const PGresult *answer, int row, int column)
{
    return PQgetisnull(answer, row, column) ? "" : PQgetvalue(answer, row, column);
}

// All that the database knows to have applied; no table is none. *out: malloc'ed.
static kt_err_t
read_applied(kt_pg_t *self, kt_migration_row_t **out, size_t *n)
{
    PGresult *answer = NULL;
    kt_err_t  err   = kt_pg_simple(self, "SELECT to_regclass('schema_migrations') IS NOT NULL", KT_PG_CALL_MS, &answer);
    bool      there = !err && PQntuples(answer) == 1 && *value(answer, 0, 0) == 't';
    PQclear(answer);
    answer = NULL;
    if (!err && there)
        err = kt_pg_simple(self,
                           "SELECT number, name, checksum, (extract(epoch FROM applied_at) * 1000)::bigint"
                           " FROM schema_migrations ORDER BY number",
                           KT_PG_CALL_MS, &answer);
    if (err)
        return err;
    size_t              got  = answer ? (size_t)PQntuples(answer) : 0;
    kt_migration_row_t *rows = calloc(got + 1, sizeof *rows);
    for (size_t i = 0; i < got && rows; i++) {
        rows[i].number = strtoll(value(answer, (int)i, 0), NULL, 10);
        kt_text_sanitize(rows[i].name, sizeof rows[i].name, value(answer, (int)i, 1), strlen(value(answer, (int)i, 1)));
        kt_text_sanitize(rows[i].checksum, sizeof rows[i].checksum, value(answer, (int)i, 2),
                         strlen(value(answer, (int)i, 2)));
        rows[i].applied_ms = strtoll(value(answer, (int)i, 3), NULL, 10);
    }
    PQclear(answer);
    if (!rows)
        return KT_ENOMEM;
    *out = rows;
    *n   = got;
    return KT_OK;
}

static const kt_migration_row_t *
find(const kt_migration_row_t *rows, size_t n, int64_t number)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].number == number)
            return &rows[i];
    return NULL;
}

static kt_err_t
tell_changed(const migration_t *migration, char why[KT_LEDGER_WHY])
{
    snprintf(why, KT_LEDGER_WHY,
             "migration %s was applied to this database with another text: use the program that applied it, or another"
             " database",
             migration->name);
    return KT_ESCHEMA;
}

// Nothing applied may be unknown to this program, or known with another text.
static kt_err_t
check_applied(const kt_migration_row_t *rows, size_t n, char why[KT_LEDGER_WHY])
{
    if (n && rows[n - 1].number > MIGRATIONS[MIGRATIONS_N - 1].number) {
        snprintf(why, KT_LEDGER_WHY,
                 "the database has schema %" PRId64 ", this program knows %" PRId64 ": use the newer program",
                 rows[n - 1].number, MIGRATIONS[MIGRATIONS_N - 1].number);
        return KT_ESCHEMA;
    }
    for (size_t i = 0; i < MIGRATIONS_N; i++) {
        char                      checksum[KT_DIGEST_HEX];
        const kt_migration_row_t *row = find(rows, n, MIGRATIONS[i].number);
        checksum_of(&MIGRATIONS[i], checksum);
        if (row && strcmp(row->checksum, checksum))
            return tell_changed(&MIGRATIONS[i], why);
    }
    return KT_OK;
}

static kt_err_t
check_encoding(const kt_pg_t *self, char why[KT_LEDGER_WHY])
{
    const char *encoding = PQparameterStatus(self->db, "server_encoding");
    if (encoding && strcmp(encoding, "UTF8") == 0)
        return KT_OK;
    snprintf(why, KT_LEDGER_WHY, "the database's encoding is not UTF8: make one with ENCODING 'UTF8'");
    return KT_ESCHEMA;
}

kt_err_t
kt_pg_check_schema(kt_pg_t *self, char why[KT_LEDGER_WHY])
{
    kt_migration_row_t *rows = NULL;
    size_t              n    = 0;
    kt_err_t            err  = read_applied(self, &rows, &n);
    if (err)
        snprintf(why, KT_LEDGER_WHY, "the schema cannot be read: %.300s", self->said);
    else if (!(err = check_encoding(self, why)))
        err = check_applied(rows, n, why);
    for (size_t i = 0; i < MIGRATIONS_N && !err; i++) {
        if (find(rows, n, MIGRATIONS[i].number))
            continue;
        snprintf(why, KT_LEDGER_WHY, "the database %s: run `kithara db migrate`",
                 n ? "has an older schema" : "has no ledger yet");
        err = KT_ESCHEMA;
    }
    free(rows);
    return err;
}

static kt_err_t
apply(kt_pg_t *self, const migration_t *migration)
{
    kt_buf_t sql;
    char     checksum[KT_DIGEST_HEX];
    checksum_of(migration, checksum);
    kt_buf_init(&sql, 16 << 20);
    kt_buf_fmt(&sql, "BEGIN; %s; INSERT INTO schema_migrations VALUES (%" PRId64 ", '%s', '%s', now()); COMMIT",
               migration->text, migration->number, migration->name, checksum);
    kt_err_t err = sql.err ? sql.err : kt_pg_simple(self, sql.bytes, KT_PG_LONG_MS, NULL);
    kt_buf_fini(&sql);
    if (!err)
        kt_log_info("LEDGER-MIGRATED", "migration=%s", migration->name);
    return err;
}

static kt_err_t
apply_missing(kt_pg_t *self, size_t *applied, char why[KT_LEDGER_WHY])
{
    kt_migration_row_t *rows = NULL;
    size_t              n    = 0;
    kt_err_t            err  = read_applied(self, &rows, &n);
    if (!err)
        err = check_applied(rows, n, why);
    for (size_t i = 0; i < MIGRATIONS_N && !err; i++) {
        if (find(rows, n, MIGRATIONS[i].number))
            continue;
        err = apply(self, &MIGRATIONS[i]);
        if (err)
            snprintf(why, KT_LEDGER_WHY, "migration %s failed and left nothing: %.300s", MIGRATIONS[i].name,
                     self->said);
        else
            ++*applied;
    }
    free(rows);
    return err;
}

// The view is made anew when its text, which stands in its comment as a digest, is another.
static kt_err_t
make_view(kt_pg_t *self)
{
    kt_buf_t    view, sql;
    kt_digest_t digest;
    char        mark[KT_DIGEST_HEX];
    PGresult   *answer = NULL;
    kt_buf_init(&view, 1 << 20);
    kt_buf_init(&sql, 2 << 20);
    kt_pg_view_text(&view);
    kt_err_t err = view.err;
    if (!err) {
        kt_digest_of(view.bytes, view.length, &digest);
        kt_digest_hex(&digest, mark);
        err = kt_pg_simple(self, "SELECT obj_description(to_regclass('features'), 'pg_class')", KT_PG_CALL_MS, &answer);
    }
    if (!err && strcmp(value(answer, 0, 0), mark)) {
        kt_buf_fmt(
            &sql,
            "BEGIN; DROP VIEW IF EXISTS features; CREATE VIEW features AS %s; COMMENT ON VIEW features IS '%s'; COMMIT",
            view.bytes, mark);
        err = sql.err ? sql.err : kt_pg_simple(self, sql.bytes, KT_PG_CALL_MS, NULL);
    }
    PQclear(answer);
    kt_buf_fini(&view);
    kt_buf_fini(&sql);
    return err;
}

// One migrates at a time; the lock goes with the session.
static kt_err_t
migrate(kt_pg_t *self, size_t *applied, char why[KT_LEDGER_WHY])
{
    kt_err_t err = kt_pg_connect(self);
    if (!err)
        err = check_encoding(self, why);
    if (!err)
        err = kt_pg_simple(self, "SELECT pg_advisory_lock(hashtextextended(current_schema() || '/migrations', 1))",
                           KT_PG_LONG_MS, NULL);
    if (!err)
        err = kt_pg_simple(self, TABLE, KT_PG_CALL_MS, NULL);
    if (!err)
        err = apply_missing(self, applied, why);
    if (!err)
        err = make_view(self);
    if (err && !*why)
        snprintf(why, KT_LEDGER_WHY, "DATABASE_URL: %.400s", self->said);
    return err;
}

static kt_err_t
open_bare(kt_pg_t **out, const char *url, bool writer, char why[KT_LEDGER_WHY])
{
    kt_pg_t *self = calloc(1, sizeof *self);
    why[0]        = '\0';
    if (self)
        self->url = strdup(url);
    if (!self || !self->url) {
        free(self);
        snprintf(why, KT_LEDGER_WHY, "no memory for a connection");
        return KT_ENOMEM;
    }
    self->writer = writer;
    kt_buf_init(&self->bytes, KT_PG_BYTES);
    *out = self;
    return KT_OK;
}

static void
close_bare(kt_pg_t *self)
{
    kt_pg_drop(self);
    kt_buf_fini(&self->bytes);
    free(self->url);
    free(self);
}

kt_err_t
kt_ledger_postgres_migrate(const char *url, size_t *applied, char why[KT_LEDGER_WHY])
{
    kt_pg_t *self = NULL;
    kt_err_t err  = open_bare(&self, url, true, why);
    if (err)
        return err;
    size_t n = 0;
    err      = migrate(self, &n, why);
    close_bare(self);
    if (!err)
        *applied = n;
    return err;
}

// What the program knows, then what only the database has; rows has room for both.
static size_t
merge(kt_migration_row_t *rows, const kt_migration_row_t *applied, size_t n)
{
    size_t got = 0;
    for (size_t i = 0; i < MIGRATIONS_N; i++) {
        const kt_migration_row_t *row = find(applied, n, MIGRATIONS[i].number);
        kt_migration_row_t       *to  = &rows[got++];
        to->number                    = MIGRATIONS[i].number;
        kt_text_copy(to->name, sizeof to->name, MIGRATIONS[i].name);
        checksum_of(&MIGRATIONS[i], to->checksum);
        to->state      = !row                                  ? KT_MIGRATION_MISSING
                         : strcmp(row->checksum, to->checksum) ? KT_MIGRATION_CHANGED
                                                               : KT_MIGRATION_APPLIED;
        to->applied_ms = row ? row->applied_ms : 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (applied[i].number <= MIGRATIONS[MIGRATIONS_N - 1].number)
            continue;
        rows[got]         = applied[i];
        rows[got++].state = KT_MIGRATION_NEWER;
    }
    return got;
}

kt_err_t
kt_ledger_postgres_status(const char *url, kt_migration_row_t **rows, size_t *n, char why[KT_LEDGER_WHY])
{
    kt_pg_t            *self    = NULL;
    kt_migration_row_t *applied = NULL, *all = NULL;
    size_t              n_applied = 0;
    kt_err_t            err       = open_bare(&self, url, false, why);
    if (err)
        return err;
    err = kt_pg_connect(self);
    if (!err)
        err = read_applied(self, &applied, &n_applied);
    if (err)
        snprintf(why, KT_LEDGER_WHY, "DATABASE_URL: %.400s", self->said);
    else if (!(all = calloc(n_applied + MIGRATIONS_N, sizeof *all)))
        err = KT_ENOMEM;
    if (!err) {
        *n    = merge(all, applied, n_applied);
        *rows = all;
    }
    free(applied);
    close_bare(self);
    return err;
}
