// kt_columns -- an output message as one row of typed columns: the head of the message, then one column per feature, in
// the order of the feature table. The names are the same in SQL, in CSV and in the message: a feature's own name, with
// its group before it where two groups have a feature of that name ("mood_valence"; not "quality_quality_score", and
// not for the perceptual one). Constant; any thread.
#pragma once

#include "common/json.h"
#include "proto/features.h"

typedef enum kt_column_type {
    KT_COLUMN_BOOL,
    KT_COLUMN_INT,
    KT_COLUMN_REAL,
    KT_COLUMN_TEXT,
    KT_COLUMN_TIME,   // RFC 3339, UTC
    KT_COLUMN_REALS,  // a list of numbers
    KT_COLUMN_TEXTS,  // a list of texts
    KT_COLUMN_JSON,   // an object, or a list of objects
    KT_COLUMN_TYPES
} kt_column_type_t;

// The first columns say how the analysis ended; a ledger writes them from what it knows itself.
enum { KT_COLUMN_SUCCESS, KT_COLUMN_ERROR, KT_COLUMN_ERROR_DETAIL, KT_COLUMN_OF_MESSAGE };
enum { KT_COLUMN_FEATURES = 10 };  // the first of a feature

typedef struct kt_column_desc {
    char             name[KT_FEATURE_KEY];
    kt_column_type_t type;
    kt_feature_t     feature;  // KT_FEATURES: of the head
    const char      *unit, *meaning;
    bool             indexed;  // asked for in ranges: a ledger has an index of it
} kt_column_desc_t;

size_t           kt_columns_count(void);
kt_column_type_t kt_column_type(size_t column);
void             kt_column_describe(size_t column, kt_column_desc_t *out);
// Where a column's value is in the message: names separated by '.', "features.mir.tempo". Returns out.
const char *kt_column_path(size_t column, char *out, size_t capacity);
// The column's name of a feature. Returns out.
const char *kt_column_name(kt_feature_t feature, char out[KT_FEATURE_KEY]);

// A parsed message whose groups have been found. Borrows the message.
typedef struct kt_columns_view {
    const json_t *document, *tags, *groups[KT_GROUPS];
} kt_columns_view_t;
void kt_columns_view_of(const json_t *document, kt_columns_view_t *out);  // document: NULL: every column is null
// The value of a column, of its type; NULL: null, missing, or not what the feature table permits (another type, out of
// range, too long), so that one odd value costs no other. Valid as long as the message.
const json_t *kt_columns_value(const kt_columns_view_t *self, size_t column);
