// run FOLDER: a private farm for some paths. Scan, submission and progress bar share one loop: it submits one batch of
// files, then polls the farm, so that Ctrl-C takes effect at once and memory does not grow with the folder.
#include "common/clock.h"
#include "common/settings_shared.h"
#include "common/text.h"
#include "coordinator/cli/local/farm.h"
#include "coordinator/cli/local/folders.h"
#include "coordinator/cli/options.h"
#include "coordinator/cli/progress.h"
#include "coordinator/cli/remote/submit.h"
#include "coordinator/cli/scan.h"
#include "coordinator/cli/store/known.h"
#include "coordinator/cli/store/results.h"
#include "coordinator/cli/store/rundir.h"
#include "coordinator/cli/table.h"
#include "proto/document.h"
#include "proto/job.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { POLL_MS = 100, FILE_MS = 1000 };

typedef struct run {
    kt_cli_t     *cli;
    const char   *out_path, *workers;
    char          default_workers[16];
    bool          all, fresh, digest;
    kt_folders_t  folders;
    kt_rundir_t   dir;
    kt_farm_t    *farm;
    kt_client_t  *client;
    kt_scan_t    *scan;
    kt_submit_t  *submit;
    kt_known_t   *known;
    kt_tagged_t   tagged;
    char          identity[KT_DIGEST_HEX];  // of what all analyses of this run have in common
    kt_progress_t progress;
    kt_sizes_t    sizes;              // of the submitted files
    char          file[KT_JOB_PATH];  // in work
    int64_t       file_ms;            // when it was looked up
    bool          scanned;            // every file is in a batch
    bool          submitted_all;      // and submitted
    uint64_t      submitted, refused;
    uint64_t      unchanged, unchanged_failed, removed;
    uint64_t      done;       // in this session
    uint64_t      first_job;  // of this session
    bool          counted;
    uint64_t      before;  // outcomes in the ledger from earlier sessions
    int64_t       began_ms;
} run_t;

static bool
parse_run(run_t *run, int argc, char **argv)
{
    for (int c; (c = kt_cli_option(run->cli, argc, argv, NULL)) != -1;)
        switch (c) {
        case '?': return false;
        case KT_OPT_OUT: run->out_path = optarg; break;
        case KT_OPT_WORKERS:
            run->workers = optarg;
            if (!kt_cli_workers(run->cli, optarg))
                return false;
            break;
        case KT_OPT_ALL: run->all = true; break;
        case KT_OPT_FRESH: run->fresh = true; break;
        case KT_OPT_DIGEST: run->digest = true; break;
        default: break;
        }
    if (optind < argc)
        return true;
    (void)kt_cli_usage(run->cli, "a folder or file is missing");
    return false;
}

static void
count_answer(void *context, const char *path, const json_t *answer)
{
    run_t      *run    = context;
    const char *status = kt_json_str(answer, "status", "error");
    uint64_t    job    = (uint64_t)kt_json_i64(answer, "job", 0);
    if (!job) {
        const json_t *error = kt_json_get(answer, "error");
        run->refused++;
        (void)kt_cli_fail((kt_err_t)(error ? kt_json_i64(error, "number", KT_EMESSAGE) : KT_EMESSAGE), path,
                          error ? kt_json_str(error, "detail", "") : status);
        return;
    }
    run->submitted++;
    kt_sizes_add(&run->sizes, path);
    if (!run->first_job || job < run->first_job)
        run->first_job = job;
}

// What results depend on beside the file: session, version, options, shared settings, models. The coordinator knows the
// models that it sends to its node.
static kt_err_t
make_identity(run_t *run)
{
    json_t     *models = NULL;
    char        value[KT_SHARED_TEXT];
    kt_digest_t digest;
    kt_buf_t    text;
    kt_err_t    err = kt_client_get(run->client, "/v1/models", &models);
    if (err)
        return err;
    kt_buf_init(&text, 64 << 10);
    kt_buf_fmt(&text, "%s\n%s\n%u\n%s\n", run->dir.session, KT_ANALYSIS_VERSION, (unsigned)KT_OPTION_ALL,
               kt_json_str(models, "digest", "none"));
    for (size_t i = 0; i < KT_SHARED_SETTINGS; i++)
        kt_buf_fmt(&text, "%s=%s\n", kt_shared_setting_name(i), kt_shared_setting_text(run->cli->settings, i, value));
    err = text.err;
    if (!err)
        kt_digest_of(text.bytes, text.length, &digest);
    kt_buf_fini(&text);
    kt_json_free(&models);
    if (!err)
        kt_digest_hex(&digest, run->identity);
    return err;
}

