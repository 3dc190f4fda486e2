#include "node/work/outcome.h"

#include "common/assert.h"
#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
kt_outcome_fail(kt_outcome_t *self, const char *body, size_t body_bytes, kt_err_t err, const char *detail)
{
    char       why[KT_JOB_WHY];
    kt_buf_t   text;
    kt_stamp_t stamp = {.wall_ms = kt_clock_wall_ms(), .processing_time_s = (double)self->processing_us * 1e-6};
    kt_job_t   job;
    if (kt_job_parse(body, body_bytes, &job, why))
        memset(&job, 0, sizeof job);  // the coordinator identifies the job by its number
    kt_buf_init(&text, KT_DOCUMENT_MAX_BYTES);
    self->err = err;
    if (detail != self->detail)
        snprintf(self->detail, sizeof self->detail, "%s", detail);
    free(self->document);
    self->document       = NULL;
    self->document_bytes = 0;
    if (kt_document_failure(&job, err, self->detail, &stamp, &text))
        kt_buf_fini(&text);  // out of memory: an outcome without a document is not sent, and the job runs again
    else
        self->document = kt_buf_take(&text, &self->document_bytes);
}

static void
take_report(kt_outcome_t *self, const char *body, size_t body_bytes, kt_report_t *report)
{
    self->err            = report->err;
    self->content_digest = report->content_digest;
    self->processing_us  = report->processing_us;
    snprintf(self->detail, sizeof self->detail, "%s", report->detail);
    self->n_stages = report->n_stages < KT_OUTCOME_STAGES ? report->n_stages : KT_OUTCOME_STAGES;
    for (size_t i = 0; i < self->n_stages; i++) {
        snprintf(self->stages[i].name, sizeof self->stages[i].name, "%s", report->stages[i].name);
        self->stages[i].us = report->stages[i].us;
    }
    if (report->document.length)
        self->document = kt_buf_take(&report->document, &self->document_bytes);
    kt_buf_fini(&report->document);
    if (!self->document)
        kt_outcome_fail(self, body, body_bytes, self->err ? self->err : KT_ENOMEM, self->detail);
}

bool
kt_outcome_begin(kt_outcome_t *self, kt_worker_t *worker, const char *body, size_t body_bytes,
                 const kt_worker_opts_t *opts, kt_report_t *report, kt_worker_ready_fn *ready, void *context)
{
    char     why[KT_JOB_WHY];
    kt_job_t job;
    kt_err_t err = kt_job_parse(body, body_bytes, &job, why);
    if (err)
        kt_outcome_fail(self, body, body_bytes, err, why);
    else if (kt_worker_begin(worker, &job, opts, report, ready, context))
        return true;
    else
        take_report(self, body, body_bytes, report);
    return false;
}

void
kt_outcome_resume(kt_outcome_t *self, kt_worker_t *worker, const char *body, size_t body_bytes, kt_report_t *report)
{
    kt_worker_resume(worker);
    take_report(self, body, body_bytes, report);
}

void
kt_outcome_run(kt_outcome_t *self, kt_worker_t *worker, const char *body, size_t body_bytes,
               const kt_worker_opts_t *opts)
{
    kt_report_t report;
    const bool  rests = kt_outcome_begin(self, worker, body, body_bytes, opts, &report, NULL, NULL);
    kt_assert(!rests);
}
