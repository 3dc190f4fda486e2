// kt_outcome -- the result of one attempt at a task: the output message, or the message of a failure. Written by the
// worker thread that has the task; the link thread reads it after the task's `finished` event.
#pragma once

#include "common/digest.h"
#include "common/err.h"
#include "node/run/pipeline.h"

#include <stddef.h>
#include <stdint.h>

enum { KT_OUTCOME_STAGES = 8, KT_OUTCOME_DETAIL = 512 };

typedef struct kt_outcome {
    kt_err_t    err;
    char        detail[KT_OUTCOME_DETAIL];
    kt_digest_t content_digest;  // zero when the file was not read
    int64_t     processing_us;
    size_t      n_stages;
    struct {
        char    name[32];
        int64_t us;
    } stages[KT_OUTCOME_STAGES];
    char  *document;  // malloc'ed; NULL: none yet, or out of memory
    size_t document_bytes;
} kt_outcome_t;

// Analyses the input message `body` on this thread. Out of memory is an outcome without a document.
void kt_outcome_run(kt_outcome_t *self, kt_worker_t *worker, const char *body, size_t body_bytes,
                    const kt_worker_opts_t *opts);
// The same as kt_worker_begin and kt_worker_resume: true, it rests until ready was called, and kt_outcome_resume does
// the rest. report and opts stay in place until then.
KT_MUST_USE bool kt_outcome_begin(kt_outcome_t *self, kt_worker_t *worker, const char *body, size_t body_bytes,
                                  const kt_worker_opts_t *opts, kt_report_t *report, kt_worker_ready_fn *ready,
                                  void *context);
void             kt_outcome_resume(kt_outcome_t *self, kt_worker_t *worker, const char *body, size_t body_bytes,
                                   kt_report_t *report);
// Replaces the outcome by the document of a failure; processing_us stays. detail may be self->detail.
void kt_outcome_fail(kt_outcome_t *self, const char *body, size_t body_bytes, kt_err_t err, const char *detail);
