// The schema of a SQLite ledger: made by its first writer, brought up to date by each.
#include "coordinator/ledger/sql/features.h"
#include "coordinator/ledger/sql/migrate.h"
#include "coordinator/ledger/sqlite/sqlite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const kt_sql_migration_t MIGRATIONS[] = {
#define KT_MIGRATION(number, name, text) {number, name, text},
#include "coordinator/migrations_sqlite.inc"
#undef KT_MIGRATION
};
static const kt_sql_migrations_t ALL = {MIGRATIONS, sizeof MIGRATIONS / sizeof *MIGRATIONS, "BEGIN IMMEDIATE",
                                        "COMMIT"};

// STRICT tables have these types; a boolean is 0 or 1, lists and objects are JSON, times RFC 3339 in UTC.
static const kt_sql_feature_dialect_t FEATURES = {
    .begin      = "BEGIN IMMEDIATE",
    .commit     = "COMMIT",
    .types      = {[KT_COLUMN_BOOL]  = "INTEGER",
                   [KT_COLUMN_INT]   = "INTEGER",
                   [KT_COLUMN_REAL]  = "REAL",
                   [KT_COLUMN_TEXT]  = "TEXT",
                   [KT_COLUMN_TIME]  = "TEXT",
                   [KT_COLUMN_REALS] = "TEXT",
                   [KT_COLUMN_TEXTS] = "TEXT",
                   [KT_COLUMN_JSON]  = "TEXT"},
    .base       = "job INTEGER NOT NULL, run INTEGER NOT NULL, stored_at TEXT NOT NULL, file_path TEXT NOT NULL",
    .end        = ", UNIQUE (job, run)) STRICT",
    .path_index = "CREATE INDEX IF NOT EXISTS features_path ON feature_rows(file_path, stored_at, job, run)",
    .same_path  = "n.file_path = f.file_path",
};

static kt_err_t
explain_unreadable(const kt_sqlite_t *self, kt_err_t err, char why[KT_LEDGER_WHY])
{
    if (err == KT_ESTATE)
        snprintf(why, KT_LEDGER_WHY,
                 "'%.200s' is damaged or no SQLite file (%.80s): restore it from a copy, or move it away", self->path,
                 self->sql.why);
    else
        snprintf(why, KT_LEDGER_WHY, "the ledger '%.200s' cannot be read (%s: %.80s): look at the disk and its rights",
                 self->path, kt_err_text(err), self->sql.why);
    return err;
}

static void
keep_number(void *context, int columns, char **values)
{
    (void)columns;
    *(int64_t *)context = strtoll(values[0], NULL, 10);
}

static kt_err_t
read_number(kt_sqlite_t *self, const char *sql, int64_t *out)
{
    *out = 0;
    return self->sql.driver->plain(&self->sql, sql, keep_number, out);
}

// Durability for a power cut (synchronous=FULL), a write-ahead log so that readers never stop the writer. The log is
// copied back by watch.c alone and is cut to 64 MiB when a long reading, such as an audit, has made it grow.
static const char WRITER_PRAGMAS[] =
    "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864;"
    " PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY;";

