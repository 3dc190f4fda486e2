// kt_sql_features -- rows of typed features (proto/columns.h), written in the commit of their result. The table
// feature_rows has one row per failure and per result with features; its columns follow the feature table: the writer
// that opens a ledger adds what is missing. A success without any feature (no-op work) has a row only if its path has
// others, which are then not its latest. The views `features` (the latest row of each path) and `features_history`
// (all) are made of it. The table vectors has the vectors for `similar` (ledger/vectors.h). Private to ledger/ and to
// tests. One thread.
#pragma once

#include "coordinator/ledger/sql/messages.h"
#include "coordinator/ledger/sql/migrate.h"
#include "coordinator/ledger/sql/sql.h"
#include "proto/columns.h"

enum { KT_SQL_FIELDS = 480 };  // columns of feature_rows at most

// What a field of a row holds, if it is no column of proto/columns.h.
enum { KT_FIELD_NULL = -1, KT_FIELD_JOB = -2, KT_FIELD_RUN = -3, KT_FIELD_STORED_AT = -4 };

// The fields of a row in the order in which the database reads them.
struct kt_sql_features {
    uint32_t row_type;  // the database's number of the type of feature_rows; 0 for SQLite
    bool     texts;     // times, lists and JSON are texts, and booleans are integers
    size_t   n;
    struct {
        uint32_t type;
        int      column;
    } fields[KT_SQL_FIELDS];
};

// How a database writes the table. Texts are constant.
typedef struct kt_sql_feature_dialect {
    const char *begin, *commit;
    const char *types[KT_COLUMN_TYPES];
    const char *base, *end;  // the columns before those of the table; what follows the last column
    const char *path_index;  // makes the index that finds the rows of a path, where it is missing
    const char *same_path;   // that rows n and f are of one path, so that the index serves it
    bool        comments;    // COMMENT ON COLUMN
    bool        replaces;    // CREATE OR REPLACE VIEW keeps what readers were granted
} kt_sql_feature_dialect_t;

// columns.c. The table and its views as this program's feature table has them: makes the table, adds columns, indexes
// and comments, one transaction. Under the migration lock. KT_ESCHEMA (a column has another type), KT_EIO, KT_EDISK.
KT_MUST_USE kt_err_t kt_sql_feature_columns(kt_sql_t *self, const kt_sql_feature_dialect_t *dialect,
                                            char why[KT_LEDGER_WHY]);
// The column of that name; KT_FIELD_NULL: none of this program's.
int kt_sql_feature_column(const char *name);

// features.c: what is marked as stored into the writing pipeline.
void kt_sql_put_features(kt_sql_t *self, const kt_sql_messages_t *messages);
void kt_sql_put_vectors(kt_sql_t *self, const kt_sql_messages_t *messages);  // no two of one job

// fill.c
// Rows and vectors for the results that an older program stored, in bounded steps of one commit each; a step that was
// interrupted is repeated. The statements are prepared. *filled: how many.
KT_MUST_USE kt_err_t kt_sql_fill_features(kt_sql_t *self, uint64_t *filled);
