// What happened to one job, from the chains of its attempts and outcomes. Where there is more than fits, the latest.
#include "coordinator/ledger/story.h"

#include "common/text.h"
#include "coordinator/ledger/memory/memory.h"

#include <stdlib.h>
#include <string.h>

typedef struct teller {
    kt_story_row_t *rows;
    size_t          n;
} teller_t;

static kt_story_row_t *
tell(teller_t *self, kt_story_type_t type, uint32_t run, int64_t at_ms)
{
    kt_story_row_t *row = &self->rows[self->n++];
    *row                = (kt_story_row_t){.type = type, .run = run, .at_ms = at_ms};
    return row;
}

static void
tell_claim(const kt_mem_t *self, const kt_mem_job_t *job, teller_t *teller)
{
    kt_story_row_t *row = tell(teller, KT_STORY_CLAIMED, job->facts.id.run, job->claimed_ms);
    for (size_t i = 0; i < self->leases.n; i++) {
        const kt_mem_lease_t *lease = kt_mem_row(&self->leases, i);
        if (lease->lease.epoch == job->facts.epoch)
            kt_text_copy(row->name, sizeof row->name, lease->lease.coordinator);
    }
}

static void
tell_attempts(const kt_mem_t *self, const kt_mem_job_t *job, teller_t *teller)
{
    const kt_mem_attempt_t *from;
    for (size_t at = job->attempt; at; at = from->earlier) {
        from                = kt_mem_row(&self->attempts, at - 1);
        kt_story_row_t *row = tell(teller, KT_STORY_ATTEMPT, from->id.run, from->at_ms);
        row->attempt        = from->attempt;
        row->err            = from->err;
        row->crash          = from->crash;
        kt_text_copy(row->name, sizeof row->name, from->node);
    }
}

static void
tell_outcomes(const kt_mem_t *self, const kt_mem_job_t *job, teller_t *teller)
{
    const kt_mem_result_t *from;
    for (size_t at = job->result; at; at = from->earlier) {
        from                = kt_mem_row(&self->results, at - 1);
        kt_story_row_t *row = tell(teller, KT_STORY_OUTCOME, from->id.run, from->stored_ms);
        row->attempt        = from->attempt;
        row->err            = from->err;
        kt_text_copy(row->name, sizeof row->name, from->node);
        kt_text_copy(row->detail, sizeof row->detail, from->detail);
        if (!from->outbox)
            continue;
        const kt_mem_outbox_t *reject = kt_mem_row(&self->outbox, from->outbox - 1);
        tell(teller, KT_STORY_PUBLISHED, from->id.run, reject->confirmed_ms)->err = from->err;
    }
}

static size_t
count(const kt_mem_t *self, const kt_mem_job_t *job)
{
    size_t n = 1 + (job->facts.state == KT_JOB_CLAIMED);
    for (size_t at = job->attempt; at; at = ((kt_mem_attempt_t *)kt_mem_row(&self->attempts, at - 1))->earlier)
        n++;
    for (size_t at = job->result; at; at = ((kt_mem_result_t *)kt_mem_row(&self->results, at - 1))->earlier)
        n += 2;
    return n;
}

kt_err_t
kt_mem_story(kt_ledger_t *base, uint64_t id, kt_story_row_t *out, size_t capacity, size_t *n)
{
    const kt_mem_t     *self = (const kt_mem_t *)base;
    const kt_mem_job_t *job  = kt_mem_job(self, id);
    if (!job)
        return KT_ENOTFOUND;
    teller_t teller = {.rows = calloc(count(self, job), sizeof *teller.rows)};
    if (!teller.rows)
        return KT_ENOMEM;
    tell(&teller, KT_STORY_ACCEPTED, 1, job->created_ms);
    tell_attempts(self, job, &teller);
    if (job->facts.state == KT_JOB_CLAIMED)
        tell_claim(self, job, &teller);
    tell_outcomes(self, job, &teller);
    kt_story_sort(teller.rows, teller.n);
    *n = teller.n < capacity ? teller.n : capacity;
    memcpy(out, teller.rows + teller.n - *n, *n * sizeof *out);
    free(teller.rows);
    return KT_OK;
}
