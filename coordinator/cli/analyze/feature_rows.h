// kt_feature_rows -- output messages as flat rows for tables and CSV: one number or text per member. The columns come
// from the feature table; a list of known length has a column per entry ("mfcc_1" ...), and a name that occurs in two
// groups is prefixed with its group ("mood_valence"). One thread.
#pragma once

#include "common/settings.h"
#include "coordinator/cli/table.h"

typedef struct kt_feature_rows kt_feature_rows_t;

KT_MUST_USE kt_err_t kt_feature_rows_new(kt_feature_rows_t **self_p, const kt_settings_t *settings);
void                 kt_feature_rows_destroy(kt_feature_rows_t **self_p);
// For a terminal: the most informative ones. For CSV: all of them. Owned by self or constant.
const kt_column_t *kt_feature_rows_columns(const kt_feature_rows_t *self, kt_format_t format, size_t *n);
// document: an output message. NULL when out of memory; kt_json_free the row.
json_t *kt_feature_row(const kt_feature_rows_t *self, const json_t *document);
