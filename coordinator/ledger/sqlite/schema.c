// The schema of a SQLite ledger: made by its first writer, brought up to date by each.
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
// copied back each 32 MiB (4096 pages; four times as many were no faster) and is cut to 64 when a long reading, such as
// an audit, has made it grow.
static const char WRITER_PRAGMAS[] =
    "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4096; PRAGMA journal_size_limit = 67108864;"
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
    return err && !*why ? explain_unreadable(self, err, why) : err;
}

kt_err_t
kt_ledger_sqlite_status(kt_ledger_t *ledger, kt_migration_row_t **rows, size_t *n)
{
    return kt_sql_migration_rows((kt_sql_t *)ledger, &ALL, rows, n);
}
