// Jobs of backfills: settled when they have ended, run again when they failed.
#include "coordinator/ledger/sql/backfill.h"

#include <stdlib.h>
#include <string.h>

typedef struct item {
    uint64_t                 row;
    kt_job_facts_t           job;
    kt_backfill_item_state_t to;
} item_t;

typedef struct items {
    item_t        *at;
    size_t         n;
    kt_sql_facts_t facts;  // of the jobs that change
} items_t;

static void
fini_items(items_t *self)
{
    free(self->at);
    kt_sql_facts_fini(&self->facts);
}

static kt_err_t
read_items(const kt_sql_t *self, size_t k, items_t *out)
{
    size_t n      = kt_sql_rows(self, k);
    out->n        = n;
    out->at       = calloc(n + 1, sizeof *out->at);
    out->facts.at = calloc(n + 1, sizeof *out->facts.at);
    if (!out->at || !out->facts.at)
        return KT_ENOMEM;
    for (size_t i = 0; i < n; i++)
        out->at[i] = (item_t){
            .row = (uint64_t)kt_sql_int(self, k, i, 0),
            .job = {.id    = {.job = (uint64_t)kt_sql_int(self, k, i, 1), .run = (uint32_t)kt_sql_int(self, k, i, 2)},
                    .state = (kt_job_state_t)kt_sql_int(self, k, i, 3),
                    .retained = kt_sql_int(self, k, i, 4) != 0}};
    return KT_OK;
}

// Where each item goes, and the change of its job, if there is one. Returns how many become `counted`.
static size_t
judge_items(items_t *self, kt_backfill_t *b, kt_backfill_item_state_t from, kt_backfill_item_state_t counted,
            int64_t wall_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < self->n; i++) {
        item_t        *item = &self->at[i];
        kt_job_facts_t now  = item->job;
        item->to            = from == KT_ITEM_OPEN ? kt_rule_item_settle(&now) : kt_rule_item_retry(&now);
        if (now.state != item->job.state)
            self->facts.at[self->facts.n++] = (kt_sql_fact_t){.was = item->job, .now = now, .changed_ms = wall_ms};
        kt_backfill_count_item(b, from, item->to);
        n += item->to == counted;
    }
    return n;
}

static size_t
arg_rows(kt_sql_t *self, const items_t *items, kt_backfill_item_state_t to)
{
    size_t n = 0;
    for (size_t i = 0; i < items->n; i++)
        n += items->at[i].to == to;
    kt_sql_array(self, KT_SQL_INT8, n);
    for (size_t i = 0; i < items->n; i++)
        if (items->at[i].to == to)
            kt_sql_el_int(self, (int64_t)items->at[i].row);
    kt_sql_array_end(self);
    return n;
}

static bool
has_any(const items_t *items, kt_backfill_item_state_t to)
{
    for (size_t i = 0; i < items->n; i++)
        if (items->at[i].to == to)
            return true;
    return false;
}

// Successes leave, and are remembered by their files.
static void
put_gone(kt_sql_t *self, const kt_backfill_t *b, const items_t *items, kt_backfill_item_state_t from)
{
    if (!has_any(items, KT_ITEM_GONE))
        return;
    kt_sql_arg_u64(self, b->id);
    kt_sql_arg_int(self, from);
    size_t n = arg_rows(self, items, KT_ITEM_GONE);
    kt_sql_arg_u64(self, n);
    kt_sql_put(self, KT_SQL_ITEMS_DROP);
    kt_sql_arg_u64(self, b->id);
    arg_rows(self, items, KT_ITEM_GONE);
    for (int run = 0; run < 2; run++) {
        kt_sql_array(self, KT_SQL_INT8, n);
        for (size_t i = 0; i < items->n; i++)
            if (items->at[i].to == KT_ITEM_GONE)
                kt_sql_el_int(self, run ? items->at[i].job.id.run : (int64_t)items->at[i].job.id.job);
        kt_sql_array_end(self);
    }
    kt_sql_arg_int(self, b->options);
    kt_sql_arg_text(self, b->version);
    kt_sql_put(self, KT_SQL_FILES_PUT);
}

