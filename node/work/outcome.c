// How a task becomes an outcome on this thread, and how settings travel to a child.
#include "common/clock.h"
#include "node/run/pipeline.h"
#include "node/work/isolated.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SETTINGS_BYTES = 1 << 20 };

void
kt_outcome_fail(kt_outcome_t *outcome, const char *body, size_t body_bytes, kt_err_t err, const char *detail)
{
    char       why[KT_JOB_WHY];
    kt_buf_t   text;
    kt_stamp_t stamp = {.wall_ms = kt_clock_wall_ms(), .processing_time_s = (double)outcome->processing_us * 1e-6};
    kt_job_t   job;
    if (kt_job_parse(body, body_bytes, &job, why))
        memset(&job, 0, sizeof job);  // the coordinator knows it by its number
    kt_buf_init(&text, KT_DOCUMENT_MAX_BYTES);
    outcome->err = err;
    if (detail != outcome->detail)
        snprintf(outcome->detail, sizeof outcome->detail, "%s", detail);
    free(outcome->document);
    outcome->document       = NULL;
    outcome->document_bytes = 0;
    if (kt_document_failure(&job, err, outcome->detail, &stamp, &text))
        kt_buf_fini(&text);  // out of memory: an outcome without a document is not told, and the job sent again
    else
        outcome->document = kt_buf_take(&text, &outcome->document_bytes);
}

static void
take_report(kt_outcome_t *outcome, kt_report_t *report)
{
    outcome->err            = report->err;
    outcome->content_digest = report->content_digest;
    outcome->processing_us  = report->processing_us;
    snprintf(outcome->detail, sizeof outcome->detail, "%s", report->detail);
    outcome->n_stages = report->n_stages < KT_OUTCOME_STAGES ? report->n_stages : KT_OUTCOME_STAGES;
    for (size_t i = 0; i < outcome->n_stages; i++) {
        snprintf(outcome->stages[i].name, sizeof outcome->stages[i].name, "%s", report->stages[i].name);
        outcome->stages[i].us = report->stages[i].us;
    }
    if (report->document.length)
        outcome->document = kt_buf_take(&report->document, &outcome->document_bytes);
    kt_buf_fini(&report->document);
}

void
kt_outcome_run(kt_outcome_t *outcome, kt_worker_t *worker, const kt_task_t *task, int64_t limit_ms,
               _Atomic uint64_t *progress)
{
    char             why[KT_JOB_WHY];
    kt_job_t         job;
    kt_report_t      report;
    kt_worker_opts_t opts = {
        .deadline_ms = kt_clock_ms() + limit_ms, .cancelled = (_Atomic bool *)&task->cancelled, .progress = progress};
    kt_err_t err = kt_job_parse(task->body, task->body_bytes, &job, why);
    if (err) {
        kt_outcome_fail(outcome, task->body, task->body_bytes, err, why);
        return;
    }
    kt_worker_run(worker, &job, &opts, &report);
    take_report(outcome, &report);
    if (!outcome->document)
        kt_outcome_fail(outcome, task->body, task->body_bytes, outcome->err ? outcome->err : KT_ENOMEM,
                        outcome->detail);
}

kt_err_t
kt_settings_pass(const kt_settings_t *settings, int *fd)
{
    kt_buf_t text;
    int      made = memfd_create("kithara-settings", MFD_CLOEXEC);
    if (made < 0)
        return KT_ESYSTEM;
    kt_buf_init(&text, SETTINGS_BYTES);
    kt_settings_print(settings, &text);
    kt_err_t err = text.err;
    if (!err && write(made, text.bytes, text.length) != (ssize_t)text.length)
        err = KT_ESYSTEM;
    kt_buf_fini(&text);
    if (err)
        close(made);
    else
        *fd = made;
    return err;
}

kt_err_t
kt_settings_take(kt_settings_t *out, int fd)
{
    char  path[32], why[KT_SETTINGS_WHY];
    char *nothing[] = {NULL};
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return kt_settings_load(out, path, nothing, why);
}

kt_err_t
kt_settings_copy(const kt_settings_t *settings, kt_settings_t *out)
{
    int      fd;
    kt_err_t err = kt_settings_pass(settings, &fd);
    if (err)
        return err;
    err = kt_settings_take(out, fd);
    close(fd);
    return err;
}
