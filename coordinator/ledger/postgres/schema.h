// The schema of the PostgreSQL ledger: numbered migrations within the program, and what of them a database has. Used by
// `kithara db` and by the ledger when it connects.
#pragma once

#include "coordinator/ledger/ledger.h"
#include "coordinator/ledger/migration.h"

typedef struct kt_pg kt_pg_t;

// The session's database has what this program needs: KT_ESCHEMA and a sentence if not, KT_EIO. Before the pipeline.
KT_MUST_USE kt_err_t kt_pg_check_schema(kt_pg_t *self, char why[KT_LEDGER_WHY]);

// Applies what is missing, each migration in a transaction of its own, under a lock; then the columns of the features,
// and the rows of results that an older program stored. *applied: how many migrations. KT_ESCHEMA (changed or newer),
// KT_EAUTH, KT_EUNREACHABLE, KT_EIO, KT_EDISK.
KT_MUST_USE kt_err_t kt_ledger_postgres_migrate(const char *url, size_t *applied, char why[KT_LEDGER_WHY]);
// The migrations of this program and of the database, by number; *rows: malloc'ed, the caller's.
KT_MUST_USE kt_err_t kt_ledger_postgres_status(const char *url, kt_migration_row_t **rows, size_t *n,
                                               char why[KT_LEDGER_WHY]);

// Whether a coordinator's user may work: connects as one, so that a read-only server is refused, and asks for the
// rights on the ledger's tables and sequences. KT_OK; KT_EACCESS: why names what is missing; or of the connection.
KT_MUST_USE kt_err_t kt_ledger_postgres_rights(const char *url, char why[KT_LEDGER_WHY]);
KT_MUST_USE kt_err_t kt_ledger_postgres_clock(const char *url, int64_t *wall_ms, char why[KT_LEDGER_WHY]);
