// kt_sql_migrations -- numbered migrations within the program, and which of them a database has: rows of the table
// schema_migrations with the SHA-256 of each text. Before anything is prepared, outside of a call.
#pragma once

#include "coordinator/ledger/migration.h"
#include "coordinator/ledger/sql/sql.h"

typedef struct kt_sql_migration {
    int64_t     number;
    const char *name, *text;
} kt_sql_migration_t;
typedef struct kt_sql_migrations {
    const kt_sql_migration_t *at;
    size_t                    n;
    const char               *begin, *commit;  // of the transaction around each
} kt_sql_migrations_t;
// Nothing applied may be unknown to this program or known with another text; *missing: how many are not applied.
// KT_ESCHEMA and a sentence.
kt_err_t kt_sql_check_migrations(kt_sql_t *self, const kt_sql_migrations_t *all, size_t *missing,
                                 char why[KT_LEDGER_WHY]);
// Applies what is missing, each in one transaction; the caller keeps others away. KT_ESCHEMA, KT_EIO, KT_EDISK.
kt_err_t kt_sql_migrate(kt_sql_t *self, const kt_sql_migrations_t *all, size_t *applied, char why[KT_LEDGER_WHY]);
// Those of the program, then those only the database has; *rows: malloc'ed, the caller's.
kt_err_t kt_sql_migration_rows(kt_sql_t *self, const kt_sql_migrations_t *all, kt_migration_row_t **rows, size_t *n);
