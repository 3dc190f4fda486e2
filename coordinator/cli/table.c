#include "coordinator/cli/table.h"

#include "common/media_names.h"
#include "common/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

// Table cells are stored as text, row by row, until the widths are known; CSV and JSON rows are written at once, so
// long lists need no memory.
enum { CELL_MAX = 4200, COLUMNS_MAX = 400, NARROW_PATH = 48 };

struct kt_table {
    kt_format_t        format;
    bool               color, began;
    const kt_column_t *columns;
    size_t             n_columns;
    size_t             shown[COLUMNS_MAX];  // indices of the columns in this format
    size_t             n_shown;
    char             **cells;
    size_t             n_cells, capacity;
    kt_err_t           err;
};

kt_err_t
kt_table_new(kt_table_t **self_p, kt_format_t format, bool color, const kt_column_t *columns, size_t n)
{
    kt_table_t *self = calloc(1, sizeof *self);
    if (!self || n > COLUMNS_MAX) {
        free(self);
        return KT_ENOMEM;
    }
    *self = (kt_table_t){.format = format, .color = color, .columns = columns, .n_columns = n};
    for (size_t i = 0; i < n; i++)
        if (format != KT_FORMAT_TABLE || !columns[i].wide)
            self->shown[self->n_shown++] = i;
    *self_p = self;
    return KT_OK;
}

void
kt_table_destroy(kt_table_t **self_p)
{
    kt_table_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; i < self->n_cells; i++)
        free(self->cells[i]);
    free(self->cells);
    free(self);
    *self_p = NULL;
}

// The value at "a.b.c" or "a.b[2]"; NULL if it is missing.
static const json_t *
find_value(const json_t *row, const char *path)
{
    char part[64];
    for (const json_t *at = row; at;) {
        size_t n = strcspn(path, ".[");
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        at = kt_json_get(at, part);
        path += n;
        if (at && *path == '[') {
            at   = kt_json_at(at, (size_t)strtoul(path + 1, NULL, 10));
            path = strchr(path, ']') + 1;
        }
        if (!*path)
            return at;
        path++;
    }
    return NULL;
}

const char *
kt_table_seconds(char out[32], double seconds)
{
    long whole = (long)seconds;
    if (seconds < 60)
        snprintf(out, 32, "%.1f s", seconds);
    else if (whole < 3600)
        snprintf(out, 32, "%ld min %02ld s", whole / 60, whole % 60);
    else
        snprintf(out, 32, "%ld h %02ld min", whole / 3600, whole / 60 % 60);
    return out;
}

static void
write_number(char out[CELL_MAX], kt_cell_t cell, double value)
{
    char text[32];
    switch (cell) {
    case KT_CELL_INT: snprintf(out, CELL_MAX, "%.0f", value); break;
    case KT_CELL_FIXED1: snprintf(out, CELL_MAX, "%.1f", value); break;
    case KT_CELL_FIXED2: snprintf(out, CELL_MAX, "%.2f", value); break;
    case KT_CELL_FIXED4: snprintf(out, CELL_MAX, "%.4f", value); break;
    case KT_CELL_SECONDS: snprintf(out, CELL_MAX, "%s", kt_table_seconds(text, value)); break;
    case KT_CELL_MS: snprintf(out, CELL_MAX, "%.1f s", value / 1000); break;
    case KT_CELL_CLOCK: snprintf(out, CELL_MAX, "%ld:%02ld", lround(value) / 60, lround(value) % 60); break;
    default: snprintf(out, CELL_MAX, "%.4g", value); break;
    }
}

static void
write_cell(const kt_table_t *self, const kt_column_t *column, const json_t *row, char out[CELL_MAX])
{
    const json_t *value = find_value(row, column->member);
    bool          csv   = self->format == KT_FORMAT_CSV;
    char          text[CELL_MAX];
    double        number;
    if (!value || kt_json_is_null(value))
        snprintf(out, CELL_MAX, "%s", csv ? "" : "-");
    else if (column->cell == KT_CELL_LEFT_OUT && !csv) {
        kt_left_out_t counts;
        kt_left_out_read(&counts, value);
        kt_left_out_text(&counts, text);
        kt_text_copy(out, CELL_MAX, *text ? text : "-");
    } else if (kt_json_number(value, &number) && csv)
        snprintf(out, CELL_MAX, "%.9g", number);
    else if (kt_json_number(value, &number))
        write_number(out, column->cell, number);
    else {
        kt_json_plain(value, text, sizeof text);
        if (!csv)
            kt_text_remove_controls(text);  // a path may contain any bytes
        kt_text_copy(out, CELL_MAX, *text || csv ? text : "-");
    }
}

