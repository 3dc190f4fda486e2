// kt_ledger_open -- opens the ledger that DATABASE_URL names. The contract is coordinator/ledger/ledger.h.
#pragma once

#include "coordinator/ledger/ledger.h"

// DATABASE_URL: "postgresql://...", "sqlite:PATH", "memory:" or "" (ledger.sqlite in the state folder).
// writer: SQLite takes the exclusive lock of the file and creates the schema if it is missing (KT_ELOCKED, with the
// remedy in why); PostgreSQL needs an existing schema (KT_ESCHEMA: run `kithara db migrate`). Otherwise opens
// read-only.
KT_MUST_USE kt_err_t kt_ledger_open(kt_ledger_t **out, const kt_settings_t *settings, bool writer,
                                    char why[KT_LEDGER_WHY]);
