// Retention of the ledger in memory: the rows drop their texts. The memory itself is freed with the ledger.
#include "coordinator/ledger/memory/memory.h"

static bool
is_waiting(const kt_mem_t *self, const kt_mem_job_t *job)
{
    for (size_t at = job->result; at;) {
        const kt_mem_result_t *result = kt_mem_row(&self->results, at - 1);
        const kt_mem_outbox_t *row    = result->outbox ? kt_mem_row(&self->outbox, result->outbox - 1) : NULL;
        if (row && row->waiting)
            return true;
        at = result->earlier;
    }
    return false;
}

kt_err_t
kt_mem_retain(kt_ledger_t *base, int64_t before_ms, size_t want, size_t *n)
{
    kt_mem_t *self = (kt_mem_t *)base;
    size_t    got  = 0;
    for (size_t i = 0; i < self->jobs.n && got < want; i++) {
        kt_mem_job_t *job = kt_mem_row(&self->jobs, i);
        if (job->facts.state < KT_JOB_DONE || job->facts.retained || job->ended_ms >= before_ms ||
            is_waiting(self, job))
            continue;
        job->facts.retained = true;
        job->body           = "";
        job->body_bytes     = 0;
        for (size_t at = job->result; at;) {
            kt_mem_result_t *result = kt_mem_row(&self->results, at - 1);
            result->document        = "";
            result->document_bytes  = 0;
            at                      = result->earlier;
        }
        got++;
    }
    *n = got;
    return KT_OK;
}