static kt_err_t
prepare_writer(kt_sqlite_t *self, bool is_new, char why[KT_LEDGER_WHY])
{
    int64_t  wal = 0;
    kt_err_t err = is_new ? kt_sqlite_exec(self, "PRAGMA page_size = 8192") : KT_OK;
    if (!err)
        err = kt_sqlite_exec(self, "PRAGMA journal_mode = WAL");
    if (!err)
        err = read_number(self, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", &wal);
    if (!err && !wal) {
        snprintf(
            why, KT_LEDGER_WHY,
            "the ledger '%.200s' is on a file system without shared memory (a network one?): put it on a local disk",
            self->path);
        return KT_EIO;
    }
    if (!err)
        err = kt_sqlite_exec(self, WRITER_PRAGMAS);
    return err ? explain_unreadable(self, err, why) : KT_OK;
}

// The statement that writes a row of features: field i is parameter i.
static kt_err_t
prepare_features(kt_sqlite_t *self)
{
    enum { INT8 = 20, FLOAT8 = 701, TEXT_TYPE = 25, BASE = 3 };
    static const uint32_t NUMBERS[KT_COLUMN_TYPES] = {
        [KT_COLUMN_BOOL] = INT8,       [KT_COLUMN_INT] = INT8,       [KT_COLUMN_REAL] = FLOAT8,
        [KT_COLUMN_TEXT] = TEXT_TYPE,  [KT_COLUMN_TIME] = TEXT_TYPE, [KT_COLUMN_REALS] = TEXT_TYPE,
        [KT_COLUMN_TEXTS] = TEXT_TYPE, [KT_COLUMN_JSON] = TEXT_TYPE,
    };
    kt_sql_features_t *features = calloc(1, sizeof *features);
    kt_buf_t           sql, values;
    if (!features)
        return KT_ENOMEM;
    *features =
        (kt_sql_features_t){.texts  = true,
                            .n      = BASE,
                            .fields = {{INT8, KT_FIELD_JOB}, {INT8, KT_FIELD_RUN}, {TEXT_TYPE, KT_FIELD_STORED_AT}}};
    kt_buf_init(&sql, 64 << 10);
    kt_buf_init(&values, 64 << 10);
    kt_buf_str(&sql, "INSERT INTO feature_rows(job, run, stored_at, file_path");
    kt_buf_str(&values, ") VALUES (?1, ?2, ?3, (SELECT file_path FROM inputs WHERE job = ?1)");
    for (size_t i = 0; i < kt_columns_count() && features->n < KT_SQL_FIELDS; i++) {
        kt_column_desc_t column;
        kt_column_describe(i, &column);
        features->fields[features->n].type     = NUMBERS[column.type];
        features->fields[features->n++].column = (int)i;
        kt_buf_fmt(&sql, ", \"%s\"", column.name);
        kt_buf_fmt(&values, ", ?%zu", features->n);
    }
    kt_buf_str(&values, ")");
    kt_buf_add(&sql, values.bytes ? values.bytes : "", values.length);
    self->sql.features = features;
    kt_err_t err       = sql.err ? sql.err : values.err;
    self->features_put = err ? NULL : kt_buf_take(&sql, NULL);
    kt_buf_fini(&sql);
    kt_buf_fini(&values);
    return err;
}

// After the migrations: the columns of the features, and the rows of results that an older program stored.
static kt_err_t
bring_features(kt_sqlite_t *self, char why[KT_LEDGER_WHY])
{
    uint64_t filled = 0;
    kt_err_t err    = kt_sql_feature_columns(&self->sql, &FEATURES, why);
    if (!err)
        err = prepare_features(self);
    if (!err)
        err = kt_sql_fill_features(&self->sql, &filled);
    if (err && !*why)
        return explain_unreadable(self, err, why);
    return err;
}

kt_err_t
kt_sqlite_schema(kt_sqlite_t *self, char why[KT_LEDGER_WHY])
{
    int64_t  tables = 0, ours = 0;
    kt_err_t err = read_number(self, "SELECT count(*) FROM sqlite_schema", &tables);
    if (!err)
        err = read_number(self, "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migrations'", &ours);
    if (err)
        return explain_unreadable(self, err, why);
    if (tables && !ours) {
        snprintf(why, KT_LEDGER_WHY, "'%.200s' is a database of another program: name another file in DATABASE_URL",
                 self->path);
        return KT_ESCHEMA;
    }
    if (!self->sql.writer && !tables) {
        snprintf(why, KT_LEDGER_WHY, "the ledger '%.200s' is empty: start a coordinator on it first", self->path);
        return KT_ENOTFOUND;
    }
    if (!self->sql.writer) {
        size_t missing = 0;
        err            = kt_sql_check_migrations(&self->sql, &ALL, &missing, why);
        if (err || !missing)
            return err;
        snprintf(why, KT_LEDGER_WHY, "the ledger '%.200s' has an older schema: start a coordinator on it first",
                 self->path);
        return KT_ESCHEMA;
    }
    if ((err = prepare_writer(self, !tables, why)))
        return err;
    why[0] = '\0';
    err    = kt_sql_migrate(&self->sql, &ALL, &self->migrated, why);
    if (err)
        return !*why ? explain_unreadable(self, err, why) : err;
    return bring_features(self, why);
}

kt_err_t
kt_ledger_sqlite_status(kt_ledger_t *ledger, kt_migration_row_t **rows, size_t *n)
{
    return kt_sql_migration_rows((kt_sql_t *)ledger, &ALL, rows, n);
}