// A job is done again that failed for what may have changed since then, was cancelled, or whose result is not the
// path's latest any more.
static void
queue_again(run_t *run, const kt_job_t *job, const kt_known_job_t *known)
{
    char    path[64];
    json_t *answer = NULL;
    snprintf(path, sizeof path, "/v1/jobs/%llu/retry?force=1", (unsigned long long)known->job);
    kt_err_t err = kt_client_post(run->client, path, "", 0, &answer);
    kt_json_free(&answer);
    if (err) {  // it stays as it was
        run->unchanged++;
        run->unchanged_failed++;
        (void)kt_cli_fail(err, job->file_path, "it could not be queued again");
        return;
    }
    run->submitted++;
    if (!run->first_job || known->job < run->first_job)
        run->first_job = known->job;
}

// The job whose result is that of the file as it is and that readers show: this one, or one of the same bytes. NULL:
// there is none, the file was analysed otherwise since then.
static const kt_known_job_t *
find_current(const run_t *run, const char *path, const kt_job_t *job, const kt_known_job_t *known)
{
    char id[KT_JOB_ID_BYTES];
    if (kt_known_is_latest(run->known, known, job->file_path))
        return known;
    const bool has_id = !run->digest && !kt_submit_id(run->submit, KT_SUBMIT_BY_CONTENT, path, id);
    known             = has_id ? kt_known_find(run->known, id) : NULL;
    return known && kt_known_is_final(known) && kt_known_is_latest(run->known, known, job->file_path) ? known : NULL;
}

static bool
is_wanted(void *context, const char *path, const kt_job_t *job)
{
    run_t                *run   = context;
    const kt_known_job_t *known = kt_known_find(run->known, job->message_id);
    kt_known_see(run->known, job->file_path);
    if (!known || known->state == KT_JOB_QUEUED || known->state == KT_JOB_CLAIMED)
        return true;  // one that was interrupted is known to the coordinator too
    const kt_known_job_t *current = kt_known_is_final(known) ? find_current(run, path, job, known) : NULL;
    if (current) {
        run->unchanged++;
        run->unchanged_failed += current->state == KT_JOB_FAILED;
    } else {
        queue_again(run, job, known);
    }
    return false;
}

static kt_err_t
open_run(run_t *run, char why[KT_FARM_WHY])
{
    const kt_settings_t *settings = run->cli->settings;
    char *const         *paths    = run->folders.paths;
    kt_err_t             err      = kt_rundir_begin(&run->dir, settings, paths, run->folders.n, run->fresh);
    snprintf(why, KT_FARM_WHY, "%.400s", run->dir.path);
    if (!err)
        err = kt_farm_new(&run->farm,
                          &(kt_farm_opts_t){.cli          = run->cli,
                                            .state_dir    = run->dir.path,
                                            .database_url = run->dir.database_url,
                                            .media_roots  = run->folders.roots,
                                            .workers      = run->workers,
                                            .router_bind  = "tcp://127.0.0.1:0",
                                            .http_bind    = "127.0.0.1:0"},
                          why);
    if (!err)
        err = kt_client_new(&run->client, kt_farm_http(run->farm));
    if (!err)
        kt_client_authorize(run->client, settings, run->dir.path);
    if (!err)
        err = make_identity(run);
    if (!err)
        err = kt_known_load(&run->known, run->cli, run->dir.database_url, why);
    if (!err)
        err = kt_tagged_load(&run->tagged, settings);
    if (!err)
        err = kt_scan_new(&run->scan, &(kt_scan_opts_t){.paths      = paths,
                                                        .n          = run->folders.n,
                                                        .all        = run->all,
                                                        .may_follow = kt_folders_may_follow,
                                                        .context    = &run->folders});
    if (!err)
        err = kt_submit_new(&run->submit,
                            &(kt_submit_opts_t){.client   = run->client,
                                                .priority = "normal",
                                                .options  = KT_OPTION_ALL,
                                                .session  = run->identity,
                                                .by       = run->digest ? KT_SUBMIT_BY_CONTENT : KT_SUBMIT_BY_FACTS,
                                                .tagged   = &run->tagged,
                                                .wanted   = is_wanted,
                                                .answered = count_answer,
                                                .context  = run});
    return err;
}

// Submits one more batch. While the coordinator restarts, the batch is kept and sent again by the next call.
static kt_err_t
submit_batch(run_t *run)
{
    while (!run->scanned && !kt_submit_full(run->submit)) {
        const char *path;
        kt_err_t    err = kt_scan_next(run->scan, &path);
        if (!err)
            run->scanned = !path;
        if (!err && path)
            err = kt_submit_file(run->submit, path);
        if (err == KT_EINVAL && path) {  // reported; the other files continue
            run->refused++;
            (void)kt_cli_fail(err, path, "the path is too long");
        } else if (err)
            return err;
    }
    kt_err_t err       = kt_submit_flush(run->submit);
    run->submitted_all = !err && run->scanned;
    return err;
}

