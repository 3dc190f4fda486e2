// The ledger in memory: for the dispatch benchmark, the simulation and tests. It keeps every rule of the interface
// except durability, keeps all rows until it is closed, and has no backfills.
#include "coordinator/ledger/memory/memory.h"

#include "common/text.h"

#include <stdlib.h>
#include <string.h>

static kt_err_t
totals(kt_ledger_t *base, int64_t wall_ms, kt_totals_t *out)
{
    kt_mem_t *self = (kt_mem_t *)base;
    *out           = (kt_totals_t){
                  .queued              = self->counts[KT_JOB_QUEUED],
                  .claimed             = self->counts[KT_JOB_CLAIMED],
                  .done                = self->counts[KT_JOB_DONE],
                  .failed              = self->counts[KT_JOB_FAILED],
                  .cancelled           = self->counts[KT_JOB_CANCELLED],
                  .retried             = self->retried,
                  .processing_us_total = (uint64_t)self->processing_us,
                  .outbox_waiting      = self->outbox_waiting,
    };
    for (size_t i = 0; i < self->days.n; i++) {
        const kt_mem_day_t *row = kt_mem_row(&self->days, i);
        if (row->day == kt_rule_day(wall_ms))
            out->done_today = row->done;
    }
    for (unsigned rank = 0; rank < KT_RANKS; rank++) {
        const kt_mem_job_t *job = kt_mem_oldest(self, rank);
        if (job && (!out->oldest_queued_ms || job->created_ms < out->oldest_queued_ms))
            out->oldest_queued_ms = job->created_ms;
    }
    return KT_OK;
}

static kt_err_t
show_job(const kt_mem_t *self, const kt_mem_job_t *job, bool document, kt_job_row_t *out)
{
    memset(out, 0, sizeof *out);
    out->id              = job->facts.id;
    out->state           = job->facts.state;
    out->priority        = job->priority;
    out->attempts        = job->attempts;
    out->crashes         = job->crashes;
    out->created_wall_ms = job->created_ms;
    kt_text_copy(out->message_id, sizeof out->message_id, job->message_id);
    kt_text_copy(out->file_path, sizeof out->file_path, job->file_path);
    const bool cancelled = job->facts.state == KT_JOB_CANCELLED;
    const bool ended     = job->facts.state == KT_JOB_DONE || job->facts.state == KT_JOB_FAILED;
    out->err             = cancelled ? KT_ECANCELLED : KT_OK;
    if (!job->result || (!ended && !document))
        return KT_OK;

    const kt_mem_result_t *result = kt_mem_row(&self->results, job->result - 1);
    out->err                      = cancelled ? KT_ECANCELLED : result->err;
    out->result_run               = result->id.run;
    out->stored_wall_ms           = result->stored_ms;
    out->processing_us            = result->processing_us;
    kt_text_copy(out->detail, sizeof out->detail, result->detail);
    kt_text_copy(out->node_name, sizeof out->node_name, result->node);
    if (!document || job->facts.retained)
        return KT_OK;
    out->document = malloc(result->document_bytes + 1);
    if (!out->document)
        return KT_ENOMEM;
    memcpy(out->document, result->document, result->document_bytes + 1);
    out->document_bytes = result->document_bytes;
    return KT_OK;
}

// The filters that need the job's row.
static bool
has_outcome(const kt_job_query_t *query, const kt_job_row_t *row)
{
    return row->created_wall_ms >= query->since_ms && (!query->err || row->err == query->err) &&
           (!query->node || strcmp(query->node, row->node_name) == 0);
}

static kt_err_t
jobs_page(kt_ledger_t *base, const kt_job_query_t *query, kt_job_row_t *out, size_t capacity, size_t *n)
{
    const kt_mem_t *self = (const kt_mem_t *)base;
    kt_err_t        err  = KT_OK;
    size_t          got  = 0;
    const uint64_t  end =
        query->newest && query->after_job && query->after_job - 1 < self->jobs.n ? query->after_job - 1 : self->jobs.n;
    for (uint64_t i = query->newest ? 0 : query->after_job; i < end && got < capacity && !err; i++) {
        const kt_mem_job_t *job = kt_mem_row(&self->jobs, (size_t)(query->newest ? end - 1 - i : i));
        if ((query->state >= 0 && query->state != (int)job->facts.state) ||
            (query->message_id && strcmp(query->message_id, job->message_id) != 0) ||
            (query->path_prefix && strncmp(job->file_path, query->path_prefix, strlen(query->path_prefix)) != 0))
            continue;
        err = show_job(self, job, query->documents, &out[got]);
        if (err || has_outcome(query, &out[got]))
            got++;
        else
            free(out[got].document);
    }
    if (!err)
        *n = got;
    for (size_t i = 0; err && i < got; i++) {
        free(out[i].document);
        out[i].document = NULL;
    }
    return err;
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static kt_err_t
drained(kt_ledger_t *base, char (*names)[64], size_t capacity, size_t *n)
{
    kt_mem_t *self = (kt_mem_t *)base;
    if (self->marks.n)
        qsort(self->marks.at, self->marks.n, self->marks.row_bytes, by_name);
    *n = self->marks.n < capacity ? self->marks.n : capacity;
    for (size_t i = 0; i < *n; i++)
        memcpy(names[i], kt_mem_row(&self->marks, i), sizeof names[i]);
    return KT_OK;
}

static void
close_memory(kt_ledger_t **self_p)
{
    kt_mem_t *self = (kt_mem_t *)*self_p;
    if (!self)
        return;
    kt_mem_fini(self);
    free(self);
    *self_p = NULL;
}

static const kt_ledger_ops_t OPS = {
    .name          = "memory",
    .insert_jobs   = kt_mem_insert_jobs,
    .lease_open    = kt_mem_lease_open,
    .lease_renew   = kt_mem_lease_renew,
    .claim         = kt_mem_claim,
    .release       = kt_mem_release,
    .blame         = kt_mem_blame,
    .store         = kt_mem_store,
    .fail          = kt_mem_fail,
    .retain        = kt_mem_retain,
    .ask           = kt_mem_ask,
    .outbox_put    = kt_mem_outbox_put,
    .outbox_take   = kt_mem_outbox_take,
    .outbox_done   = kt_mem_outbox_done,
    .outbox_replay = kt_mem_outbox_replay,
    .totals        = totals,
    .jobs          = jobs_page,
    .failures      = kt_mem_failures,
    .story         = kt_mem_story,
    .drained       = drained,
    .audit         = kt_mem_audit,
    .close         = close_memory,
};

kt_err_t
kt_ledger_memory_open(kt_ledger_t **out)
{
    kt_mem_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->base.ops = &OPS;
    kt_mem_init(self);
    *out = &self->base;
    return KT_OK;
}
