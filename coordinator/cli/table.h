// kt_table -- rows of JSON objects as a table for people, or as CSV, JSON or JSON lines for programs. A column is data:
// title, member (a dotted path; "mfcc[0]": an element), format, and whether only the wide form shows it. One thread.
#pragma once

#include "common/json.h"
#include "coordinator/cli/cli.h"

#include <stdio.h>

typedef enum kt_cell {
    KT_CELL_TEXT,
    KT_CELL_PATH,  // text truncated at its start, unless two would look alike
    KT_CELL_FILE,  // as PATH, without the folders that all rows have in common
    KT_CELL_INT,
    KT_CELL_REAL,      // four significant digits
    KT_CELL_FIXED1,    // one decimal
    KT_CELL_FIXED2,    // two decimals
    KT_CELL_FIXED4,    // four decimals
    KT_CELL_SECONDS,   // 1.2 s, 3 min 04 s, 2 h 10 min
    KT_CELL_MS,        // milliseconds shown as seconds
    KT_CELL_CLOCK,     // seconds as m:ss
    KT_CELL_LEFT_OUT,  // an object of counts by kind of name as "3 playlists, 1 image"
} kt_cell_t;

typedef struct kt_column {
    const char *title;
    const char *member;
    kt_cell_t   cell;
    bool        wide;
} kt_column_t;

typedef struct kt_table kt_table_t;

// The columns are borrowed. TABLE and WIDE store a block of rows, as their widths must be known; the other formats
// write at once.
KT_MUST_USE kt_err_t kt_table_new(kt_table_t **self_p, kt_format_t format, bool color, const kt_column_t *columns,
                                  size_t n);
// CSV: columns without a value in any row are left out, for which the rows are kept until the end, in a temporary file.
// KT_EIO, KT_EDISK.
KT_MUST_USE kt_err_t kt_table_leave_out_empty(kt_table_t *self);
// CSV: a second line of the header, with the unit of each column. Borrowed.
void kt_table_units(kt_table_t *self, const char *const *units);
void kt_table_row(kt_table_t *self, const json_t *row);
// A row that is JSON already, for JSON and JSONL; written byte for byte.
void     kt_table_text(kt_table_t *self, const char *json, size_t length);
kt_err_t kt_table_end(kt_table_t *self, FILE *out);  // writes the stored rows
void     kt_table_destroy(kt_table_t **self_p);

// Prints a list from the API: `member` of the response contains the rows. The columns of a repeated view
// (cli->watch) keep to the terminal.
int kt_table_list(const kt_cli_t *cli, const json_t *answer, const char *member, const kt_column_t *columns, size_t n);
// Prints one object as "title  value" lines; JSON prints the object, CSV a header and a row.
int kt_table_object(const kt_cli_t *cli, const json_t *object, const kt_column_t *columns, size_t n);

// Cuts a line, between characters, to this width on a terminal.
void kt_table_cut(char *line, size_t columns);
// "3 min 04 s" of seconds into out (at least 32 bytes); returns out.
const char *kt_table_seconds(char out[32], double seconds);
