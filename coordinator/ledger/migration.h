// kt_migration_row -- one numbered migration of a ledger's schema, as `kithara db status` shows it. Plain values.
#pragma once

#include "common/digest.h"

#include <stdint.h>

enum { KT_MIGRATION_NAME = 64 };
typedef enum kt_migration_state {
    KT_MIGRATION_APPLIED,
    KT_MIGRATION_MISSING,
    KT_MIGRATION_CHANGED,  // what was applied is not what this program has
    KT_MIGRATION_NEWER,    // applied by a later program; unknown to this one
} kt_migration_state_t;

typedef struct kt_migration_row {
    int64_t              number;
    char                 name[KT_MIGRATION_NAME];
    kt_migration_state_t state;
    int64_t              applied_ms;               // 0: not applied, or not known
    char                 checksum[KT_DIGEST_HEX];  // SHA-256 of its text; "" where there is none
} kt_migration_row_t;
