#include "coordinator/ledger/open/migrate.h"

#include "coordinator/ledger/open/open.h"
#include "coordinator/ledger/postgres/schema.h"
#include "coordinator/ledger/sqlite/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
is_postgres(const kt_settings_t *settings)
{
    return strncmp(settings->database_url, "postgres:", 9) == 0 ||
           strncmp(settings->database_url, "postgresql:", 11) == 0;
}

// A SQLite ledger has its schema, or cannot be opened.
static kt_err_t
open_embedded(const kt_settings_t *settings, bool writer, char why[KT_LEDGER_WHY])
{
    kt_ledger_t *ledger = NULL;
    kt_err_t     err    = kt_ledger_open(&ledger, settings, writer, why);
    kt_ledger_close(&ledger);
    return err;
}

kt_err_t
kt_ledger_migrate(const kt_settings_t *settings, size_t *applied, char why[KT_LEDGER_WHY])
{
    if (is_postgres(settings))
        return kt_ledger_postgres_migrate(settings->database_url, applied, why);
    bool     there = open_embedded(settings, false, why) == KT_OK;
    kt_err_t err   = there ? KT_OK : open_embedded(settings, true, why);
    if (!err)
        *applied = !there;
    return err;
}

kt_err_t
kt_ledger_schema(const kt_settings_t *settings, kt_migration_row_t **rows, size_t *n, char why[KT_LEDGER_WHY])
{
    if (is_postgres(settings))
        return kt_ledger_postgres_status(settings->database_url, rows, n, why);
    kt_err_t            err = open_embedded(settings, false, why);
    kt_migration_row_t *row = err && err != KT_ENOTFOUND ? NULL : calloc(1, sizeof *row);
    if (err && err != KT_ENOTFOUND)
        return err;
    if (!row)
        return KT_ENOMEM;
    row->number = kt_sqlite_schema_number();
    row->state  = err ? KT_MIGRATION_MISSING : KT_MIGRATION_APPLIED;
    snprintf(row->name, sizeof row->name, "embedded");
    *rows = row;
    *n    = 1;
    return KT_OK;
}