// CSV by RFC 4180: quoted only where needed.
static void
write_csv_text(FILE *out, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void
write_csv_row(kt_table_t *self, const json_t *row, FILE *out)
{
    char cell[CELL_MAX];
    if (!self->began)
        for (size_t i = 0; i < self->n_shown; i++)
            fprintf(out, "%s%s", self->columns[self->shown[i]].member, i + 1 < self->n_shown ? "," : "\r\n");
    self->began = true;
    for (size_t i = 0; row && i < self->n_shown; i++) {
        write_cell(self, &self->columns[self->shown[i]], row, cell);
        write_csv_text(out, cell);
        fputs(i + 1 < self->n_shown ? "," : "\r\n", out);
    }
}

static void
write_json_row(const json_t *row, FILE *out)
{
    kt_buf_t text;
    kt_buf_init(&text, 64 << 20);
    kt_json_write(row, &text);
    if (!text.err)
        fprintf(out, "%s\n", text.bytes);
    kt_buf_fini(&text);
}

void
kt_table_row(kt_table_t *self, const json_t *row)
{
    if (self->err)
        return;
    if (self->format == KT_FORMAT_JSON) {
        write_json_row(row, stdout);
        return;
    }
    if (self->format == KT_FORMAT_CSV) {
        write_csv_row(self, row, stdout);
        return;
    }

    char cell[CELL_MAX];
    if (self->n_cells + self->n_shown > self->capacity) {
        size_t capacity = self->capacity ? 2 * self->capacity : 64 * self->n_shown;
        char **cells    = realloc(self->cells, capacity * sizeof *cells);
        if (!cells) {
            self->err = KT_ENOMEM;
            return;
        }
        self->cells    = cells;
        self->capacity = capacity;
    }
    for (size_t i = 0; i < self->n_shown; i++) {
        write_cell(self, &self->columns[self->shown[i]], row, cell);
        char *copy = strdup(cell);
        if (!copy)
            self->err = KT_ENOMEM;
        self->cells[self->n_cells++] = copy;
    }
}

// Width of a text on a terminal.
static size_t
text_width(const char *text)
{
    wchar_t wide[CELL_MAX];
    size_t  n = mbstowcs(wide, text, CELL_MAX - 1);
    if (n == (size_t)-1)
        return strlen(text);
    int columns = wcswidth(wide, n);
    return columns < 0 ? n : (size_t)columns;
}

static bool
is_path(const kt_column_t *column)
{
    return column->cell == KT_CELL_PATH || column->cell == KT_CELL_FILE;
}

static void
print_line(const kt_table_t *self, const size_t *widths, char *const *cells, FILE *out)
{
    for (size_t i = 0; i < self->n_shown; i++) {
        const kt_column_t *column = &self->columns[self->shown[i]];
        const char        *text   = cells ? cells[i] : column->title;
        int                blanks = (int)(widths[i] - text_width(text));
        bool               left = column->cell == KT_CELL_TEXT || is_path(column), last = i + 1 == self->n_shown;
        fprintf(out, "%*s%s%*s%s", left ? 0 : blanks, "", text, left && !last ? blanks : 0, "", last ? "\n" : "  ");
    }
}

// Where the path begins in the text of a name that is not UTF-8 ("file:///music/x%FF.mp3").
static size_t
path_offset(const char *cell)
{
    return strncmp(cell, "file:///", 8) ? 0 : 7;
}

// Bytes of the folders that all cells of a column have in common, with the last '/'.
static size_t
common_folders(char *const *cells, size_t n, size_t step)
{
    const char *first = n ? cells[0] + path_offset(cells[0]) : "", *slash = strrchr(first, '/');
    size_t      common = slash ? (size_t)(slash - first) + 1 : 0;
    for (size_t i = step; i < n && common; i += step) {
        const char *other = cells[i] + path_offset(cells[i]);
        size_t      same  = 0;
        while (same < common && other[same] == first[same])
            same++;
        while (same && first[same - 1] != '/')
            same--;
        common = same;
    }
    return common;
}

// A long path is truncated at its start, between characters, so that the file name remains.
static const char *
path_tail(const char *path)
{
    size_t n = strlen(path);
    if (n <= NARROW_PATH)
        return path;
    const char *tail = path + n - (NARROW_PATH - 3);
    while ((*tail & 0xC0) == 0x80)
        tail++;
    return tail;
}

static int
compare_tails(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    int         order = strcmp(path_tail(x), path_tail(y));
    return order ? order : strcmp(x, y);
}

// Replaces the paths of a column by what is shown of them: those that would look like another one stay whole.
static kt_err_t
shorten_paths(kt_table_t *self, size_t column, bool file)
{
    size_t       rows = self->n_cells / self->n_shown, skip = 0;
    const char **sorted = calloc(rows + 1, sizeof *sorted);
    if (!sorted)
        return KT_ENOMEM;
    if (file)
        skip = common_folders(self->cells + column, self->n_cells - column, self->n_shown);
    for (size_t i = 0; i < rows; i++) {
        char *cell = self->cells[column + i * self->n_shown];
        char *path = cell + path_offset(cell);
        if (path != cell && skip)
            memcpy(path + skip - 5, "file:", 5);
        path += skip - (path != cell && skip ? 5 : 0);
        memmove(cell, path, strlen(path) + 1);
        sorted[i] = cell;
    }
    qsort(sorted, rows, sizeof *sorted, compare_tails);
    for (size_t i = 0, end = 0; i < rows; i = end) {
        bool alike = false;
        for (end = i + 1; end < rows && !strcmp(path_tail(sorted[end]), path_tail(sorted[i])); end++)
            alike |= strcmp(sorted[end], sorted[i]) != 0;
        for (size_t k = i; k < end; k++)
            if (alike || path_tail(sorted[k]) == sorted[k])
                sorted[k] = NULL;
    }
    for (size_t i = 0; i < rows; i++) {
        char *cell = (char *)sorted[i];
        if (!cell)
            continue;
        const char *tail = path_tail(cell);
        memmove(cell + 3, tail, strlen(tail) + 1);
        memcpy(cell, "...", 3);
    }
    free(sorted);
    return KT_OK;
}

kt_err_t
kt_table_end(kt_table_t *self, FILE *out)
{
    size_t widths[COLUMNS_MAX] = {0};
    if (self->format == KT_FORMAT_CSV && !self->began)
        write_csv_row(self, NULL, out);
    if (self->err || self->format == KT_FORMAT_CSV || self->format == KT_FORMAT_JSON)
        return self->err;
    for (size_t column = 0; column < self->n_shown && !self->err && self->format == KT_FORMAT_TABLE; column++)
        if (is_path(&self->columns[self->shown[column]]))
            self->err = shorten_paths(self, column, self->columns[self->shown[column]].cell == KT_CELL_FILE);
    if (self->err)
        return self->err;
    for (size_t column = 0; column < self->n_shown; column++) {
        widths[column] = text_width(self->columns[self->shown[column]].title);
        for (size_t i = column; i < self->n_cells; i += self->n_shown) {
            size_t n       = text_width(self->cells[i]);
            widths[column] = n > widths[column] ? n : widths[column];
        }
    }
    fputs(self->color ? "\033[1m" : "", out);
    print_line(self, widths, NULL, out);
    fputs(self->color ? "\033[0m" : "", out);
    for (size_t i = 0; i < self->n_cells; i += self->n_shown)
        print_line(self, widths, &self->cells[i], out);
    return KT_OK;
}

int
kt_table_list(const kt_cli_t *cli, const json_t *answer, const char *member, const kt_column_t *columns, size_t n)
{
    kt_table_t *table = NULL;
    if (cli->format == KT_FORMAT_JSON) {
        write_json_row(answer, stdout);
        return KT_EXIT_OK;
    }
    kt_err_t err = kt_table_new(&table, cli->format, cli->color, columns, n);
    if (err)
        return kt_cli_fail(err, "table", NULL);
    const json_t *rows = kt_json_get(answer, member);
    for (size_t i = 0; rows && i < kt_json_count(rows); i++)
        kt_table_row(table, kt_json_at(rows, i));
    err = kt_table_end(table, stdout);
    kt_table_destroy(&table);
    return err ? kt_cli_fail(err, "table", NULL) : KT_EXIT_OK;
}

int
kt_table_object(const kt_cli_t *cli, const json_t *object, const kt_column_t *columns, size_t n)
{
    char        cell[CELL_MAX];
    kt_table_t *table = NULL;
    if (cli->format == KT_FORMAT_JSON) {
        write_json_row(object, stdout);
        return KT_EXIT_OK;
    }
    kt_err_t err = kt_table_new(&table, cli->format, cli->color, columns, n);
    if (err)
        return kt_cli_fail(err, "table", NULL);
    if (cli->format == KT_FORMAT_CSV)
        kt_table_row(table, object);
    size_t widest = 0;
    for (size_t i = 0; i < table->n_shown; i++)
        widest =
            text_width(columns[table->shown[i]].title) > widest ? text_width(columns[table->shown[i]].title) : widest;
    for (size_t i = 0; cli->format != KT_FORMAT_CSV && i < table->n_shown; i++) {
        const kt_column_t *column = &columns[table->shown[i]];
        write_cell(table, column, object, cell);
        printf("%s%-*s%s  %s\n", cli->color ? "\033[1m" : "", (int)widest, column->title, cli->color ? "\033[0m" : "",
               cell);
    }
    kt_table_destroy(&table);
    return KT_EXIT_OK;
}
