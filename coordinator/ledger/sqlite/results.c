// Outcomes, and what an operator asks for.
#include "common/text.h"
#include "coordinator/ledger/sqlite/sqlite.h"

#include <stdlib.h>
#include <string.h>

static void
clean(char *out, size_t capacity, const char *text)
{
    kt_text_sanitize(out, capacity, text ? text : "", text ? strlen(text) : 0);
}

static kt_err_t
put_result(kt_sqlite_t *self, const kt_result_t *result)
{
    char        detail[512], node[64], stages[KT_STAGES_TEXT];
    kt_digest_t digest;
    kt_digest_of(result->document ? result->document : "", result->document_bytes, &digest);
    clean(detail, sizeof detail, result->detail);
    clean(node, sizeof node, result->node_name);
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_RESULT_PUT);
    kt_sqlite_int(&call, (int64_t)result->id.job);
    kt_sqlite_int(&call, result->id.run);
    kt_sqlite_int(&call, result->attempt);
    kt_sqlite_int(&call, result->err);
    kt_sqlite_int(&call, result->processing_us);
    kt_sqlite_int(&call, result->wall_ms);
    kt_sqlite_text(&call, detail);
    kt_sqlite_text(&call, node);
    kt_sqlite_text(&call, kt_rule_stages_json(result, stages));
    kt_sqlite_digest(&call, &result->content_digest);
    kt_sqlite_digest(&call, &digest);
    kt_sqlite_bytes(&call, result->document, result->document_bytes);
    kt_sqlite_int(&call, self->base.publishes);
    return kt_sqlite_run(&call);
}

static kt_err_t
set_state(kt_sqlite_t *self, const kt_job_facts_t *job, kt_job_state_t state)
{
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_JOB_STATE);
    kt_sqlite_int(&call, (int64_t)job->id.job);
    kt_sqlite_int(&call, state);
    kt_sqlite_moved(self, (int)job->state, (int)state);
    return kt_sqlite_run(&call);
}

static kt_err_t
end_job(kt_sqlite_t *self, const kt_job_facts_t *job, const kt_result_t *result)
{
    kt_job_state_t   state = result->err ? KT_JOB_FAILED : KT_JOB_DONE;
    kt_sqlite_call_t call  = kt_sqlite_call(self, KT_SQL_JOB_END);
    kt_sqlite_int(&call, (int64_t)job->id.job);
    kt_sqlite_int(&call, state);
    kt_sqlite_int(&call, result->wall_ms);
    kt_sqlite_moved(self, (int)job->state, (int)state);
    return kt_sqlite_run(&call);
}

// Counts of one day are gathered; a group that spans midnight writes the first day before it begins the next.
static kt_err_t
count_day(kt_sqlite_t *self, int64_t day)
{
    kt_err_t err = KT_OK;
    if (self->delta.day_done && self->delta.day != day) {
        kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_ADD_DAY);
        kt_sqlite_int(&call, self->delta.day);
        kt_sqlite_int(&call, self->delta.day_done);
        err                  = kt_sqlite_run(&call);
        self->delta.day_done = 0;
    }
    self->delta.day = day;
    self->delta.day_done++;
    return err;
}

static kt_err_t
store_new(kt_sqlite_t *self, const kt_job_facts_t *job, const kt_result_t *result, kt_stored_t *how)
{
    kt_err_t err = put_result(self, result);
    if (err == KT_EBADDATA)
        *how = KT_STORED_BAD_DATA;  // SQLite took this one row back; its neighbours stand
    else if (!err && !kt_sqlite_changes(self))
        *how = KT_STORED_ALREADY;
    if (err || *how != KT_STORED_NEW)
        return err == KT_EBADDATA ? KT_OK : err;
    if (self->base.publishes && (err = kt_sqlite_outbox_result(self, result)))
        return err;
    self->delta.processing_us += result->processing_us;
    err = end_job(self, job, result);
    if (err || result->err)
        return err;
    return count_day(self, kt_rule_day(result->wall_ms));
}

