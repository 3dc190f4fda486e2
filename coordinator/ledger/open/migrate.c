#include "coordinator/ledger/open/migrate.h"

#include "coordinator/ledger/open/open.h"
#include "coordinator/ledger/postgres/schema.h"
#include "coordinator/ledger/sqlite/sqlite.h"

#include <stdio.h>
#include <string.h>

static bool
is_postgres(const kt_settings_t *settings)
{
    return strncmp(settings->database_url, "postgres:", 9) == 0 ||
           strncmp(settings->database_url, "postgresql:", 11) == 0;
}

kt_err_t
kt_ledger_migrate(const kt_settings_t *settings, size_t *applied, char why[KT_LEDGER_WHY])
{
    kt_ledger_t *ledger = NULL;
    if (is_postgres(settings))
        return kt_ledger_postgres_migrate(settings->database_url, applied, why);
    kt_err_t err = kt_ledger_open(&ledger, settings, false, why);
    *applied     = 0;
    if (err == KT_ENOTFOUND || err == KT_ESCHEMA) {
        err = kt_ledger_open(&ledger, settings, true, why);
        if (!err)
            *applied = ((const kt_sqlite_t *)ledger)->migrated;
    }
    kt_ledger_close(&ledger);
    return err;
}

kt_err_t
kt_ledger_schema(const kt_settings_t *settings, kt_migration_row_t **rows, size_t *n, char why[KT_LEDGER_WHY])
{
    kt_ledger_t *ledger = NULL;
    if (is_postgres(settings))
        return kt_ledger_postgres_status(settings->database_url, rows, n, why);
    *rows = NULL;
    *n    = 0;
    if (strcmp(settings->database_url, "memory:") == 0)
        return KT_OK;  // it has no schema
    kt_err_t err = kt_ledger_open(&ledger, settings, false, why);
    if (!err || err == KT_ENOTFOUND)
        err = kt_ledger_sqlite_status(ledger, rows, n);
    kt_ledger_close(&ledger);
    return err;
}

kt_err_t
kt_ledger_backup(const kt_settings_t *settings, const char *file, char why[KT_LEDGER_WHY])
{
    kt_ledger_t *ledger = NULL;
    if (is_postgres(settings) || strcmp(settings->database_url, "memory:") == 0) {
        snprintf(why, KT_LEDGER_WHY, "only a SQLite ledger is a file; copy PostgreSQL with pg_dump");
        return KT_ENOTYET;
    }
    kt_err_t err = kt_ledger_open(&ledger, settings, false, why);
    if (!err)
        err = kt_ledger_sqlite_backup(ledger, file, why);
    kt_ledger_close(&ledger);
    return err;
}
