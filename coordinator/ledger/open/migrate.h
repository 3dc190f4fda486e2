// ledger_migrate -- the schema of a ledger beside the program's: what `kithara db` shows and does. PostgreSQL has
// numbered migrations, embedded from coordinator/migrations; a SQLite ledger has one schema, made by its first writer.
#pragma once

#include "coordinator/ledger/ledger.h"
#include "coordinator/ledger/migration.h"

// Both block, for as long as a migration takes. Errors as kt_ledger_open, with a sentence.
// *applied: how many were missing.
KT_MUST_USE kt_err_t kt_ledger_migrate(const kt_settings_t *settings, size_t *applied, char why[KT_LEDGER_WHY]);
// *rows: malloc'ed, the caller's.
KT_MUST_USE kt_err_t kt_ledger_schema(const kt_settings_t *settings, kt_migration_row_t **rows, size_t *n,
                                      char why[KT_LEDGER_WHY]);
// A copy of a SQLite ledger while its coordinator works, as a new file. KT_ENOTYET for others; with a sentence.
KT_MUST_USE kt_err_t kt_ledger_backup(const kt_settings_t *settings, const char *file, char why[KT_LEDGER_WHY]);
