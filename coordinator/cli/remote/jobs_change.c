// jobs retry and jobs cancel, of one job, several, or those of a filter.
#include "coordinator/cli/remote/jobs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE = 1000, MOST = 1 << 20 };  // of one command; the same command does the rest

typedef struct change {
    kt_cli_t    *cli;
    kt_client_t *client;
    const char  *verb;
    bool         retry, force;
    uint64_t    *jobs;
    size_t       n, changed;
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
    if (err != KT_EINVAL && err != KT_ENOTFOUND)
        return err;
    snprintf(name, sizeof name, "job %" PRIu64, job);
    (void)kt_cli_fail(err, name, kt_client_why(self->client));
    return KT_OK;
}

int
kt_jobs_change(kt_cli_t *cli, const char *verb, char *const *ids, size_t n, const kt_jobs_filter_t *filter,
               const kt_jobs_how_t *how)
{
    change_t    self = {.cli = cli, .verb = verb, .retry = strcmp(verb, "retry") == 0, .force = how->force};
    const char *done = self.retry ? "queued again" : "cancelled";
    int         code = KT_EXIT_FAILED;
    bool        go   = true;
    kt_err_t    err  = KT_OK;
    self.client      = kt_client_open(cli->settings);
    if (!self.client)
        return KT_EXIT_FAILED;
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
    else if (go) {
        if (self.n == 1 && self.changed == 1)
            printf("job %" PRIu64 ": %s\n", self.jobs[0], done);
        else if (self.n > 1)
            printf("%zu of %zu jobs: %s\n", self.changed, self.n, done);
        code = self.changed == self.n ? KT_EXIT_OK : KT_EXIT_FAILED;
    }
    free(self.jobs);
    kt_client_destroy(&self.client);
    return code;
}
