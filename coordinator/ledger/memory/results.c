// Blame, outcomes and operators' requests of the ledger in memory.
#include "common/text.h"
#include "coordinator/ledger/memory/memory.h"

#include <string.h>

static bool
is_blamed(const kt_mem_t *self, const kt_mem_job_t *job, const kt_attempt_t *attempt)
{
    for (size_t at = job->attempt; at;) {
        const kt_mem_attempt_t *row = kt_mem_row(&self->attempts, at - 1);
        if (row->id.run == attempt->id.run && row->attempt == attempt->attempt)
            return true;
        at = row->earlier;
    }
    return false;
}

kt_err_t
kt_mem_blame(kt_ledger_t *base, const kt_lease_t *lease, const kt_attempt_t *attempts, size_t n)
{
    kt_mem_t *self = (kt_mem_t *)base;
    if (!kt_mem_room(&self->attempts, n))
        return KT_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const kt_attempt_t *from = &attempts[i];
        kt_mem_job_t       *job  = kt_mem_claimed(self, lease, from->id);
        if (!job || is_blamed(self, job, from))
            continue;
        kt_mem_attempt_t *row = kt_mem_add(&self->attempts);
        *row                  = (kt_mem_attempt_t){.id      = from->id,
                                                   .earlier = job->attempt,
                                                   .attempt = from->attempt,
                                                   .err     = from->err,
                                                   .crash   = from->crash,
                                                   .at_ms   = from->wall_ms};
        if (from->node_name)
            kt_text_sanitize(row->node, sizeof row->node, from->node_name, strlen(from->node_name));
        job->attempt = self->attempts.n;
        job->attempts++;
        job->crashes += from->crash;
    }
    return KT_OK;
}

static void
count_day(kt_mem_t *self, int64_t day)
{
    kt_mem_day_t *row = NULL;
    for (size_t i = self->days.n; i-- && (!row || row->day != day);)
        row = kt_mem_row(&self->days, i);
    if (!row || row->day != day) {
        row      = kt_mem_add(&self->days);
        row->day = day;
    }
    row->done++;
}

static void
keep_result(kt_mem_t *self, kt_mem_job_t *job, const kt_result_t *from)
{
    char        detail[512], node[64];
    const char *detail_text = from->detail ? from->detail : "", *node_text = from->node_name ? from->node_name : "";
    size_t      detail_bytes = kt_text_sanitize(detail, sizeof detail, detail_text, strlen(detail_text));
    size_t      node_bytes   = kt_text_sanitize(node, sizeof node, node_text, strlen(node_text));
    kt_mem_result_t *row     = kt_mem_add(&self->results);
    *row                     = (kt_mem_result_t){
                            .id             = from->id,
                            .attempt        = from->attempt,
                            .earlier        = job->result,
                            .err            = from->err,
                            .processing_us  = from->processing_us,
                            .stored_ms      = from->wall_ms,
                            .detail         = kt_mem_text(self, detail, detail_bytes),
                            .node           = kt_mem_text(self, node, node_bytes),
                            .document       = kt_mem_text(self, from->document, from->document_bytes),
                            .document_bytes = from->document_bytes,
                            .content_digest = from->content_digest,
    };
    job->result = self->results.n;
    if (self->base.publishes)
        kt_mem_outbox_result(self, job);
    self->processing_us += from->processing_us;
    kt_mem_set_state(self, job, from->err ? KT_JOB_FAILED : KT_JOB_DONE);
    job->ended_ms = from->wall_ms;
    if (!from->err)
        count_day(self, kt_rule_day(from->wall_ms));
}

static kt_err_t
store_outcomes(kt_mem_t *self, const kt_lease_t *lease, const kt_result_t *results, size_t n, kt_stored_t *how)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += results[i].document_bytes + 512 + 64 + 3;
    if (!kt_mem_room(&self->results, n) || !kt_mem_room(&self->outbox, n) || !kt_mem_room(&self->days, n) ||
        !kt_mem_text_room(self, bytes))
        return KT_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        kt_mem_job_t *job = kt_mem_job(self, results[i].id.job);
        how[i]            = kt_rule_outcome(job ? &job->facts : NULL, &results[i], lease);
        if (job && how[i] == KT_STORED_NEW)
            keep_result(self, job, &results[i]);
    }
    return KT_OK;
}

kt_err_t
kt_mem_store(kt_ledger_t *base, const kt_result_t *results, size_t n, kt_stored_t *how)
{
    return store_outcomes((kt_mem_t *)base, NULL, results, n, how);
}

kt_err_t
kt_mem_fail(kt_ledger_t *base, const kt_lease_t *lease, const kt_result_t *failures, size_t n, kt_stored_t *how)
{
    return store_outcomes((kt_mem_t *)base, lease, failures, n, how);
}

static void
ask_job(kt_mem_t *self, kt_ask_t *ask)
{
    kt_mem_job_t *job = kt_mem_job(self, ask->id.job);
    ask->how          = KT_ENOTFOUND;
    if (!job)
        return;
    kt_job_facts_t now = job->facts;
    ask->state         = now.state;
    ask->retained      = now.retained;
    ask->how           = kt_rule_ask(&now, ask);
    if (ask->how)
        return;
    ask->id.run = now.id.run;
    if (now.state == job->facts.state)
        return;
    if (now.state == KT_JOB_QUEUED) {
        job->attempts = job->crashes = 0;
        self->retried++;
    }
    job->facts.id = now.id;
    kt_mem_set_state(self, job, now.state);
}

// Marks are few: drained nodes.
static void
ask_node(kt_mem_t *self, kt_ask_t *ask)
{
    ask->how = kt_rule_node_name_ok(ask->node_name) ? KT_OK : KT_EINVAL;
    if (ask->how)
        return;
    size_t at = 0;
    while (at < self->marks.n && strcmp(kt_mem_row(&self->marks, at), ask->node_name))
        at++;
    if (ask->type == KT_ASK_DRAIN && at == self->marks.n)
        kt_text_copy(kt_mem_add(&self->marks), self->marks.row_bytes, ask->node_name);
    if (ask->type == KT_ASK_UNDRAIN && at < self->marks.n)
        memmove(kt_mem_row(&self->marks, at), kt_mem_row(&self->marks, --self->marks.n), self->marks.row_bytes);
}

kt_err_t
kt_mem_ask(kt_ledger_t *base, kt_ask_t *asks, size_t n)
{
    kt_mem_t *self = (kt_mem_t *)base;
    if (!kt_mem_room(&self->marks, n))
        return KT_ENOMEM;
    for (size_t i = 0; i < n; i++)
        if (asks[i].type == KT_ASK_DRAIN || asks[i].type == KT_ASK_UNDRAIN)
            ask_node(self, &asks[i]);
        else
            ask_job(self, &asks[i]);
    return KT_OK;
}
