#include "coordinator/ledger/postgres/facts.h"

#include <stdlib.h>

static int64_t
clamp_i64(uint64_t value)
{
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static int
compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

// The rows come in the order of their ids, each as often as it was asked for; ids are sorted, so the repeated ones are
// left out before.
static void
put_question(kt_pg_t *self, uint64_t *ids, size_t n)
{
    size_t kept = 0;
    qsort(ids, n, sizeof *ids, compare);
    for (size_t i = 0; i < n; i++)
        if (!kept || ids[kept - 1] != ids[i])
            ids[kept++] = ids[i];
    kt_pg_array(self, KT_PG_INT8, kept);
    for (size_t i = 0; i < kept; i++)
        kt_pg_el_int(self, clamp_i64(ids[i]));
    kt_pg_array_end(self);
    kt_pg_put(self, KT_PG_FACTS);
}

static void
read_fact(const kt_pg_t *self, int row, kt_pg_fact_t *out)
{
    kt_job_facts_t *was = &out->was;
    was->id.job         = (uint64_t)kt_pg_int(self, 0, row, 0);
    was->id.run         = (uint32_t)kt_pg_int(self, 0, row, 1);
    was->state          = (kt_job_state_t)kt_pg_int(self, 0, row, 2);
    was->epoch          = (uint64_t)kt_pg_int(self, 0, row, 3);
    was->retained       = kt_pg_int(self, 0, row, 4) != 0;
    out->now            = out->was;
    out->changed_ms     = 0;
}

kt_err_t
kt_pg_facts_read(kt_pg_t *self, const uint64_t *ids, size_t n, kt_pg_facts_t *out)
{
    uint64_t *sorted = malloc((n + 1) * sizeof *sorted);
    if (!sorted)
        return KT_ENOMEM;
    for (size_t i = 0; i < n; i++)
        sorted[i] = ids[i];
    put_question(self, sorted, n);
    free(sorted);
    kt_err_t err = kt_pg_run(self);
    if (err)
        return err;
    out->n  = (size_t)kt_pg_rows(self, 0);
    out->at = malloc((out->n + 1) * sizeof *out->at);
    if (!out->at)
        return KT_ENOMEM;
    for (size_t i = 0; i < out->n; i++)
        read_fact(self, (int)i, &out->at[i]);
    return KT_OK;
}

kt_pg_fact_t *
kt_pg_facts_find(const kt_pg_facts_t *self, uint64_t job)
{
    size_t low = 0, high = self->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->at[middle].was.id.job < job)
            low = middle + 1;
        else
            high = middle;
    }
    return low < self->n && self->at[low].was.id.job == job ? &self->at[low] : NULL;
}

void
kt_pg_facts_fini(kt_pg_facts_t *self)
{
    free(self->at);
    self->at = NULL;
    self->n  = 0;
}

static bool
is_changed(const kt_pg_fact_t *fact)
{
    return fact->was.state != fact->now.state || fact->was.id.run != fact->now.id.run;
}

static int64_t
column_of(const kt_pg_fact_t *fact, int column)
{
    switch (column) {
    case 0: return (int64_t)fact->was.id.job;
    case 1: return fact->was.id.run;
    case 2: return fact->was.state;
    case 3: return (int64_t)fact->was.epoch;
    case 4: return fact->now.id.run;
    case 5: return fact->now.state;
    default: return fact->changed_ms;
    }
}

size_t
kt_pg_facts_put(kt_pg_t *self, const kt_pg_facts_t *facts, kt_pg_delta_t *delta)
{
    size_t changed = 0;
    for (size_t i = 0; i < facts->n; i++) {
        if (!is_changed(&facts->at[i]))
            continue;
        changed++;
        kt_pg_moved(delta, (int)facts->at[i].was.state, (int)facts->at[i].now.state);
    }
    if (!changed)
        return 0;
    for (int column = 0; column < 7; column++) {
        kt_pg_array(self, KT_PG_INT8, changed);
        for (size_t i = 0; i < facts->n; i++)
            if (is_changed(&facts->at[i]))
                kt_pg_el_int(self, column_of(&facts->at[i], column));
        kt_pg_array_end(self);
    }
    kt_pg_arg_int(self, (int64_t)changed);
    kt_pg_put(self, KT_PG_JOBS_CHANGE);
    return changed;
}
