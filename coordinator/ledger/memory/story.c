// What happened to one job, from the chains of its attempts and outcomes (where there is more than fits, the latest);
// and the failed jobs by their code.
#include "coordinator/ledger/story.h"

#include "common/text.h"
#include "coordinator/ledger/memory/memory.h"

#include <stdlib.h>
#include <string.h>

typedef struct story {
    kt_story_row_t *rows;
    size_t          n;
} story_t;

static kt_story_row_t *
add_story_row(story_t *self, kt_story_type_t type, uint32_t run, int64_t at_ms)
{
    kt_story_row_t *row = &self->rows[self->n++];
    *row                = (kt_story_row_t){.type = type, .run = run, .at_ms = at_ms};
    return row;
}

static size_t
count_story_rows(const kt_mem_t *self, const kt_mem_job_t *job)
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
    const kt_mem_t         *self = (const kt_mem_t *)base;
    const kt_mem_job_t     *job  = kt_mem_job(self, id);
    const kt_mem_attempt_t *attempt;
    const kt_mem_result_t  *result;
    if (!job)
        return KT_ENOTFOUND;
    story_t story = {.rows = calloc(count_story_rows(self, job), sizeof *story.rows)};
    if (!story.rows)
        return KT_ENOMEM;

    add_story_row(&story, KT_STORY_ACCEPTED, 1, job->created_ms);
    for (size_t at = job->attempt; at; at = attempt->earlier) {
        attempt             = kt_mem_row(&self->attempts, at - 1);
        kt_story_row_t *row = add_story_row(&story, KT_STORY_ATTEMPT, attempt->id.run, attempt->at_ms);
        row->attempt        = attempt->attempt;
        row->err            = attempt->err;
        row->crash          = attempt->crash;
        kt_text_copy(row->name, sizeof row->name, attempt->node);
    }

    if (job->facts.state == KT_JOB_CLAIMED) {
        kt_story_row_t *row = add_story_row(&story, KT_STORY_CLAIMED, job->facts.id.run, job->claimed_ms);
        for (size_t i = 0; i < self->leases.n; i++) {
            const kt_mem_lease_t *lease = kt_mem_row(&self->leases, i);
            if (lease->lease.epoch == job->facts.epoch)
                kt_text_copy(row->name, sizeof row->name, lease->lease.coordinator);
        }
    }

    for (size_t at = job->result; at; at = result->earlier) {
        result              = kt_mem_row(&self->results, at - 1);
        kt_story_row_t *row = add_story_row(&story, KT_STORY_OUTCOME, result->id.run, result->stored_ms);
        row->attempt        = result->attempt;
        row->err            = result->err;
        kt_text_copy(row->name, sizeof row->name, result->node);
        kt_text_copy(row->detail, sizeof row->detail, result->detail);
        if (!result->outbox)
            continue;
        const kt_mem_outbox_t *message = kt_mem_row(&self->outbox, result->outbox - 1);
        add_story_row(&story, KT_STORY_PUBLISHED, result->id.run, message->confirmed_ms)->err = result->err;
    }

    kt_story_sort(story.rows, story.n);
    *n = story.n < capacity ? story.n : capacity;
    memcpy(out, story.rows + story.n - *n, *n * sizeof *out);
    free(story.rows);
    return KT_OK;
}

static int
compare_failures(const void *a, const void *b)
{
    const kt_failure_row_t *left = a, *right = b;
    if (left->jobs != right->jobs)
        return left->jobs < right->jobs ? 1 : -1;
    return (left->err < right->err) - (left->err > right->err);
}

kt_err_t
kt_mem_failures(kt_ledger_t *base, size_t most, kt_failure_row_t *out, size_t capacity, size_t *n)
{
    const kt_mem_t *self = (const kt_mem_t *)base;
    *n                   = 0;
    for (size_t id = self->jobs.n, seen = 0; id && seen < most; id--) {
        const kt_mem_job_t *job = kt_mem_job(self, id);
        if (job->facts.state != KT_JOB_FAILED || !job->result)
            continue;
        const kt_mem_result_t *result = kt_mem_row(&self->results, job->result - 1);
        size_t                 i      = 0;
        while (i < *n && out[i].err != result->err)
            i++;
        seen++;
        if (i == capacity)
            continue;
        if (i == *n)
            out[(*n)++] = (kt_failure_row_t){.err = result->err};
        out[i].jobs++;
        out[i].last_ms = result->stored_ms > out[i].last_ms ? result->stored_ms : out[i].last_ms;
    }
    qsort(out, *n, sizeof *out, compare_failures);
    return KT_OK;
}
