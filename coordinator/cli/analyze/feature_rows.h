// kt_feature_rows -- output messages as flat rows for tables and CSV: one number or text per member. The columns are
// those of a ledger's features (proto/columns.h), with the same names; a list of known length has a column per entry
// ("mfcc_1"
// ...), other lists and objects have none but "warnings". One thread.
#pragma once

#include "coordinator/cli/table.h"

typedef struct kt_feature_rows kt_feature_rows_t;

// cli is borrowed: its settings, and which columns of CSV are wanted.
KT_MUST_USE kt_err_t kt_feature_rows_new(kt_feature_rows_t **self_p, const kt_cli_t *cli);
void                 kt_feature_rows_destroy(kt_feature_rows_t **self_p);
// document: an output message. NULL when out of memory; kt_json_free the row.
json_t *kt_feature_row(const kt_feature_rows_t *self, const json_t *document);
// A table of these columns, behind `before`, with what --units and --all-columns ask for. columns and units: the
// caller's memory, as long as the table.
enum { KT_FEATURE_ROWS_MAX = 1200 };
KT_MUST_USE kt_err_t kt_feature_rows_table(const kt_feature_rows_t *self, kt_format_t format, const kt_column_t *before,
                                           size_t n_before, kt_table_t **out, kt_column_t columns[KT_FEATURE_ROWS_MAX],
                                           const char *units[KT_FEATURE_ROWS_MAX]);
