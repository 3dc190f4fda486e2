// Outcomes. Two round trips: what the jobs are, and, after the rules have judged, all rows of the group at once.
#include "common/text.h"
#include "coordinator/ledger/postgres/facts.h"
#include "coordinator/ledger/postgres/ops.h"

#include <stdlib.h>
#include <string.h>

typedef struct group {
    const kt_lease_t   *lease;  // NULL: successes
    const kt_result_t  *results;
    size_t              n, n_new;
    kt_stored_t        *how;
    const kt_result_t **news;  // those that are stored
    kt_pg_facts_t       facts;
    kt_pg_delta_t       delta;
} group_t;

static void
judge(group_t *self)
{
    for (size_t i = 0; i < self->n; i++) {
        const kt_result_t *result = &self->results[i];
        kt_pg_fact_t      *fact   = kt_pg_facts_find(&self->facts, result->id.job);
        self->how[i]              = kt_rule_outcome(fact ? &fact->now : NULL, result, self->lease);
        if (self->how[i] != KT_STORED_NEW)
            continue;
        fact->now.state           = result->err ? KT_JOB_FAILED : KT_JOB_DONE;
        fact->now.epoch           = 0;
        fact->changed_ms          = result->wall_ms;
        self->news[self->n_new++] = result;
        self->delta.processing_us += result->processing_us;
    }
}

static int64_t
number_of(const kt_result_t *result, int column)
{
    switch (column) {
    case 0: return (int64_t)result->id.job;
    case 1: return result->id.run;
    case 2: return result->attempt;
    case 3: return result->err;
    case 4: return result->processing_us;
    default: return result->wall_ms;
    }
}

static void
arg_column(kt_pg_t *self, const group_t *group, int column)
{
    kt_pg_array(self, KT_PG_INT8, group->n_new);
    for (size_t i = 0; i < group->n_new; i++)
        kt_pg_el_int(self, number_of(group->news[i], column));
    kt_pg_array_end(self);
}

static void
el_clean(kt_pg_t *self, const char *text, size_t capacity)
{
    char clean[512];
    kt_text_sanitize(clean, capacity, text ? text : "", text ? strlen(text) : 0);
    kt_pg_el_text(self, clean);
}

static void
arg_labels(kt_pg_t *self, const group_t *group)
{
    char stages[KT_STAGES_TEXT];
    kt_pg_array(self, KT_PG_TEXT, group->n_new);
    for (size_t i = 0; i < group->n_new; i++)
        el_clean(self, group->news[i]->detail, 512);
    kt_pg_array_end(self);
    kt_pg_array(self, KT_PG_TEXT, group->n_new);
    for (size_t i = 0; i < group->n_new; i++)
        el_clean(self, group->news[i]->node_name, 64);
    kt_pg_array_end(self);
    kt_pg_array(self, KT_PG_TEXT, group->n_new);
    for (size_t i = 0; i < group->n_new; i++)
        kt_pg_el_text(self, kt_rule_stages_json(group->news[i], stages));
    kt_pg_array_end(self);
}

static void
arg_documents(kt_pg_t *self, const group_t *group)
{
    kt_pg_array(self, KT_PG_BYTEA, group->n_new);
    for (size_t i = 0; i < group->n_new; i++)
        kt_pg_el_digest(self, &group->news[i]->content_digest);
    kt_pg_array_end(self);
    kt_pg_array(self, KT_PG_BYTEA, group->n_new);
    for (size_t i = 0; i < group->n_new; i++) {
        kt_digest_t        digest;
        const kt_result_t *result = group->news[i];
        kt_digest_of(result->document ? result->document : "", result->document_bytes, &digest);
        kt_pg_el_bytes(self, digest.bytes, sizeof digest.bytes);
    }
    kt_pg_array_end(self);
    kt_pg_array(self, KT_PG_TEXT, group->n_new);
    for (size_t i = 0; i < group->n_new; i++)
        kt_pg_el_bytes(self, group->news[i]->document, group->news[i]->document_bytes);
    kt_pg_array_end(self);
}