static kt_err_t
outcomes(kt_ledger_t *base, const kt_lease_t *lease, const kt_result_t *results, size_t n, kt_stored_t *how)
{
    kt_sqlite_t *self = (kt_sqlite_t *)base;
    kt_err_t     err  = kt_sqlite_begin(self);
    for (size_t i = 0; i < n && !err; i++) {
        kt_job_facts_t job;
        bool           found = false;
        if ((err = kt_sqlite_facts(self, results[i].id.job, &job, &found)))
            break;
        how[i] = kt_rule_outcome(found ? &job : NULL, &results[i], lease);
        if (how[i] == KT_STORED_NEW)
            err = store_new(self, &job, &results[i], &how[i]);
    }
    return kt_sqlite_end(self, err);
}

kt_err_t
kt_sqlite_store(kt_ledger_t *self, const kt_result_t *results, size_t n, kt_stored_t *how)
{
    return outcomes(self, NULL, results, n, how);
}

kt_err_t
kt_sqlite_fail(kt_ledger_t *self, const kt_lease_t *lease, const kt_result_t *failures, size_t n, kt_stored_t *how)
{
    return outcomes(self, lease, failures, n, how);
}

static kt_err_t
restart(kt_sqlite_t *self, const kt_job_facts_t *was, const kt_job_facts_t *now)
{
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_JOB_RETRY);
    kt_sqlite_int(&call, (int64_t)now->id.job);
    kt_sqlite_int(&call, now->id.run);
    kt_sqlite_moved(self, (int)was->state, KT_JOB_QUEUED);
    self->delta.retried++;
    return kt_sqlite_run(&call);
}

static kt_err_t
ask_job(kt_sqlite_t *self, kt_ask_t *ask)
{
    kt_job_facts_t was;
    bool           found;
    kt_err_t       err = kt_sqlite_facts(self, ask->id.job, &was, &found);
    if (err)
        return err;
    ask->how = KT_ENOTFOUND;
    if (!found)
        return KT_OK;
    kt_job_facts_t now = was;
    ask->how           = kt_rule_ask(&now, ask);
    if (!ask->how)
        ask->id.run = now.id.run;
    if (ask->how || now.state == was.state)
        return KT_OK;
    return now.state == KT_JOB_CANCELLED ? set_state(self, &was, KT_JOB_CANCELLED) : restart(self, &was, &now);
}

static kt_err_t
ask_node(kt_sqlite_t *self, kt_ask_t *ask)
{
    ask->how = kt_rule_node_name_ok(ask->node_name) ? KT_OK : KT_EINVAL;
    if (ask->how)
        return KT_OK;
    kt_sqlite_call_t call = kt_sqlite_call(self, ask->type == KT_ASK_DRAIN ? KT_SQL_NODE_DRAIN : KT_SQL_NODE_UNDRAIN);
    kt_sqlite_text(&call, ask->node_name);
    return kt_sqlite_run(&call);
}

// The asks are changed only with the commit, so that a group which is told again asks for the same runs.
kt_err_t
kt_sqlite_ask(kt_ledger_t *base, kt_ask_t *asks, size_t n)
{
    kt_sqlite_t *self   = (kt_sqlite_t *)base;
    kt_ask_t    *answer = malloc((n ? n : 1) * sizeof *answer);
    if (!answer)
        return KT_ENOMEM;
    memcpy(answer, asks, n * sizeof *answer);
    kt_err_t err = kt_sqlite_begin(self);
    for (size_t i = 0; i < n && !err; i++) {
        bool node = asks[i].type == KT_ASK_DRAIN || asks[i].type == KT_ASK_UNDRAIN;
        err       = node ? ask_node(self, &answer[i]) : ask_job(self, &answer[i]);
    }
    err = kt_sqlite_end(self, err);
    if (!err)
        memcpy(asks, answer, n * sizeof *answer);
    free(answer);
    return err;
}
