#include "coordinator/ledger/postgres/schema.h"

#include "common/log.h"
#include "common/text.h"
#include "coordinator/ledger/postgres/postgres.h"
#include "coordinator/ledger/sql/features.h"
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

// The index holds a hash of the path, because a path may be longer than an index has room for. Whether a row is its
// path's latest is decided in the index alone, unless there is a newer one. (The one of programs before found a path's
// rows, each of which had then to be read.)
static const kt_sql_feature_dialect_t FEATURES = {
    .begin  = "BEGIN",
    .commit = "COMMIT",
    .types  = {[KT_COLUMN_BOOL]  = "boolean",
               [KT_COLUMN_INT]   = "bigint",
               [KT_COLUMN_REAL]  = "double precision",
               [KT_COLUMN_TEXT]  = "text",
               [KT_COLUMN_TIME]  = "timestamptz",
               [KT_COLUMN_REALS] = "real[]",
               [KT_COLUMN_TEXTS] = "text[]",
               [KT_COLUMN_JSON]  = "jsonb"},
    .base   = "job bigint NOT NULL, run bigint NOT NULL, stored_at timestamptz NOT NULL, file_path text NOT NULL",
    .end    = ", CONSTRAINT feature_rows_once PRIMARY KEY (job, run))",
    .path_index =
        "CREATE INDEX IF NOT EXISTS features_latest ON feature_rows (hashtextextended(file_path, 0), stored_at, job,"
        " run); DROP INDEX IF EXISTS features_path",
    .same_path = "hashtextextended(n.file_path, 0) = hashtextextended(f.file_path, 0) AND n.file_path = f.file_path",
    .comments  = true,
    .replaces  = true,
};

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

static kt_err_t
check_filled(kt_pg_t *self, char why[KT_LEDGER_WHY])
{
    PGresult *answer = NULL;
    kt_err_t  err  = kt_pg_simple(self, "SELECT least(done, vectors_done) FROM feature_state", KT_PG_CALL_MS, &answer);
    bool      done = !err && PQntuples(answer) == 1 && *value(answer, 0, 0) == '1';
    PQclear(answer);
    if (err)
        snprintf(why, KT_LEDGER_WHY, "the schema cannot be read: %.300s", self->sql.why);
    else if (!done)
        snprintf(why, KT_LEDGER_WHY, "the migration of the database was interrupted: run `kithara db migrate` again");
    return err ? err : done ? KT_OK : KT_ESCHEMA;
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
        return self->filling ? KT_OK : check_filled(self, why);
    snprintf(why, KT_LEDGER_WHY, "the database %s: run `kithara db migrate`",
             there && missing < ALL.n ? "has an older schema" : "has no ledger yet");
    return KT_ESCHEMA;
}

// On this very connection, which holds the lock.
static kt_err_t
fill(kt_pg_t *self)
{
    uint64_t filled = 0;
    self->filling   = true;
    kt_err_t err    = kt_pg_settle(self);
    return err ? err : kt_sql_fill_features(&self->sql, &filled);
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
        err = kt_sql_feature_columns(&self->sql, &FEATURES, why);
    if (!err)
        err = fill(self);
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
    free(self->features_put);
    free(self->sql.features);
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

// Adds the names of what the migrations create with that word, quoted and separated by commas.
static void
add_names(kt_buf_t *sql, const char *word)
{
    const size_t length = strlen(word);
    for (size_t i = 0; i < ALL.n; i++)
        for (const char *at = ALL.at[i].text; (at = strstr(at, word));) {
            at += length;
            kt_buf_fmt(sql, "'%.*s',", (int)strcspn(at, "(; \n"), at);
        }
}

// Of what describes the schema a coordinator only reads; the migrations create all but feature_rows.
static kt_err_t
ask_rights(kt_pg_t *self, PGresult **answer)
{
    kt_buf_t sql;
    kt_buf_init(&sql, 64 << 10);
    kt_buf_str(&sql, "SELECT string_agg(DISTINCT p, ', '), string_agg(DISTINCT relname, ', ') FROM (SELECT p, c.relname"
                     " FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p WHERE c.relnamespace ="
                     " current_schema()::regnamespace AND c.relkind = 'r' AND c.relname IN (");
    add_names(&sql, "CREATE TABLE ");
    kt_buf_str(&sql, "'schema_migrations', 'feature_rows') AND (p = 'SELECT' OR c.relname NOT IN ('schema_migrations',"
                     " 'feature_columns', 'feature_state')) AND NOT has_table_privilege(c.oid, p)"
                     " UNION ALL SELECT 'USAGE', c.relname FROM pg_class c WHERE c.relnamespace ="
                     " current_schema()::regnamespace AND c.relkind = 'S' AND c.relname IN (");
    add_names(&sql, "CREATE SEQUENCE ");
    kt_buf_str(&sql, "'') AND NOT has_sequence_privilege(c.oid, 'USAGE')) AS m");
    kt_err_t err = sql.err ? sql.err : kt_pg_simple(self, sql.bytes, KT_PG_CALL_MS, answer);
    kt_buf_fini(&sql);
    return err;
}

kt_err_t
kt_ledger_postgres_rights(const char *url, char why[KT_LEDGER_WHY])
{
    kt_pg_t  *self   = NULL;
    PGresult *answer = NULL;
    kt_err_t  err    = open_bare(&self, url, true, why);
    if (err)
        return err;
    err = kt_pg_connect(self);
    if (!err)
        err = ask_rights(self, &answer);
    if (err)
        snprintf(why, KT_LEDGER_WHY, "DATABASE_URL: %.400s", self->sql.why);
    else if (PQntuples(answer) == 1 && *value(answer, 0, 0)) {
        snprintf(why, KT_LEDGER_WHY,
                 "this user has no right to %s of %.200s: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES and USAGE "
                 "ON ALL SEQUENCES of the schema",
                 value(answer, 0, 0), value(answer, 0, 1));
        err = KT_EACCESS;
    }
    PQclear(answer);
    close_bare(self);
    return err;
}

kt_err_t
kt_ledger_postgres_clock(const char *url, int64_t *wall_ms, char why[KT_LEDGER_WHY])
{
    kt_pg_t  *self   = NULL;
    PGresult *answer = NULL;
    kt_err_t  err    = open_bare(&self, url, false, why);
    if (err)
        return err;
    err = kt_pg_connect(self);
    if (!err)
        err =
            kt_pg_simple(self, "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint", KT_PG_CALL_MS, &answer);
    if (!err)
        err = kt_text_to_i64(value(answer, 0, 0), 0, INT64_MAX, wall_ms);
    if (err)
        snprintf(why, KT_LEDGER_WHY, "DATABASE_URL: %.400s", self->sql.why);
    PQclear(answer);
    close_bare(self);
    return err;
}