static void
put_outbox(kt_pg_t *self, const group_t *group)
{
    static const int COLUMNS[] = {0, 1, 3, 5};  // job, run, err, wall_ms
    kt_pg_arg_int(self, (int64_t)self->epoch);
    for (size_t i = 0; i < sizeof COLUMNS / sizeof *COLUMNS; i++)
        arg_column(self, group, COLUMNS[i]);
    kt_pg_put(self, KT_PG_OUTBOX_RESULTS);
}

static void
put_results(kt_pg_t *self, const group_t *group)
{
    for (int column = 0; column < 6; column++)
        arg_column(self, group, column);
    arg_labels(self, group);
    arg_documents(self, group);
    kt_pg_arg_int(self, self->base.publishes);
    kt_pg_put(self, KT_PG_RESULTS_PUT);
}

// Each done job counts for its day; the statement sums them up.
static void
put_days(kt_pg_t *self, const group_t *group)
{
    size_t done = 0;
    for (size_t i = 0; i < group->n_new; i++)
        done += !group->news[i]->err;
    if (!done)
        return;
    kt_pg_arg_text(self, self->name);
    kt_pg_array(self, KT_PG_INT8, done);
    for (size_t i = 0; i < group->n_new; i++)
        if (!group->news[i]->err)
            kt_pg_el_int(self, kt_rule_day(group->news[i]->wall_ms));
    kt_pg_array_end(self);
    kt_pg_array(self, KT_PG_INT8, done);
    for (size_t i = 0; i < done; i++)
        kt_pg_el_int(self, 1);
    kt_pg_array_end(self);
    kt_pg_put(self, KT_PG_ADD_DAYS);
}

static kt_err_t
write_news(kt_pg_t *self, group_t *group)
{
    kt_pg_start(self, KT_PG_CALL_MS);
    kt_pg_put(self, KT_PG_BEGIN);
    kt_pg_facts_put(self, &group->facts, &group->delta);
    put_results(self, group);
    if (self->base.publishes) {
        put_outbox(self, group);
        group->delta.waiting = (int64_t)group->n_new;
    }
    put_days(self, group);
    kt_pg_put_delta(self, &group->delta);
    kt_pg_put_commit(self);
    return kt_pg_run(self);
}

static kt_err_t
read_facts(kt_pg_t *self, group_t *group)
{
    uint64_t *ids = malloc(group->n * sizeof *ids);
    if (!ids)
        return KT_ENOMEM;
    for (size_t i = 0; i < group->n; i++)
        ids[i] = group->results[i].id.job;
    kt_err_t err = kt_pg_facts_read(self, ids, group->n, &group->facts);
    free(ids);
    return err;
}

static kt_err_t
outcomes(kt_pg_t *self, group_t *group)
{
    kt_err_t err = kt_pg_begin(self, true);
    if (!err)
        err = read_facts(self, group);
    if (!err) {
        group->n_new = 0;
        memset(&group->delta, 0, sizeof group->delta);
        judge(group);
    }
    if (!err && group->n_new)
        err = write_news(self, group);
    kt_pg_facts_fini(&group->facts);
    return err;
}

static kt_err_t
outcomes_or_again(kt_ledger_t *base, const kt_lease_t *lease, const kt_result_t *results, size_t n, kt_stored_t *how)
{
    group_t  group = {.lease = lease, .results = results, .n = n, .how = how};
    int      tries = 0;
    kt_err_t err;
    if (!n)
        return KT_OK;
    if (!(group.news = malloc(n * sizeof *group.news)))
        return KT_ENOMEM;
    do
        err = outcomes((kt_pg_t *)base, &group);
    while (kt_pg_again(&err, &tries));
    free(group.news);
    return err;
}

kt_err_t
kt_pg_store(kt_ledger_t *self, const kt_result_t *results, size_t n, kt_stored_t *how)
{
    return outcomes_or_again(self, NULL, results, n, how);
}

kt_err_t
kt_pg_fail(kt_ledger_t *self, const kt_lease_t *lease, const kt_result_t *failures, size_t n, kt_stored_t *how)
{
    return outcomes_or_again(self, lease, failures, n, how);
}