// For the progress; at most once a second.
static void
find_file_in_work(run_t *run)
{
    json_t       *answer = NULL;
    const int64_t now_ms = kt_clock_ms();
    if (now_ms - run->file_ms < FILE_MS)
        return;
    run->file_ms = now_ms;
    if (kt_client_get(run->client, "/v1/jobs?state=claimed&limit=1", &answer))
        return;
    kt_text_copy(run->file, sizeof run->file, kt_json_str(kt_json_at(kt_json_get(answer, "jobs"), 0), "file_path", ""));
    kt_json_free(&answer);
}

// Counts the outcomes of this session: those in the ledger without those of earlier sessions.
static kt_err_t
update_progress(run_t *run)
{
    json_t  *queue = NULL;
    kt_err_t err   = kt_client_get(run->client, "/v1/queue", &queue);
    if (err)
        return err;
    uint64_t failed = (uint64_t)kt_json_i64(queue, "failed", 0);
    uint64_t all    = (uint64_t)kt_json_i64(queue, "done", 0) + failed + (uint64_t)kt_json_i64(queue, "cancelled", 0);
    uint64_t open   = (uint64_t)(kt_json_i64(queue, "queued", 0) + kt_json_i64(queue, "claimed", 0));
    kt_json_free(&queue);
    if (!run->counted)
        run->before = all;
    run->counted = true;
    run->done =
        run->submitted_all ? run->submitted - (open < run->submitted ? open : run->submitted) : all - run->before;
    find_file_in_work(run);
    kt_progress_show(&run->progress, &(kt_progress_state_t){.done        = run->done,
                                                            .total       = run->submitted,
                                                            .done_bytes  = kt_sizes_of_first(&run->sizes, run->done),
                                                            .total_bytes = kt_sizes_total(&run->sizes),
                                                            .file        = run->file});
    return KT_OK;
}

// Temporary: the farm restarts an unreachable coordinator.
static bool
is_temporary(kt_err_t err)
{
    return err == KT_EUNREACHABLE || err == KT_ETIME;
}

static kt_err_t
run_files(run_t *run)
{
    kt_err_t err = update_progress(run);
    err          = is_temporary(err) ? KT_OK : err;
    while (!err && !(run->submitted_all && run->done >= run->submitted)) {
        bool stopping = kt_farm_stopping(run->farm);
        if (!stopping)
            err = submit_batch(run);
        if (!err || is_temporary(err))
            err = update_progress(run);
        kt_farm_event_t event = kt_farm_step(run->farm, run->submitted_all || stopping || err ? POLL_MS : 0);
        if (event == KT_FARM_STOP) {
            kt_progress_end(&run->progress);
            fprintf(stderr, "kithara: finishing the files in progress; Ctrl-C again stops at once\n");
        }
        if (event == KT_FARM_UNABLE)
            return KT_ECLOSED;
        if (event == KT_FARM_ENDED)
            return KT_ECANCELLED;
        if (is_temporary(err) || kt_farm_stopping(run->farm))
            err = KT_OK;
    }
    return err;
}

static int
write_output_file(const run_t *run, const kt_results_ask_t *ask)
{
    FILE *out = strcmp(run->out_path, "-") ? fopen(run->out_path, "we") : stdout;
    if (!out)
        return kt_cli_fail_write(run->out_path, errno);
    int code = kt_results_write(run->cli, ask, out);
    if ((out == stdout ? fflush(out) : fclose(out)) && code == KT_EXIT_OK)
        code = kt_cli_fail_write(run->out_path, errno);
    return code;
}

static void
print_summary(const run_t *run, const kt_results_count_t *count)
{
    char                     text[32], problems[256] = "";
    double                   seconds = (double)(kt_clock_ms() - run->began_ms) / 1000;
    const unsigned long long all     = count->successes + count->failures + run->refused + run->unchanged;
    fflush(stdout);
    fprintf(stderr, "kithara: %llu file%s, %llu analysed, %llu failed", all, all == 1 ? "" : "s",
            (unsigned long long)count->successes, (unsigned long long)count->failures);
    if (run->refused)
        fprintf(stderr, ", %llu refused", (unsigned long long)run->refused);
    if (run->unchanged)
        fprintf(stderr, ", %llu unchanged", (unsigned long long)run->unchanged);
    if (run->unchanged_failed)
        fprintf(stderr, " (%llu failed before)", (unsigned long long)run->unchanged_failed);
    if (run->removed)
        fprintf(stderr, ", %llu removed", (unsigned long long)run->removed);
    fprintf(stderr, " in %s\n", kt_table_seconds(text, seconds));
    if (count->problems && *kt_problems_text(count->problems, problems, sizeof problems))
        fprintf(stderr, "kithara: %s\n", problems);
    kt_scan_report(run->scan, run->cli->format == KT_FORMAT_JSON || run->cli->format == KT_FORMAT_JSONL);
    if (run->folders.n == 1 && !strchr(run->folders.paths[0], '\'') &&
        kt_text_is_utf8(run->folders.paths[0], strlen(run->folders.paths[0])))
        fprintf(stderr, "kithara: `kithara results --run '%s'` shows the results again\n", run->folders.paths[0]);
}

