// kt_table -- rows of JSON objects as a table for people, or as CSV or JSON for programs. The columns are data: a
// title, the member it shows (a dotted path; "mfcc[0]" an element), how it is written, and whether only the wide form
// has it. One thread.
#pragma once

#include "common/json.h"
#include "coordinator/cli/cli.h"

#include <stdio.h>

typedef enum kt_cell {
    KT_CELL_TEXT,
    KT_CELL_PATH,  // text whose end matters: cut in front
    KT_CELL_INT,
    KT_CELL_REAL,     // four significant digits
    KT_CELL_FIXED1,   // one decimal
    KT_CELL_FIXED2,   // two decimals
    KT_CELL_FIXED4,   // four decimals
    KT_CELL_SECONDS,  // 1.2 s, 3 min 04 s, 2 h 10 min
    KT_CELL_MS,       // milliseconds shown as seconds
    KT_CELL_CLOCK,    // seconds as m:ss
} kt_cell_t;

typedef struct kt_column {
    const char *title;
    const char *member;
    kt_cell_t   cell;
    bool        wide;
} kt_column_t;

typedef struct kt_table kt_table_t;

// The columns are borrowed. TABLE and WIDE hold their rows until end, to know the widths; CSV and JSON write at once.
KT_MUST_USE kt_err_t kt_table_new(kt_table_t **self_p, kt_format_t format, bool color, const kt_column_t *columns,
                                  size_t n);
void                 kt_table_row(kt_table_t *self, const json_t *row);
kt_err_t             kt_table_end(kt_table_t *self, FILE *out);  // writes what is held
void                 kt_table_destroy(kt_table_t **self_p);

// A list from the API: `member` of the answer holds the rows. JSON writes the answer itself.
int kt_table_list(const kt_cli_t *cli, const json_t *answer, const char *member, const kt_column_t *columns, size_t n);
// One object as "title  value" lines. JSON writes the object, CSV a header and a row.
int kt_table_object(const kt_cli_t *cli, const json_t *object, const kt_column_t *columns, size_t n);

// "3 min 04 s" of seconds into out (at least 32 bytes); returns out.
const char *kt_table_seconds(char out[32], double seconds);
