#include "coordinator/ledger/postgres/schema.h"

#include "common/log.h"
#include "common/text.h"
#include "coordinator/ledger/postgres/postgres.h"
#include "coordinator/ledger/sql/migrate.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const kt_sql_migration_t MIGRATIONS[] = {
#define KT_MIGRATION(number, name, text) {number, name, text},
#include "coordinator/migrations_postgresql.inc"
#undef KT_MIGRATION
};
static const kt_sql_migrations_t ALL = {MIGRATIONS, sizeof MIGRATIONS / sizeof *MIGRATIONS, "BEGIN", "COMMIT"};

static const char *
value(const PGresult *answer, int row, int column)
{
    return PQgetisnull(answer, row, column) ? "" : PQgetvalue(answer, row, column);
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
    PGresult *answer  = NULL;
    size_t    missing = 0;
    kt_err_t  err   = kt_pg_simple(self, "SELECT to_regclass('schema_migrations') IS NOT NULL", KT_PG_CALL_MS, &answer);
    bool      there = !err && PQntuples(answer) == 1 && *value(answer, 0, 0) == 't';
    PQclear(answer);
    if (err) {
        snprintf(why, KT_LEDGER_WHY, "the schema cannot be read: %.300s", self->sql.why);
        return err;
    }
    if ((err = check_encoding(self, why)))
        return err;
    if (there && (err = kt_sql_check_migrations(&self->sql, &ALL, &missing, why)))
        return err;
    if (there && !missing)
        return KT_OK;
    snprintf(why, KT_LEDGER_WHY, "the database %s: run `kithara db migrate`",
             there && missing < ALL.n ? "has an older schema" : "has no ledger yet");
    return KT_ESCHEMA;
}

// The view is made anew when its text, whose digest is in its comment, is another.
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
        err = kt_sql_migrate(&self->sql, &ALL, applied, why);
    if (!err)
        err = make_view(self);
    if (err && !*why)
        snprintf(why, KT_LEDGER_WHY, "DATABASE_URL: %.400s", self->sql.why);
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
    kt_sql_init(&self->sql, NULL, &KT_PG_DRIVER, writer);
    *out = self;
    return KT_OK;
}

static void
close_bare(kt_pg_t *self)
{
    kt_pg_drop(self);
    kt_buf_fini(&self->sql.bytes);
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

kt_err_t
kt_ledger_postgres_status(const char *url, kt_migration_row_t **rows, size_t *n, char why[KT_LEDGER_WHY])
{
    kt_pg_t  *self   = NULL;
    PGresult *answer = NULL;
    kt_err_t  err    = open_bare(&self, url, false, why);
    if (err)
        return err;
    err = kt_pg_connect(self);
    if (!err)
        err = kt_pg_simple(self, "SELECT to_regclass('schema_migrations') IS NOT NULL", KT_PG_CALL_MS, &answer);
    bool there = !err && PQntuples(answer) == 1 && *value(answer, 0, 0) == 't';
    PQclear(answer);
    if (!err)
        err = kt_sql_migration_rows(there ? &self->sql : NULL, &ALL, rows, n);
    if (err)
        snprintf(why, KT_LEDGER_WHY, "DATABASE_URL: %.400s", self->sql.why);
    close_bare(self);
    return err;
}
