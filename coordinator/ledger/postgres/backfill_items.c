// Jobs of backfills in the PostgreSQL ledger: settled when they have ended, tried again when they failed.
#include "coordinator/ledger/postgres/backfill.h"
#include "coordinator/ledger/postgres/ops.h"

#include <stdlib.h>
#include <string.h>

typedef struct item {
    uint64_t       row;
    kt_job_facts_t job;
} item_t;

// What becomes of items: sorted into lists by where they go.
typedef struct sorted {
    item_t                   *items;
    size_t                    n;
    kt_pg_facts_t             facts;  // of the jobs that change
    kt_pg_delta_t             delta;
    kt_backfill_item_state_t *to;  // of each item
} sorted_t;

static void
fini(sorted_t *self)
{
    free(self->items);
    free(self->to);
    kt_pg_facts_fini(&self->facts);
}

// The items of answer k.
static kt_err_t
read_items(const kt_pg_t *self, size_t k, sorted_t *out)
{
    size_t n      = (size_t)kt_pg_rows(self, k);
    *out          = (sorted_t){.n = n};
    out->items    = calloc(n + 1, sizeof *out->items);
    out->to       = calloc(n + 1, sizeof *out->to);
    out->facts.at = calloc(n + 1, sizeof *out->facts.at);
    if (!out->items || !out->to || !out->facts.at)
        return KT_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        int row       = (int)i;
        out->items[i] = (item_t){
            .row = (uint64_t)kt_pg_int(self, k, row, 0),
            .job = {.id    = {.job = (uint64_t)kt_pg_int(self, k, row, 1), .run = (uint32_t)kt_pg_int(self, k, row, 2)},
                    .state = (kt_job_state_t)kt_pg_int(self, k, row, 3),
                    .retained = kt_pg_int(self, k, row, 4) != 0}};
    }
    return KT_OK;
}

// Notes where an item goes, and the change of its job, if there is one.
static void
note_item(sorted_t *self, size_t i, kt_backfill_item_state_t to, const kt_job_facts_t *now, int64_t wall_ms)
{
    const kt_job_facts_t *was = &self->items[i].job;
    self->to[i]               = to;
    if (now->state != was->state)
        self->facts.at[self->facts.n++] = (kt_pg_fact_t){.was = *was, .now = *now, .changed_ms = wall_ms};
}

static size_t
count_to(const sorted_t *self, kt_backfill_item_state_t to)
{
    size_t n = 0;
    for (size_t i = 0; i < self->n; i++)
        n += self->to[i] == to;
    return n;
}

static void
arg_rows(kt_pg_t *self, const sorted_t *sorted, kt_backfill_item_state_t to, size_t n)
{
    kt_pg_array(self, KT_PG_INT8, n);
    for (size_t i = 0; i < sorted->n; i++)
        if (sorted->to[i] == to)
            kt_pg_el_int(self, (int64_t)sorted->items[i].row);
    kt_pg_array_end(self);
}

static void
put_move(kt_pg_t *self, uint64_t id, const sorted_t *sorted, kt_backfill_item_state_t from, kt_backfill_item_state_t to)
{
    size_t n = count_to(sorted, to);
    if (!n)
        return;
    kt_pg_arg_int(self, (int64_t)id);
    kt_pg_arg_int(self, from);
    kt_pg_arg_int(self, to);
    arg_rows(self, sorted, to, n);
    kt_pg_arg_int(self, (int64_t)n);
    kt_pg_put(self, KT_PG_ITEMS_MOVE);
}

// Successes leave, and are remembered by their files.
static void
put_gone(kt_pg_t *self, const kt_backfill_t *b, const sorted_t *sorted, kt_backfill_item_state_t from)
{
    size_t n = count_to(sorted, KT_ITEM_GONE);
    if (!n)
        return;
    kt_pg_arg_int(self, (int64_t)b->id);
    kt_pg_arg_int(self, from);
    arg_rows(self, sorted, KT_ITEM_GONE, n);
    kt_pg_arg_int(self, (int64_t)n);
    kt_pg_put(self, KT_PG_ITEMS_DROP);
    kt_pg_arg_int(self, (int64_t)b->id);
    arg_rows(self, sorted, KT_ITEM_GONE, n);
    for (int run = 0; run < 2; run++) {
        kt_pg_array(self, KT_PG_INT8, n);
        for (size_t i = 0; i < sorted->n; i++)
            if (sorted->to[i] == KT_ITEM_GONE)
                kt_pg_el_int(self, run ? sorted->items[i].job.id.run : (int64_t)sorted->items[i].job.id.job);
        kt_pg_array_end(self);
    }
    kt_pg_arg_int(self, b->options);
    kt_pg_arg_text(self, b->version);
    kt_pg_put(self, KT_PG_FILES_PUT);
}