// After the farm has ended: prints the table, writes the file, returns the exit code.
static int
report_results(run_t *run)
{
    kt_results_count_t count              = {.known = run->known};
    char               why[KT_LEDGER_WHY] = "";
    // A table has what is new, data have all files.
    const bool       data = kt_cli_is_data(run->cli);
    kt_results_ask_t ask  = {.database_url = run->dir.database_url, .which = KT_WHICH_ALL};
    int              code = KT_EXIT_OK;
    kt_err_t         err  = kt_known_mark(run->known, run->cli, run->dir.database_url, &run->removed, why);
    if (!err)
        err = kt_problems_new(&count.problems, run->cli);
    if (err)
        return kt_cli_fail(err, "results", why);
    ask.after_job = !data && run->first_job ? run->first_job - 1 : 0;
    if (run->submitted || data)
        code = kt_results_show(run->cli, &ask, &count);
    ask.after_job = 0;
    if (code == KT_EXIT_OK && kt_problems_print(count.problems, kt_cli_is_data(run->cli) ? stderr : stdout))
        code = KT_EXIT_FAILED;
    if (code == KT_EXIT_OK && run->out_path)
        code = write_output_file(run, &ask);
    print_summary(run, &count);
    kt_problems_destroy(&count.problems);
    bool whole = count.successes + count.failures == run->submitted;
    if (!whole)
        return kt_cli_fail(KT_ESTATE, run->dir.path, "some files have no result: run it again");
    bool failed = code != KT_EXIT_OK || count.failures || run->unchanged_failed || run->refused ||
                  kt_scan_left_out(run->scan)->unreadable;
    return failed ? KT_EXIT_FAILED : KT_EXIT_OK;
}

static int
report_interruption(run_t *run, kt_err_t err, const char *why)
{
    if (err == KT_ECANCELLED) {
        fprintf(stderr, "kithara: stopped with %llu of %llu files done; the same command resumes here\n",
                (unsigned long long)run->done, (unsigned long long)run->submitted);
        return KT_EXIT_FAILED;
    }
    if (err == KT_ECLOSED)
        return KT_EXIT_FAILED;  // the farm reported the reason
    if (run->client)
        return kt_client_fail(run->client, err);
    if (err == KT_EWRITE && strcmp(why, run->dir.path) == 0)
        return kt_cli_fail(err, why, "set ANALYZER_STATE_DIR to a folder of this user");
    return kt_cli_fail(err, why, NULL);
}

int
kt_cmd_run(kt_cli_t *cli, int argc, char **argv)
{
    run_t run = {.cli = cli, .began_ms = kt_clock_ms()};
    char  why[KT_FARM_WHY];
    if (!parse_run(&run, argc, argv))
        return KT_EXIT_USAGE;
    // At most one worker per core: with more, files only wait for each other.
    const size_t cores = kt_settings_auto_workers(), workers = (size_t)cli->settings->workers;
    if (workers > 0)
        snprintf(run.default_workers, sizeof run.default_workers, "%zu", workers < cores ? workers : cores);
    else
        snprintf(run.default_workers, sizeof run.default_workers, "auto");
    if (!run.workers)
        run.workers = run.default_workers;
    kt_err_t err = kt_folders_take(&run.folders, argv + optind, (size_t)(argc - optind), why);
    if (!err)
        err = open_run(&run, why);
    if (!err && kt_known_open(run.known))
        fprintf(stderr, "kithara: resuming an interrupted run (--fresh starts over)\n");
    kt_progress_begin(&run.progress, cli, "files", 0);
    if (!err)
        err = run_files(&run);
    kt_progress_end(&run.progress);
    int code;
    if (err)
        code = report_interruption(&run, err, why);
    else {
        kt_farm_stop(run.farm);
        while (kt_farm_step(run.farm, POLL_MS) != KT_FARM_ENDED)
            continue;
        code = report_results(&run);
    }
    kt_submit_destroy(&run.submit);
    kt_known_destroy(&run.known);
    kt_tagged_fini(&run.tagged);
    kt_scan_destroy(&run.scan);
    kt_client_destroy(&run.client);
    kt_farm_destroy(&run.farm);
    kt_sizes_fini(&run.sizes);
    kt_folders_fini(&run.folders);
    return code;
}
