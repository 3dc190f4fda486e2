#include "coordinator/cli/table.h"

#include "common/media_names.h"
#include "common/text.h"
#include "coordinator/cli/cell.h"
#include "coordinator/cli/watch.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

// Table cells are stored as text, row by row, until the widths are known: those of the first BLOCK_ROWS rows, which
// later blocks may widen. CSV and JSON rows are written at once. So long lists need no memory, and who reads only the
// first lines waits for one block.
enum { CELL_MAX = 4200, COLUMNS_MAX = 1200, NARROW_PATH = 48, BLOCK_ROWS = 1000 };

struct kt_table {
    kt_format_t        format;
    bool               color, began;
    const kt_column_t *columns;
    size_t             n_columns;
    size_t             shown[COLUMNS_MAX];  // indices of the columns in this format
    size_t             n_shown;
    char             **cells;
    size_t             n_cells, capacity;
    size_t             widths[COLUMNS_MAX];   // of the blocks before
    size_t             folders[COLUMNS_MAX];  // bytes of the folders that paths are shown without, of the first block
    kt_watch_t        *watch;                 // NULL: printed once
    size_t             printed;               // rows
    FILE              *kept;                  // of CSV: cells, each with its NUL; NULL: they are written at once
    bool               used[COLUMNS_MAX];     // by any of the kept rows
    const char *const *units;                 // NULL: no line of them
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
    if (self->kept)
        fclose(self->kept);
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
    else if (csv && kt_json_kind(value) == KT_JSON_BOOL) {
        bool flag = false;
        (void)kt_json_boolean(value, &flag);
        snprintf(out, CELL_MAX, "%s", flag ? "true" : "false");
    } else {
        kt_json_plain(value, text, sizeof text);
        if (csv) {
            kt_cell_csv(text, out, CELL_MAX);
            return;
        }
        kt_text_remove_controls(text);  // a path may contain any bytes
        kt_text_copy(out, CELL_MAX, *text ? text : "-");
    }
}