static kt_err_t
write_items(kt_sql_t *self, const kt_sql_backfill_t *row, const items_t *items, kt_backfill_item_state_t from)
{
    kt_sql_backfill_write(self, row);
    kt_sql_facts_put(self, &items->facts, 0);
    put_gone(self, &row->b, items, from);
    for (kt_backfill_item_state_t to = KT_ITEM_OPEN; to <= KT_ITEM_CANCELLED; to++) {
        if (to == from || !has_any(items, to))
            continue;
        kt_sql_arg_u64(self, row->b.id);
        kt_sql_arg_int(self, from);
        kt_sql_arg_int(self, to);
        kt_sql_arg_u64(self, arg_rows(self, items, to));
        kt_sql_put(self, KT_SQL_ITEMS_MOVE);
    }
    return kt_sql_commit(self);
}

kt_err_t
kt_sql_backfill_settle(kt_ledger_t *base, const kt_lease_t *lease, uint64_t id, size_t want, int64_t wall_ms, size_t *n,
                       kt_backfill_t *out)
{
    kt_sql_t         *self = (kt_sql_t *)base;
    kt_sql_backfill_t row;
    size_t            settled = 0;
    kt_err_t          err     = KT_OK;
    for (int tries = 0; kt_sql_try(self, true, &err, &tries);) {
        items_t items = {0};
        if ((err = kt_sql_backfill_read(self, lease, id, &row)))
            continue;
        kt_sql_arg_u64(self, id);
        kt_sql_arg_int(self, row.b.state == KT_BACKFILL_CANCELLED);
        kt_sql_arg_u64(self, want);
        size_t k = kt_sql_put(self, KT_SQL_ITEMS_ENDED);
        if (!(err = kt_sql_run(self)) && !(err = read_items(self, k, &items))) {
            judge_items(&items, &row.b, KT_ITEM_OPEN, KT_ITEM_OPEN, wall_ms);
            settled = items.n;
            if (kt_backfill_after_settle(&row.b, items.n, wall_ms))
                err = write_items(self, &row, &items, KT_ITEM_OPEN);
        }
        fini_items(&items);
    }
    if (err)
        return err;
    *n   = settled;
    *out = row.b;
    return KT_OK;
}

kt_err_t
kt_sql_backfill_retry(kt_ledger_t *base, uint64_t id, uint64_t *after, size_t want, size_t *n)
{
    kt_sql_t         *self = (kt_sql_t *)base;
    kt_sql_backfill_t row;
    kt_err_t          err = KT_OK;
    for (int tries = 0; kt_sql_try(self, true, &err, &tries);) {
        items_t items = {0};
        err           = kt_sql_backfill_read(self, NULL, id, &row);
        if (err || (err = kt_backfill_allows(&row.b, KT_BACKFILL_RETRY)))
            continue;
        kt_sql_arg_u64(self, id);
        kt_sql_arg_u64(self, *after);
        kt_sql_arg_u64(self, want);
        size_t k = kt_sql_put(self, KT_SQL_ITEMS_FAILED), ran = 0;
        if (!(err = kt_sql_run(self)) && !(err = read_items(self, k, &items)))
            ran = judge_items(&items, &row.b, KT_ITEM_FAILED, KT_ITEM_OPEN, 0);
        if (!err && ran)
            err = kt_backfill_control(&row.b, KT_BACKFILL_RETRY, 0, 0);
        if (!err && items.n)
            err = write_items(self, &row, &items, KT_ITEM_FAILED);
        if (!err && items.n)
            *after = items.at[items.n - 1].row;
        if (!err)
            *n = ran;
        fini_items(&items);
    }
    return err;
}
