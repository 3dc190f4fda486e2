#include "common/digest.h"
#include "common/paths.h"
#include "common/text.h"
#include "coordinator/cli/options.h"
#include "coordinator/cli/progress.h"
#include "coordinator/cli/remote/patience.h"
#include "coordinator/cli/remote/submit.h"
#include "coordinator/cli/scan.h"
#include "coordinator/cli/table.h"
#include "coordinator/cli/watch.h"
#include "proto/job.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const kt_column_t COLUMNS[] = {
    {"JOB", "job", KT_CELL_INT, false},
    {"STATUS", "status", KT_CELL_TEXT, false},
    {"MESSAGE", "message_id", KT_CELL_TEXT, false},
    {"FILE", "file_path", KT_CELL_PATH, false},
    {"ERROR", "error.code", KT_CELL_TEXT, true},
};

typedef struct work {
    kt_cli_t    *cli;
    kt_client_t *client;
    const char  *priority;
    uint32_t     options;
    bool         wait, all, remote;
    kt_table_t  *table;
    int64_t     *jobs;
    size_t       n_jobs, capacity, failed, answered;
    kt_err_t     err;  // of add_answer
    kt_scan_t   *scan;
    kt_sizes_t   sizes;  // of jobs
} work_t;

enum { POLL_DEADLINE_MS = 3000, PAUSE_MS = 250 };

static void
keep_job(work_t *work, int64_t job)
{
    if (work->n_jobs == work->capacity) {
        size_t   capacity = work->capacity ? 2 * work->capacity : 256;
        int64_t *jobs     = realloc(work->jobs, capacity * sizeof *jobs);
        if (!jobs) {
            work->err = KT_ENOMEM;
            return;
        }
        work->jobs     = jobs;
        work->capacity = capacity;
    }
    work->jobs[work->n_jobs++] = job;
}

static void
add_answer(void *context, const char *path, const json_t *answer)
{
    char    shown[KT_JOB_PATH];
    work_t *work = context;
    json_t *row  = kt_json_object();
    if (!row)
        return;
    const char *status = kt_json_str(answer, "status", "error");
    int64_t     job    = kt_json_i64(answer, "job", 0);
    (void)kt_json_set(row, "job", job ? kt_json_int(job) : kt_json_null());
    (void)kt_json_set(row, "status", kt_json_text(status));
    (void)kt_json_set(row, "message_id", kt_json_text(kt_json_str(answer, "message_id", "")));
    (void)kt_json_set(row, "file_path", kt_json_text(kt_path_show(path, shown, sizeof shown) ? shown : path));
    kt_table_row(work->table, row);
    kt_json_free(&row);
    work->answered++;
    if (!job)
        work->failed++;
    else if (work->wait) {
        keep_job(work, job);
        kt_sizes_add(&work->sizes, path);
    }
}

static bool
parse_submit(work_t *work, int argc, char **argv)
{
    kt_priority_t priority;
    for (int c; (c = kt_cli_option(work->cli, argc, argv, NULL)) != -1;) {
        const bool wrong = (c == KT_OPT_PRIORITY && !kt_priority_find(optarg, &priority)) ||
                           (c == KT_OPT_OPTIONS && kt_options_parse(optarg, &work->options));
        work->wait |= c == KT_OPT_WAIT;
        work->all |= c == KT_OPT_ALL;
        work->remote |= c == KT_OPT_REMOTE;
        if (c == KT_OPT_PRIORITY)
            work->priority = optarg;
        if (wrong)
            (void)kt_cli_usage(work->cli, "'%s' is not valid for %s", optarg,
                               c == KT_OPT_PRIORITY ? "--priority" : "--options");
        if (c == '?' || wrong)
            return false;
    }
    if (optind < argc)
        return true;
    (void)kt_cli_usage(work->cli, "a file or folder is missing");
    return false;
}

// The path as the nodes see it.
static const char *
absolute_path(const char *path, char out[PATH_MAX])
{
    char   bytes[PATH_MAX];
    size_t at, user;
    if (kt_job_is_url(path) || kt_job_url_user(path, &at, &user))  // the coordinator refuses the latter
        return path;
    if (!strncmp(path, "file:///", 8) && !kt_path_read(path, bytes, sizeof bytes))
        path = bytes;
    if (realpath(path, out))
        return out;
    char folder[PATH_MAX];
    if (path[0] == '/' || !getcwd(folder, sizeof folder))
        return path;
    return snprintf(out, PATH_MAX, "%.2000s/%.2000s", folder, path) < PATH_MAX ? out : path;
}

// With --wait a coordinator that is silent is waited for; a batch that is sent again makes no second job. One that is
// not there at all is an error at once, until it has taken something.
static kt_err_t
flush_batch(work_t *work, kt_submit_t *submit)
{
    kt_progress_t progress = {0};
    kt_patience_t patience = {0};
    kt_err_t      err;
    do
        err = kt_submit_flush(submit);
    while (work->wait && (err == KT_ETIME || (err && (work->answered || patience.said))) &&
           kt_patience_take(&patience, &progress, err) && kt_watch_wait(PAUSE_MS));
    if (!err)
        (void)kt_patience_take(&patience, &progress, err);
    return err;
}

