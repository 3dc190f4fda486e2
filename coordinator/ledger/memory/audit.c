// The audit of a ledger in memory: the rules of the SQLite ledger's audit, as far as there is something to break.
#include "coordinator/ledger/memory/memory.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct audit {
    const kt_mem_t *self;
    kt_audit_fn    *found;
    void           *context;
    uint64_t        counts[KT_JOB_CANCELLED + 1];
} audit_t;

static void
check_outcomes(const audit_t *audit, const kt_mem_job_t *job)
{
    const kt_mem_result_t *of_run   = NULL;
    bool                   finished = job->facts.state == KT_JOB_DONE || job->facts.state == KT_JOB_FAILED;
    size_t                 n        = 0;
    for (size_t at = job->result; at;) {
        const kt_mem_result_t *row = kt_mem_row(&audit->self->results, at - 1);
        if (row->id.job != job->facts.id.job || row->id.run > job->facts.id.run)
            audit->found(audit->context, row->id, "the result is of another job, or of a run not reached");
        if (row->id.run == job->facts.id.run) {
            of_run = row;
            n++;
        }
        at = row->earlier;
    }
    if (n != finished) {
        char text[128];
        snprintf(text, sizeof text, "the job is %s and has %zu results of its run", kt_job_state_name(job->facts.state),
                 n);
        audit->found(audit->context, job->facts.id, text);
    } else if (of_run && (of_run->err == KT_OK) != (job->facts.state == KT_JOB_DONE)) {
        audit->found(audit->context, job->facts.id, "the job's state and its result differ about success");
    }
}

static void
check_job(audit_t *audit, const kt_mem_job_t *job)
{
    const kt_job_facts_t *facts    = &job->facts;
    uint32_t              attempts = 0, crashes = 0;
    audit->counts[facts->state]++;
    check_outcomes(audit, job);
    for (size_t at = job->attempt; at;) {
        const kt_mem_attempt_t *row = kt_mem_row(&audit->self->attempts, at - 1);
        if (row->id.run == facts->id.run) {
            attempts++;
            crashes += row->crash;
        }
        at = row->earlier;
    }
    if (attempts != job->attempts || crashes != job->crashes)
        audit->found(audit->context, facts->id, "the job's attempts are not those of its rows");
    if (facts->state == KT_JOB_CLAIMED && !kt_mem_has_lease(audit->self, facts->epoch))
        audit->found(audit->context, facts->id, "the job is claimed under an epoch that no lease has");
    if (facts->state != KT_JOB_CLAIMED && facts->epoch)
        audit->found(audit->context, facts->id, "the job is not claimed but carries an epoch");
    if (facts->state == KT_JOB_QUEUED && !job->in_heap)
        audit->found(audit->context, facts->id, "the job is queued but cannot be claimed");
    if (kt_mem_find(audit->self, job->message_id, job->hash) != job)
        audit->found(audit->context, facts->id, "the job is not found by its message_id");
}

static void
check_outbox(const audit_t *audit)
{
    const kt_mem_t *self    = audit->self;
    uint64_t        waiting = 0;
    for (size_t i = 0; i < self->outbox.n; i++) {
        const kt_mem_outbox_t *row = kt_mem_row(&self->outbox, i);
        waiting += row->waiting;
        if (row->waiting && row->epoch && !kt_mem_has_lease(self, row->epoch))
            audit->found(audit->context, row->run, "an outbox row waits under an epoch that no lease has");
    }
    for (size_t i = 0; i < self->results.n; i++) {
        const kt_mem_result_t *result = kt_mem_row(&self->results, i);
        const kt_mem_outbox_t *row    = result->outbox ? kt_mem_row(&self->outbox, result->outbox - 1) : NULL;
        if (row && (row->run.job != result->id.job || row->run.run != result->id.run))
            audit->found(audit->context, result->id, "the result's outbox row is another's");
    }
    if (waiting != self->outbox_waiting)
        audit->found(audit->context, (kt_run_id_t){0, 0},
                     "the totals and the rows differ about what waits in the outbox");
}

kt_err_t
kt_mem_audit(kt_ledger_t *base, kt_audit_fn *found, void *context, uint64_t *rows)
{
    const kt_mem_t *self  = (const kt_mem_t *)base;
    audit_t         audit = {.self = self, .found = found, .context = context};
    for (size_t i = 0; i < self->jobs.n; i++)
        check_job(&audit, kt_mem_row(&self->jobs, i));
    for (int state = 0; state <= KT_JOB_CANCELLED; state++) {
        char text[128];
        if (audit.counts[state] == self->counts[state])
            continue;
        snprintf(text, sizeof text, "the totals have %" PRIu64 " %s jobs, the rows %" PRIu64, self->counts[state],
                 kt_job_state_name((kt_job_state_t)state), audit.counts[state]);
        found(context, (kt_run_id_t){0, 0}, text);
    }
    check_outbox(&audit);
    *rows = self->jobs.n + self->results.n + self->attempts.n + self->outbox.n;
    return KT_OK;
}
