// How PostgreSQL reads a row of feature_rows: as a composite value, whose fields are the table's columns in their
// order. Columns that this program does not know, or whose type is another, stay null. Source: PostgreSQL 15,
// src/backend/utils/adt/rowtypes.c (record_recv).
#include "coordinator/ledger/sql/features.h"

#include "coordinator/ledger/postgres/postgres.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

// Numbers of the types in pg_type, which never change.
static const uint32_t OIDS[KT_COLUMN_TYPES] = {
    [KT_COLUMN_BOOL] = 16,   [KT_COLUMN_INT] = 20,     [KT_COLUMN_REAL] = 701,   [KT_COLUMN_TEXT] = 25,
    [KT_COLUMN_TIME] = 1184, [KT_COLUMN_REALS] = 1021, [KT_COLUMN_TEXTS] = 1009, [KT_COLUMN_JSON] = 3802,
};

static const char COLUMNS[] =
    "SELECT c.reltype::bigint, a.attname, a.atttypid::bigint FROM pg_attribute a JOIN pg_class c"
    " ON c.oid = a.attrelid WHERE c.oid = 'feature_rows'::regclass AND a.attnum > 0"
    " AND NOT a.attisdropped ORDER BY a.attnum";

static int
field_of(const char *name, uint32_t type)
{
    if (strcmp(name, "job") == 0)
        return KT_FIELD_JOB;
    if (strcmp(name, "run") == 0)
        return KT_FIELD_RUN;
    if (strcmp(name, "stored_at") == 0)
        return KT_FIELD_STORED_AT;
    int column = kt_sql_feature_column(name);
    return column >= 0 && OIDS[kt_column_type((size_t)column)] == type ? column : KT_FIELD_NULL;
}

// The row's own columns but the path, which is the input's.
static void
add_statement(kt_buf_t *out, const PGresult *columns)
{
    for (int values = 0; values < 2; values++) {
        kt_buf_str(out, values ? ") SELECT i.file_path" : "INSERT INTO feature_rows(file_path");
        for (int i = 0; i < PQntuples(columns); i++)
            if (strcmp(PQgetvalue(columns, i, 1), "file_path") != 0)
                kt_buf_fmt(out, ", %s\"%s\"", values ? "u." : "", PQgetvalue(columns, i, 1));
    }
    kt_buf_str(out, " FROM unnest($1::feature_rows[]) AS u JOIN inputs i ON i.job = u.job");
}

kt_err_t
kt_pg_read_features(kt_pg_t *self)
{
    PGresult          *answer   = NULL;
    kt_sql_features_t *features = self->sql.features ? self->sql.features : calloc(1, sizeof *features);
    kt_buf_t           sql;
    if (!features)
        return KT_ENOMEM;
    self->sql.features = features;
    kt_buf_init(&sql, 256 << 10);
    kt_err_t err = kt_pg_simple(self, COLUMNS, KT_PG_CALL_MS, &answer);
    if (!err && (!PQntuples(answer) || PQntuples(answer) > KT_SQL_FIELDS))
        err = KT_ESCHEMA;
    if (!err) {
        *features = (kt_sql_features_t){.row_type = (uint32_t)strtoul(PQgetvalue(answer, 0, 0), NULL, 10),
                                        .n        = (size_t)PQntuples(answer)};
        for (size_t i = 0; i < features->n; i++) {
            features->fields[i].type   = (uint32_t)strtoul(PQgetvalue(answer, (int)i, 2), NULL, 10);
            features->fields[i].column = field_of(PQgetvalue(answer, (int)i, 1), features->fields[i].type);
        }
        add_statement(&sql, answer);
        free(self->features_put);
        self->features_put = kt_buf_take(&sql, NULL);
        err                = self->features_put ? KT_OK : KT_ENOMEM;
    }
    PQclear(answer);
    kt_buf_fini(&sql);
    return err;
}