static kt_err_t
write_items(kt_pg_t *self, const kt_pg_backfill_t *row, sorted_t *sorted, kt_backfill_item_state_t from)
{
    kt_pg_backfill_write(self);
    kt_pg_backfill_put(self, row);
    kt_pg_facts_put(self, &sorted->facts, &sorted->delta);
    put_gone(self, &row->b, sorted, from);
    for (kt_backfill_item_state_t to = KT_ITEM_OPEN; to <= KT_ITEM_CANCELLED; to++)
        if (to != from)
            put_move(self, row->b.id, sorted, from, to);
    kt_pg_put_delta(self, &sorted->delta);
    return kt_pg_backfill_commit(self);
}

static void
judge_ended(kt_backfill_t *b, sorted_t *sorted, int64_t wall_ms)
{
    for (size_t i = 0; i < sorted->n; i++) {
        kt_job_facts_t           now = sorted->items[i].job;
        kt_backfill_item_state_t to  = kt_rule_item_settle(&now);
        note_item(sorted, i, to, &now, wall_ms);
        kt_backfill_count_item(b, KT_ITEM_OPEN, to);
    }
}

static kt_err_t
settle_once(kt_pg_t *self, const kt_lease_t *lease, uint64_t id, size_t want, int64_t wall_ms, size_t *n,
            kt_pg_backfill_t *row)
{
    sorted_t sorted = {0};
    kt_err_t err    = kt_pg_begin(self, true);
    if (err)
        return err;
    kt_pg_backfill_put_get(self, lease, id);
    if (!(err = kt_pg_run(self)))
        err = kt_pg_backfill_got(self, lease, row);
    if (err)
        return err;
    kt_pg_start(self, KT_PG_CALL_MS);
    kt_pg_arg_int(self, (int64_t)id);
    kt_pg_arg_int(self, row->b.state == KT_BACKFILL_CANCELLED);
    kt_pg_arg_int(self, (int64_t)want);
    kt_pg_put(self, KT_PG_ITEMS_ENDED);
    if (!(err = kt_pg_run(self)))
        err = read_items(self, 0, &sorted);
    if (!err) {
        judge_ended(&row->b, &sorted, wall_ms);
        *n = sorted.n;
        if (kt_backfill_after_settle(&row->b, sorted.n, wall_ms))
            err = write_items(self, row, &sorted, KT_ITEM_OPEN);
    }
    fini(&sorted);
    return err;
}

kt_err_t
kt_pg_backfill_settle(kt_ledger_t *base, const kt_lease_t *lease, uint64_t id, size_t want, int64_t wall_ms, size_t *n,
                      kt_backfill_t *out)
{
    kt_pg_backfill_t row;
    size_t           left  = 0;
    int              tries = 0;
    kt_err_t         err;
    do
        err = settle_once((kt_pg_t *)base, lease, id, want, wall_ms, &left, &row);
    while (kt_pg_again(&err, &tries));
    if (err)
        return err;
    *n   = left;
    *out = row.b;
    return KT_OK;
}

static size_t
judge_failed(kt_backfill_t *b, sorted_t *sorted)
{
    for (size_t i = 0; i < sorted->n; i++) {
        kt_job_facts_t           now = sorted->items[i].job;
        kt_backfill_item_state_t to  = kt_rule_item_retry(&now);
        note_item(sorted, i, to, &now, 0);
        kt_backfill_count_item(b, KT_ITEM_FAILED, to);
    }
    sorted->delta.retried += (int64_t)sorted->facts.n;
    return count_to(sorted, KT_ITEM_OPEN);
}

static kt_err_t
retry_once(kt_pg_t *self, uint64_t id, uint64_t *after, size_t want, size_t *n)
{
    kt_pg_backfill_t row;
    sorted_t         sorted = {0};
    kt_err_t         err    = kt_pg_begin(self, true);
    if (err)
        return err;
    kt_pg_backfill_put_get(self, NULL, id);
    kt_pg_arg_int(self, (int64_t)id);
    kt_pg_arg_int(self, (int64_t)*after);
    kt_pg_arg_int(self, (int64_t)want);
    kt_pg_put(self, KT_PG_ITEMS_FAILED);
    if (!(err = kt_pg_run(self)))
        err = kt_pg_backfill_got(self, NULL, &row);
    if (err)
        return err;
    if (!(err = kt_backfill_allows(&row.b, KT_BACKFILL_RETRY)))
        err = read_items(self, 2, &sorted);
    size_t run = err ? 0 : judge_failed(&row.b, &sorted);
    if (!err && run)
        err = kt_backfill_control(&row.b, KT_BACKFILL_RETRY, 0, 0);
    if (!err && sorted.n)
        err = write_items(self, &row, &sorted, KT_ITEM_FAILED);
    if (!err && sorted.n)
        *after = sorted.items[sorted.n - 1].row;
    if (!err)
        *n = run;
    fini(&sorted);
    return err;
}

kt_err_t
kt_pg_backfill_retry(kt_ledger_t *base, uint64_t id, uint64_t *after, size_t want, size_t *n)
{
    kt_err_t err;
    int      tries = 0;
    do
        err = retry_once((kt_pg_t *)base, id, after, want, n);
    while (kt_pg_again(&err, &tries));
    return err;
}
