#include "coordinator/cli/store/results.h"

#include "common/clock.h"
#include "coordinator/cli/analyze/feature_rows.h"
#include "coordinator/ledger/open/open.h"
#include "proto/document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE = 64 };

kt_err_t
kt_results_open(const kt_cli_t *cli, const char *url, kt_ledger_t **out, char why[KT_LEDGER_WHY])
{
    kt_settings_t settings = *cli->settings;  // shallow: only the address differs
    if (url)
        settings.database_url = url;
    why[0] = '\0';
    return kt_ledger_open(out, &settings, false, why);
}

static void
add_damaged(kt_damaged_t *self, const kt_job_row_t *row)
{
    if (!self->n++)
        self->first_job = row->id.job;
}

void
kt_damaged_show(const kt_damaged_t *self)
{
    if (self->n)
        fprintf(stderr, "kithara: skipped %llu damaged results, the first of job %llu: `kithara audit` names them\n",
                (unsigned long long)self->n, (unsigned long long)self->first_job);
}

typedef kt_err_t visit_fn(void *context, const kt_job_row_t *row);

// Visits every matching row with its document in the order of jobs, until visit returns an error, which is returned.
// why: a sentence about an error of the ledger.
static kt_err_t
visit_rows(const kt_cli_t *cli, const kt_results_ask_t *ask, visit_fn *visit, void *context, kt_damaged_t *damaged,
           char why[KT_LEDGER_WHY])
{
    kt_ledger_t   *ledger = NULL;
    kt_job_query_t query  = {.after_job   = ask->after_job,
                             .state       = -1,
                             .documents   = true,
                             .path_prefix = ask->path_prefix,
                             .latest      = !ask->history,
                             .history     = ask->history};
    kt_job_row_t  *rows   = calloc(PAGE, sizeof *rows);
    uint64_t       left   = ask->limit ? ask->limit : UINT64_MAX;
    why[0]                = '\0';
    kt_err_t err          = rows ? kt_results_open(cli, ask->database_url, &ledger, why) : KT_ENOMEM;
    for (size_t n = PAGE; !err && left && n == PAGE;) {
        err = ledger->ops->jobs(ledger, &query, rows, PAGE, &n);
        if (err || !n)
            break;
        query.after_job = rows[n - 1].id.job;
        query.after_run = ask->history ? rows[n - 1].result_run : 0;
        for (size_t i = 0; i < n; i++) {
            bool success = !rows[i].err;
            bool wanted  = ask->which == KT_WHICH_ALL || success == (ask->which == KT_WHICH_SUCCESSES);
            if (!err && left && wanted && rows[i].damaged)
                add_damaged(damaged, &rows[i]);
            if (!err && left && wanted && rows[i].document) {
                err = visit(context, &rows[i]);
                if (err == KT_EMESSAGE) {  // JSON, but no message
                    add_damaged(damaged, &rows[i]);
                    err = KT_OK;
                }
                left--;
            }
            free(rows[i].document);
        }
    }
    free(rows);
    kt_ledger_close(&ledger);
    return err;
}

kt_err_t
kt_results_locate(const kt_cli_t *cli, const char *run, const char *ledger, kt_rundir_t *rundir, const char **url)
{
    char  real[PATH_MAX];
    char *paths[] = {real};
    *url          = ledger;
    if (!run)
        return KT_OK;
    if (!realpath(run, real))
        return KT_ENOFILE;
    kt_err_t err = kt_rundir_locate(rundir, cli->settings, paths, 1);
    *url         = rundir->database_url;
    if (!err && access(rundir->database_url + strlen("sqlite:"), F_OK) != 0 && errno == ENOENT)
        err = KT_ENOTFOUND;
    return err;
}

// Before those of the features.
static const kt_column_t HISTORY[] = {{"JOB", "job", KT_CELL_INT, false},
                                      {"RUN", "run", KT_CELL_INT, false},
                                      {"STORED", "stored_at", KT_CELL_TEXT, false}};
enum { HISTORY_COLUMNS = sizeof HISTORY / sizeof *HISTORY };