// CSV by RFC 4180: quoted only where needed; where some programs see the end of a cell, too.
static void
write_csv_text(FILE *out, const char *text)
{
    if (!strpbrk(text, ",;\t\"\r\n")) {
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

kt_err_t
kt_table_leave_out_empty(kt_table_t *self)
{
    self->kept = self->format == KT_FORMAT_CSV ? tmpfile() : NULL;
    return self->kept || self->format != KT_FORMAT_CSV ? KT_OK : errno == ENOSPC ? KT_EDISK : KT_EIO;
}

void
kt_table_units(kt_table_t *self, const char *const *units)
{
    self->units = units;
}

static void
write_csv_header(const kt_table_t *self, FILE *out)
{
    for (int line = 0; line < (self->units ? 2 : 1); line++) {
        const char *separator = "";
        for (size_t i = 0; i < self->n_shown; i++) {
            const size_t column = self->shown[i];
            if (self->kept && !self->used[i])
                continue;
            fputs(separator, out);
            write_csv_text(out, line ? self->units[column] : self->columns[column].member);
            separator = ",";
        }
        fputs("\r\n", out);
    }
}

static void
keep_csv_row(kt_table_t *self, const json_t *row)
{
    char cell[CELL_MAX];
    for (size_t i = 0; i < self->n_shown; i++) {
        write_cell(self, &self->columns[self->shown[i]], row, cell);
        self->used[i] |= *cell != '\0';
        if (fwrite(cell, 1, strlen(cell) + 1, self->kept) != strlen(cell) + 1)
            self->err = errno == ENOSPC ? KT_EDISK : KT_EIO;
    }
}

// The kept rows, without the columns that none of them uses.
static void
write_kept(kt_table_t *self, FILE *out)
{
    char       *cell      = NULL;
    size_t      capacity  = 0;
    const char *separator = "";
    write_csv_header(self, out);
    rewind(self->kept);
    for (size_t i = 0; getdelim(&cell, &capacity, '\0', self->kept) > 0; i = (i + 1) % self->n_shown) {
        if (self->used[i]) {
            fputs(separator, out);
            write_csv_text(out, cell);
            separator = ",";
        }
        if (i + 1 < self->n_shown)
            continue;
        fputs("\r\n", out);
        separator = "";
    }
    free(cell);
}

static void
write_csv_row(kt_table_t *self, const json_t *row, FILE *out)
{
    char cell[CELL_MAX];
    if (self->kept && row) {
        keep_csv_row(self, row);
        return;
    }
    if (self->kept) {
        write_kept(self, out);
        return;
    }
    if (!self->began)
        write_csv_header(self, out);
    self->began = true;
    for (size_t i = 0; row && i < self->n_shown; i++) {
        write_cell(self, &self->columns[self->shown[i]], row, cell);
        write_csv_text(out, cell);
        fputs(i + 1 < self->n_shown ? "," : "\r\n", out);
    }
}

static void
write_json(const json_t *row, const char *before, FILE *out)
{
    kt_buf_t text;
    kt_buf_init(&text, 64 << 20);
    kt_json_write(row, &text);
    if (!text.err) {
        fputs(before, out);
        kt_cell_json(out, text.bytes, text.length);
    }
    kt_buf_fini(&text);
}

// What comes before a row of JSON.
static const char *
json_separator(kt_table_t *self)
{
    const bool first = !self->began;
    self->began      = true;
    if (self->format == KT_FORMAT_JSONL)
        return "";
    return first ? "[\n" : ",\n";
}

void
kt_table_text(kt_table_t *self, const char *json, size_t length)
{
    fputs(json_separator(self), stdout);
    if (isatty(STDOUT_FILENO))
        kt_cell_json(stdout, json, length);
    else if (fwrite(json, 1, length, stdout) != length)
        self->err = errno == ENOSPC ? KT_EDISK : KT_EIO;
    if (self->format == KT_FORMAT_JSONL && fputc('\n', stdout) == EOF)
        self->err = errno == ENOSPC ? KT_EDISK : KT_EIO;
}

static kt_err_t print_block(kt_table_t *self, FILE *out);

void
kt_table_row(kt_table_t *self, const json_t *row)
{
    if (self->err)
        return;
    if (self->format == KT_FORMAT_JSON || self->format == KT_FORMAT_JSONL) {
        write_json(row, json_separator(self), stdout);
        fputs(self->format == KT_FORMAT_JSONL ? "\n" : "", stdout);
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
    if (!self->err && self->n_cells == BLOCK_ROWS * self->n_shown)
        self->err = print_block(self, stdout);
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

void
kt_table_cut(char *line, size_t columns)
{
    size_t at = 0, width = 0;
    for (wchar_t wide; line[at];) {
        mbstate_t state = {0};
        size_t    n     = mbrtowc(&wide, line + at, strlen(line + at), &state);
        n               = n == (size_t)-1 || n == (size_t)-2 ? 1 : n;
        const int cell  = wcwidth(wide);
        width += cell > 0 ? (size_t)cell : 0;
        if (width > columns)
            break;
        at += n;
    }
    line[at] = '\0';
}

static void
print_line(const kt_table_t *self, const size_t *widths, char *const *cells, FILE *out)
{
    char  *text = NULL;
    size_t length;
    FILE  *line = open_memstream(&text, &length);
    for (size_t i = 0; line && i < self->n_shown; i++) {
        const kt_column_t *column = &self->columns[self->shown[i]];
        const char        *cell   = cells ? cells[i] : column->title;
        const size_t       own    = text_width(cell);
        int                blanks = own < widths[i] ? (int)(widths[i] - own) : 0;
        bool               left = column->cell == KT_CELL_TEXT || is_path(column), last = i + 1 == self->n_shown;
        fprintf(line, "%*s%s%*s%s", left ? 0 : blanks, "", cell, left && !last ? blanks : 0, "", last ? "" : "  ");
    }
    if (line && fclose(line) == 0) {
        if (self->watch && self->watch->columns)
            kt_table_cut(text, self->watch->columns);
        fprintf(out, "%s\n", text);
    }
    free(text);
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
    size_t       rows = self->n_cells / self->n_shown, skip = 0, *before = &self->folders[column];
    const char **sorted = calloc(rows + 1, sizeof *sorted);
    if (!sorted)
        return KT_ENOMEM;
    if (file)
        skip = common_folders(self->cells + column, self->n_cells - column, self->n_shown);
    if (self->printed > 0)
        skip = skip >= *before ? *before : 0;
    else
        *before = skip;
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

// Rows that a terminal has room for, below the header and above the line that says how many there are more.
static size_t
rows_shown(const kt_table_t *self, size_t rows)
{
    const size_t lines = self->watch ? self->watch->lines : 0, used = self->printed + 3;
    if (lines == 0 || self->printed + rows + 2 <= lines)
        return rows;
    return lines > used ? lines - used : 0;
}

// Prints the stored rows, the header before the first ones.
static kt_err_t
print_block(kt_table_t *self, FILE *out)
{
    kt_err_t err = KT_OK;
    for (size_t column = 0; column < self->n_shown && !err && self->format == KT_FORMAT_TABLE; column++)
        if (is_path(&self->columns[self->shown[column]]))
            err = shorten_paths(self, column, self->columns[self->shown[column]].cell == KT_CELL_FILE);
    if (err)
        return err;
    for (size_t column = 0; column < self->n_shown; column++) {
        size_t *width = &self->widths[column], n = text_width(self->columns[self->shown[column]].title);
        *width = n > *width ? n : *width;
        for (size_t i = column; i < self->n_cells; i += self->n_shown) {
            n      = text_width(self->cells[i]);
            *width = n > *width ? n : *width;
        }
    }
    if (!self->began) {
        fputs(self->color ? "\033[1m" : "", out);
        print_line(self, self->widths, NULL, out);
        fputs(self->color ? "\033[0m" : "", out);
    }
    self->began       = true;
    const size_t rows = self->n_shown ? self->n_cells / self->n_shown : 0, shown = rows_shown(self, rows);
    for (size_t i = 0; i < shown; i++)
        print_line(self, self->widths, &self->cells[i * self->n_shown], out);
    if (shown < rows)
        fprintf(out, "and %zu more\n", rows - shown);
    for (size_t i = 0; i < self->n_cells; i++)
        free(self->cells[i]);
    self->n_cells = 0;
    self->printed += rows;
    return fflush(out) == 0 ? KT_OK : errno == ENOSPC ? KT_EDISK : KT_EIO;
}

kt_err_t
kt_table_end(kt_table_t *self, FILE *out)
{
    if (self->err)
        return self->err;
    switch (self->format) {
    case KT_FORMAT_JSON: fputs(self->began ? "\n]\n" : "[]\n", out); return KT_OK;
    case KT_FORMAT_JSONL: return KT_OK;
    case KT_FORMAT_CSV:
        if (!self->began)
            write_csv_row(self, NULL, out);
        return KT_OK;
    default: return self->n_cells > 0 || !self->began ? print_block(self, out) : KT_OK;
    }
}

// In a view that is repeated the header of CSV is printed once.
static kt_err_t
new_view_table(kt_table_t **self_p, const kt_cli_t *cli, const kt_column_t *columns, size_t n)
{
    kt_err_t err = kt_table_new(self_p, cli->format, cli->color, columns, n);
    if (err || !cli->watch)
        return err;
    (*self_p)->watch = cli->watch;
    (*self_p)->began = cli->format == KT_FORMAT_CSV && cli->watch->headed;
    cli->watch->headed |= cli->format == KT_FORMAT_CSV;
    return KT_OK;
}

int
kt_table_list(const kt_cli_t *cli, const json_t *answer, const char *member, const kt_column_t *columns, size_t n)
{
    kt_table_t *table = NULL;
    kt_err_t    err   = new_view_table(&table, cli, columns, n);
    if (err)
        return kt_cli_fail(err, "table", NULL);
    const json_t *rows = kt_json_get(answer, member);
    for (size_t i = 0; rows && i < kt_json_count(rows); i++)
        kt_table_row(table, kt_json_at(rows, i));
    err = kt_table_end(table, stdout);
    kt_table_destroy(&table);
    return err ? kt_cli_fail(err, "standard output", NULL) : KT_EXIT_OK;
}

int
kt_table_object(const kt_cli_t *cli, const json_t *object, const kt_column_t *columns, size_t n)
{
    char        cell[CELL_MAX];
    kt_table_t *table = NULL;
    if (cli->format == KT_FORMAT_JSON || cli->format == KT_FORMAT_JSONL) {
        write_json(object, "", stdout);
        putchar('\n');
        return KT_EXIT_OK;
    }
    kt_err_t err = new_view_table(&table, cli, columns, n);
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