static kt_err_t
submit_all(work_t *work)
{
    const char      *found;
    char             session[KT_UUID_TEXT], path[PATH_MAX];
    kt_submit_t     *submit = NULL;
    kt_submit_opts_t opts   = {.client   = work->client,
                               .priority = work->priority,
                               .options  = work->options,
                               .session  = kt_uuid_random(session),
                               .answered = add_answer,
                               .context  = work};
    kt_err_t         err    = kt_submit_new(&submit, &opts);
    if (work->wait)
        kt_client_set_deadline(work->client, POLL_DEADLINE_MS);
    while (!err && !(err = kt_scan_next(work->scan, &found)) && found) {
        const char *absolute = absolute_path(found, path);
        if (!work->remote && !kt_job_is_url(absolute) && access(absolute, F_OK) != 0) {
            work->failed++;  // the others are submitted
            (void)kt_cli_fail(KT_ENOFILE, found, "--remote submits what only the nodes see");
            continue;
        }
        err = kt_submit_file(submit, absolute);
        if (err == KT_EINVAL) {
            err = KT_OK;
            work->failed++;
            (void)kt_cli_fail(KT_EINVAL, found, "the path is too long");
        }
        if (!err && kt_submit_full(submit))
            err = flush_batch(work, submit);
    }
    if (!err)
        err = flush_batch(work, submit);
    if (!err)
        err = work->err;
    kt_submit_destroy(&submit);
    return err;
}

// The outcome of a job: 1 success, 0 failure, -1 none yet. *file: what is shown of it while there is none.
static int
ask_outcome(work_t *work, int64_t job, kt_patience_t *patience, kt_progress_t *progress, char file[KT_JOB_PATH])
{
    char    path[64];
    json_t *answer = NULL;
    int     found  = -1;
    snprintf(path, sizeof path, "/v1/jobs/%lld", (long long)job);
    kt_err_t err = kt_client_get(work->client, path, &answer);
    if (!kt_patience_take(patience, progress, err)) {
        kt_progress_end(progress);
        (void)kt_client_fail(work->client, err);  // such as: there is no such job
        return 0;
    }
    const char *state = answer ? kt_json_str(answer, "state", "") : "";
    if (strcmp(state, "done") == 0)
        found = 1;
    else if (strcmp(state, "failed") == 0 || strcmp(state, "cancelled") == 0)
        found = 0;
    if (answer)
        kt_text_copy(file, KT_JOB_PATH, kt_json_str(answer, "file_path", ""));
    kt_json_free(&answer);
    return found;
}

static int
wait_for_jobs(work_t *work)
{
    kt_progress_t progress;
    kt_patience_t patience          = {0};
    char          file[KT_JOB_PATH] = "";
    size_t        failed            = 0;
    kt_progress_begin(&progress, work->cli, "files", 0);
    for (size_t done = 0; done < work->n_jobs;) {
        const int outcome = ask_outcome(work, work->jobs[done], &patience, &progress, file);
        if (outcome >= 0) {
            done++;
            failed += outcome == 0;
        } else if (!kt_watch_wait(200)) {
            kt_progress_end(&progress);
            fprintf(stderr, "kithara: %zu of %zu are done; the others continue in the farm\n", done, work->n_jobs);
            return KT_EXIT_FAILED;
        }
        kt_progress_show(&progress, &(kt_progress_state_t){.done        = done,
                                                           .total       = work->n_jobs,
                                                           .done_bytes  = kt_sizes_of_first(&work->sizes, done),
                                                           .total_bytes = kt_sizes_total(&work->sizes),
                                                           .file        = file});
    }
    kt_progress_end(&progress);
    fprintf(stderr, "kithara: %zu done, %zu failed\n", work->n_jobs - failed, failed);
    return failed ? KT_EXIT_FAILED : KT_EXIT_OK;
}

int
kt_cmd_submit(kt_cli_t *cli, int argc, char **argv)
{
    work_t work = {.cli = cli, .priority = "normal", .options = KT_OPTION_ALL};
    if (!parse_submit(&work, argc, argv))
        return KT_EXIT_USAGE;
    int      code = KT_EXIT_FAILED;
    kt_err_t err  = kt_client_new(&work.client, cli->settings->http_url);
    if (!err)
        kt_client_authorize(work.client, cli->settings, NULL);
    if (!err)
        err = kt_scan_new(&work.scan,
                          &(kt_scan_opts_t){.paths = argv + optind, .n = (size_t)(argc - optind), .all = work.all});
    if (!err)
        err = kt_table_new(&work.table, cli->format, cli->color, COLUMNS, sizeof COLUMNS / sizeof *COLUMNS);
    if (!err)
        err = submit_all(&work);
    const bool people = cli->format == KT_FORMAT_TABLE || cli->format == KT_FORMAT_WIDE;
    if (work.table && (work.answered || !people))  // people read errors without a table of nothing
        (void)kt_table_end(work.table, stdout);
    if (err) {
        code = work.client ? kt_client_fail(work.client, err) : kt_cli_fail(err, "submit", NULL);
    } else {
        kt_scan_report(work.scan, cli->format == KT_FORMAT_JSON || cli->format == KT_FORMAT_JSONL);
        code = work.wait && work.n_jobs ? wait_for_jobs(&work) : KT_EXIT_OK;
        if (work.failed || kt_scan_left_out(work.scan)->unreadable)
            code = KT_EXIT_FAILED;
    }
    kt_table_destroy(&work.table);
    kt_scan_destroy(&work.scan);
    kt_client_destroy(&work.client);
    kt_sizes_fini(&work.sizes);
    free(work.jobs);
    return code;
}
