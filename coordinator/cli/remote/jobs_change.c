// jobs retry and jobs cancel, of one job, several, or those of a filter.
#include "coordinator/cli/remote/jobs.h"
#include "coordinator/cli/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const kt_column_t COLUMNS[] = {
    {"JOB", "job", KT_CELL_INT, false},
    {"RESULT", "result", KT_CELL_TEXT, false},
    {"ERROR", "error.code", KT_CELL_TEXT, false},
    {"DETAIL", "error.detail", KT_CELL_TEXT, false},
};

enum { PAGE = 1000, MOST = 1 << 20 };  // of one command; the same command does the rest

typedef struct change {
    kt_cli_t    *cli;
    kt_client_t *client;
    const char  *verb;
    bool         retry, force;
    uint64_t    *jobs;
    size_t       n, changed;
    const char  *done;  // what a changed job is
    json_t      *rows;  // for formats with a row per job
} change_t;

// A job that is named twice is changed once.
static bool
has_job(const change_t *self, uint64_t job)
{
    for (size_t i = 0; i < self->n; i++)
        if (self->jobs[i] == job)
            return true;
    return false;
}

static kt_err_t
add_job(change_t *self, uint64_t job)
{
    if ((self->n & (self->n - 1)) == 0) {  // full, at a power of two
        uint64_t *larger = realloc(self->jobs, (self->n ? 2 * self->n : 1) * sizeof *larger);
        if (!larger)
            return KT_ENOMEM;
        self->jobs = larger;
    }
    self->jobs[self->n++] = job;
    return KT_OK;
}

// The jobs of the filter, page by page.
static kt_err_t
find_jobs(change_t *self, kt_jobs_filter_t filter)
{
    char           path[KT_VIEW_PATH];
    kt_err_t       err  = KT_OK;
    const uint64_t most = filter.limit && filter.limit < MOST ? filter.limit : MOST;
    filter.limit        = most < PAGE ? most : PAGE;
    if (!filter.state)
        filter.state = self->retry ? "failed" : "queued";
    for (bool more = true; more && !err && self->n < most;) {
        json_t *answer = NULL;
        if (!kt_jobs_path(path, &filter))
            return KT_EINVAL;
        err                = kt_client_get(self->client, path, &answer);
        const json_t *rows = kt_json_get(answer, "jobs");
        for (size_t i = 0; i < kt_json_count(rows) && !err; i++)
            err = add_job(self, (uint64_t)kt_json_i64(kt_json_at(rows, i), "job", 0));
        filter.after = (uint64_t)kt_json_i64(answer, "next", 0);
        more         = filter.after > 0;
        kt_json_free(&answer);
    }
    return err;
}

// Shows how many there are; asks on a terminal. False: not to be changed, with *code.
static bool
confirm(const change_t *self, bool yes, int *code)
{
    char answer[16] = "";
    fprintf(stderr, "kithara: %zu job%s\n", self->n, self->n == 1 ? " matches" : "s match");
    *code = KT_EXIT_OK;
    if (self->n == 0 || yes)
        return self->n > 0;
    if (!isatty(STDIN_FILENO)) {
        *code = kt_cli_usage(self->cli, "--yes %s them without a question", self->retry ? "retries" : "cancels");
        return false;
    }
    fprintf(stderr, "%s them? [y/N] ", self->retry ? "Retry" : "Cancel");
    if (fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
        return true;
    *code = KT_EXIT_FAILED;
    return false;
}

static void
add_row(change_t *self, uint64_t job, kt_err_t err)
{
    json_t *row = kt_json_object(), *error = err ? kt_json_object() : kt_json_null();
    if (err) {
        kt_json_set(error, "code", kt_json_text(kt_err_name(err)));
        kt_json_set(error, "detail", kt_json_text(kt_client_why(self->client)));
    }
    kt_json_set(row, "job", kt_json_int((int64_t)job));
    kt_json_set(row, "result", kt_json_text(err ? "refused" : self->done));
    kt_json_set(row, "error", error);
    kt_json_append(self->rows, row);
}

// An error that concerns the coordinator ends the change; one of a job is counted.
static kt_err_t
change_job(change_t *self, uint64_t job)
{
    char    path[96], name[32];
    json_t *answer = NULL;
    snprintf(path, sizeof path, "/v1/jobs/%" PRIu64 "/%s%s", job, self->verb, self->force ? "?force=1" : "");
    kt_err_t err = kt_client_post(self->client, path, "{}", 2, &answer);
    kt_json_free(&answer);
    self->changed += !err;
    if (err && err != KT_EINVAL && err != KT_ENOTFOUND)
        return err;
    add_row(self, job, err);
    snprintf(name, sizeof name, "job %" PRIu64, job);
    if (err)
        (void)kt_cli_fail(err, name, kt_client_why(self->client));
    return KT_OK;
}

// One sentence, or a row per job.
static int
print_changes(change_t *self)
{
    int code = self->changed == self->n ? KT_EXIT_OK : KT_EXIT_FAILED;
    if (self->cli->format != KT_FORMAT_TABLE) {
        json_t *answer = kt_json_object();
        kt_json_set(answer, "jobs", self->rows);
        self->rows = NULL;
        if (kt_table_list(self->cli, answer, "jobs", COLUMNS, sizeof COLUMNS / sizeof *COLUMNS) != KT_EXIT_OK)
            code = KT_EXIT_FAILED;
        kt_json_free(&answer);
    } else if (self->n == 1 && self->changed == 1) {
        printf("job %" PRIu64 ": %s\n", self->jobs[0], self->done);
    } else if (self->n > 1) {
        printf("%zu of %zu jobs: %s\n", self->changed, self->n, self->done);
    }
    return code;
}

int
kt_jobs_change(kt_cli_t *cli, const char *verb, char *const *ids, size_t n, const kt_jobs_filter_t *filter,
               const kt_jobs_how_t *how)
{
    change_t self = {.cli = cli, .verb = verb, .retry = strcmp(verb, "retry") == 0, .force = how->force};
    int      code = KT_EXIT_FAILED;
    bool     go   = true;
    kt_err_t err  = KT_OK;
    self.done     = self.retry ? "queued again" : "cancelled";
    self.client   = kt_client_open(cli->settings);
    if (!self.client)
        return KT_EXIT_FAILED;
    self.rows = kt_json_array();
    for (size_t i = 0; i < n && !err; i++)
        if (!has_job(&self, strtoull(ids[i], NULL, 10)))
            err = add_job(&self, strtoull(ids[i], NULL, 10));
    if (!err && n == 0)
        err = find_jobs(&self, *filter);
    if (!err && n == 0)
        go = confirm(&self, how->yes, &code);
    for (size_t i = 0; i < self.n && go && !err; i++)
        err = change_job(&self, self.jobs[i]);
    if (err)
        code = kt_client_fail(self.client, err);
    else if (go || (self.n == 0 && cli->format != KT_FORMAT_TABLE))
        code = print_changes(&self);
    kt_json_free(&self.rows);
    free(self.jobs);
    kt_client_destroy(&self.client);
    return code;
}
