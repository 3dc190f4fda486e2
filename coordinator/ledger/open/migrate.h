// ledger_migrate -- the schema of a ledger beside the program's: what `kithara db` shows and does. PostgreSQL has
// numbered migrations, embedded from coordinator/migrations; a SQLite ledger has one schema, made by its first writer.
#pragma once

#include "coordinator/ledger/ledger.h"

enum { KT_MIGRATION_NAME = 64 };
typedef enum kt_migration_state {
    KT_MIGRATION_APPLIED,
    KT_MIGRATION_MISSING,
    KT_MIGRATION_CHANGED,  // what was applied is not what this program has
    KT_MIGRATION_NEWER,    // applied by a later program; this one does not know it
} kt_migration_state_t;

typedef struct kt_migration_row {
    int64_t              number;
    char                 name[KT_MIGRATION_NAME];
    kt_migration_state_t state;
    int64_t              applied_ms;               // 0: not applied, or not known
    char                 checksum[KT_DIGEST_HEX];  // SHA-256 of its text; "" where there is none
} kt_migration_row_t;

// Both block, for as long as a migration takes. Errors as kt_ledger_open, with a sentence.
// *applied: how many were missing.
KT_MUST_USE kt_err_t kt_ledger_migrate(const kt_settings_t *settings, size_t *applied, char why[KT_LEDGER_WHY]);
// *rows: malloc'ed, the caller's.
KT_MUST_USE kt_err_t kt_ledger_schema(const kt_settings_t *settings, kt_migration_row_t **rows, size_t *n,
                                      char why[KT_LEDGER_WHY]);
