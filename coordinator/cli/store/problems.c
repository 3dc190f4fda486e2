#include "coordinator/cli/store/problems.h"

#include "coordinator/cli/table.h"

#include <stdlib.h>
#include <string.h>

enum { LISTED_MAX = 200, WHY_BYTES = 1024 };

struct kt_problems {
    kt_table_t *table;
    uint64_t    counts[KT_PROBLEMS];
    uint64_t    listed;
};

static const struct {
    const char *what;  // in the table
    kt_err_t    err;   // KT_OK: any other
} KINDS[KT_PROBLEMS] = {
    [KT_PROBLEM_INCOMPLETE] = {"incomplete", KT_ETRUNCATED},
    [KT_PROBLEM_DAMAGED]    = {"damaged", KT_EDAMAGED},
    [KT_PROBLEM_PROTECTED]  = {"protected", KT_EPROTECTED},
    [KT_PROBLEM_FAILED]     = {"failed", KT_OK},
    [KT_PROBLEM_WARNING]    = {"warning", KT_OK},
};

static const kt_column_t COLUMNS[] = {
    {"FILE", "file_path", KT_CELL_FILE, false},
    {"WHAT", "what", KT_CELL_TEXT, false},
    {"WHY", "why", KT_CELL_TEXT, false},
    {"WHAT TO DO", "action", KT_CELL_TEXT, false},
};

kt_err_t
kt_problems_new(kt_problems_t **self_p, const kt_cli_t *cli)
{
    kt_problems_t *self = calloc(1, sizeof *self);
    kt_err_t       err =
        self ? kt_table_new(&self->table, KT_FORMAT_TABLE, cli->color, COLUMNS, sizeof COLUMNS / sizeof *COLUMNS)
                   : KT_ENOMEM;
    if (err)
        kt_problems_destroy(&self);
    *self_p = self;
    return err;
}

void
kt_problems_destroy(kt_problems_t **self_p)
{
    if (*self_p)
        kt_table_destroy(&(*self_p)->table);
    free(*self_p);
    *self_p = NULL;
}

static kt_problem_t
kind_of(kt_err_t err)
{
    for (int kind = 0; kind < KT_PROBLEM_FAILED; kind++)
        if (KINDS[kind].err == err)
            return (kt_problem_t)kind;
    return err ? KT_PROBLEM_FAILED : KT_PROBLEM_WARNING;
}

// "ends_early: the file states ...; ..."
static void
warnings_text(const json_t *warnings, char why[WHY_BYTES])
{
    size_t n = 0;
    why[0]   = '\0';
    for (size_t i = 0; i < kt_json_count(warnings) && n < WHY_BYTES; i++) {
        const json_t *one = kt_json_at(warnings, i);
        n += (size_t)snprintf(why + n, WHY_BYTES - n, "%s%s", i > 0 ? "; " : "", kt_json_str(one, "text", ""));
    }
}

void
kt_problems_add(kt_problems_t *self, const json_t *document)
{
    char           why[WHY_BYTES];
    const json_t  *error     = kt_json_get(document, "error");
    const json_t  *technical = kt_json_get(kt_json_get(document, "features"), "technical");
    const json_t  *warnings  = kt_json_get(technical, "warnings");
    const kt_err_t err       = error ? (kt_err_t)kt_json_i64(error, "number", KT_EMESSAGE) : KT_OK;
    if (!error && kt_json_count(warnings) == 0)
        return;
    const kt_problem_t kind = kind_of(err);
    self->counts[kind]++;
    if (self->listed++ >= LISTED_MAX)
        return;
    if (error)
        (void)snprintf(why, sizeof why, "%s: %s", kt_json_str(error, "code", ""),
                       *kt_json_str(error, "detail", "") ? kt_json_str(error, "detail", "") : kt_err_text(err));
    else
        warnings_text(warnings, why);
    json_t *row = kt_json_object();
    if (row && kt_json_set(row, "file_path", kt_json_text(kt_json_str(document, "file_path", ""))) &&
        kt_json_set(row, "what", kt_json_text(KINDS[kind].what)) && kt_json_set(row, "why", kt_json_text(why)) &&
        kt_json_set(row, "action", kt_json_text(kt_err_remedy(err))))
        kt_table_row(self->table, row);
    kt_json_free(&row);
}

kt_err_t
kt_problems_print(kt_problems_t *self, FILE *out)
{
    if (self->listed == 0)
        return KT_OK;
    (void)fputc('\n', out);
    kt_err_t err = kt_table_end(self->table, out);
    if (!err && self->listed > LISTED_MAX)
        fprintf(out, "and %llu more\n", (unsigned long long)(self->listed - LISTED_MAX));
    return err;
}

const char *
kt_problems_text(const kt_problems_t *self, char *out, size_t capacity)
{
    size_t         n      = 0;
    const uint64_t others = self->counts[KT_PROBLEM_FAILED], warnings = self->counts[KT_PROBLEM_WARNING];
    out[0] = '\0';
    for (int kind = 0; kind < KT_PROBLEM_FAILED && n < capacity; kind++)
        if (self->counts[kind] > 0)
            n += (size_t)snprintf(out + n, capacity - n, "%s%llu %s", n > 0 ? ", " : "of the failed ",
                                  (unsigned long long)self->counts[kind], KINDS[kind].what);
    if (n > 0 && n < capacity && others > 0)
        n += (size_t)snprintf(out + n, capacity - n, ", %llu for other reasons", (unsigned long long)others);
    if (n < capacity && warnings > 0)
        (void)snprintf(out + n, capacity - n, "%s%llu of the analysed with warnings", n > 0 ? "; " : "",
                       (unsigned long long)warnings);
    return out;
}