typedef struct view {
    bool                history;
    kt_column_t         columns[KT_FEATURE_ROWS_MAX];
    const char         *units[KT_FEATURE_ROWS_MAX];
    kt_feature_rows_t  *features;
    kt_table_t         *table;
    kt_format_t         format;
    FILE               *out;
    kt_results_count_t *count;
} view_t;

static bool
is_old(const kt_known_t *known, const kt_job_row_t *row)
{
    const kt_known_job_t *job = known ? kt_known_find(known, row->message_id) : NULL;
    return job && kt_known_is_final(job) && job->run == row->id.run;
}

static kt_err_t
visit_row(void *context, const kt_job_row_t *row)
{
    view_t    *view     = context;
    json_t    *document = NULL;
    char       why[KT_JSON_WHY];
    const bool counted = view->count && !is_old(view->count->known, row);
    if (counted)
        *(!row->err ? &view->count->successes : &view->count->failures) += 1;
    const bool table = view->format == KT_FORMAT_TABLE || view->format == KT_FORMAT_WIDE;
    if (view->count && !counted && table && !view->out)
        return KT_OK;
    const bool json     = view->format == KT_FORMAT_JSON || view->format == KT_FORMAT_JSONL;
    const bool verbatim = view->out || json;
    if (view->out) {
        if (fwrite(row->document, 1, row->document_bytes, view->out) != row->document_bytes ||
            fputc('\n', view->out) == EOF)
            return errno == ENOSPC ? KT_EDISK : KT_EIO;
    } else if (json) {
        kt_table_text(view->table, row->document, row->document_bytes);
        if (ferror(stdout))
            return errno == ENOSPC ? KT_EDISK : KT_EIO;
    }
    if (verbatim && !counted)
        return KT_OK;
    kt_err_t err = kt_json_parse(row->document, row->document_bytes, KT_DOCUMENT_MAX_BYTES, &document, why);
    if (err)
        return err;
    if (counted && view->count->problems)
        kt_problems_add(view->count->problems, document);
    if (verbatim) {
        kt_json_free(&document);
        return KT_OK;
    }
    json_t *flat = kt_feature_row(view->features, document);
    kt_json_free(&document);
    if (!flat)
        return KT_ENOMEM;
    if (view->history) {
        char at[KT_RFC3339_BYTES];
        kt_json_set(flat, "job", kt_json_int((int64_t)row->id.job));
        kt_json_set(flat, "run", kt_json_int(row->result_run));
        kt_json_set(flat, "stored_at", kt_json_text(kt_clock_rfc3339(row->stored_wall_ms, at)));
    }
    kt_table_row(view->table, flat);
    kt_json_free(&flat);
    return ferror(stdout) ? KT_EIO : KT_OK;
}

static int
show_or_write(const kt_cli_t *cli, const kt_results_ask_t *ask, view_t *view)
{
    char         why[KT_LEDGER_WHY] = "";
    kt_damaged_t damaged            = {0};
    view->history                   = ask->history;
    kt_err_t err                    = kt_feature_rows_new(&view->features, cli);
    if (!err)
        err = kt_feature_rows_table(view->features, cli->format, HISTORY, ask->history ? HISTORY_COLUMNS : 0,
                                    &view->table, view->columns, view->units);
    if (!err)
        err = visit_rows(cli, ask, visit_row, view, &damaged, why);
    if (!err && !view->out)
        err = kt_table_end(view->table, stdout);
    kt_table_destroy(&view->table);
    kt_feature_rows_destroy(&view->features);
    kt_damaged_show(&damaged);
    if (err)
        return kt_cli_fail(err, "results", why);
    return damaged.n ? KT_EXIT_FAILED : KT_EXIT_OK;
}

int
kt_results_show(const kt_cli_t *cli, const kt_results_ask_t *ask, kt_results_count_t *count)
{
    view_t view = {.format = cli->format, .count = count};
    return show_or_write(cli, ask, &view);
}

int
kt_results_write(const kt_cli_t *cli, const kt_results_ask_t *ask, FILE *out)
{
    view_t view = {.format = cli->format, .out = out};
    return show_or_write(cli, ask, &view);
}
