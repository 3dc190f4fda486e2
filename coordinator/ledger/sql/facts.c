#include "coordinator/ledger/sql/facts.h"

#include <stdlib.h>
#include <string.h>

static int
compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void
keep_text(kt_sql_facts_t *self, kt_sql_slice_t *out, const kt_sql_t *sql, size_t k, size_t row, int column)
{
    const char *text = kt_sql_cell(sql, k, row, column, &out->length);
    out->at          = self->texts.length;
    if (out->length)
        kt_buf_add(&self->texts, text, out->length);
}

// Whether the ledger writes such numbers. A row that was changed by hand to others is treated as missing, because its
// change would be refused together with the rest of its group. The audit names it.
static bool
is_sound(int64_t run, int64_t state, int64_t retained)
{
    return run >= 1 && run <= INT32_MAX && state >= KT_JOB_QUEUED && state <= KT_JOB_CANCELLED &&
           (retained == 0 || state >= KT_JOB_DONE);
}

kt_err_t
kt_sql_facts_read(kt_sql_t *self, const uint64_t *ids, size_t n, kt_sql_facts_t *out)
{
    size_t    kept   = 0;
    uint64_t *sorted = malloc((n + 1) * sizeof *sorted);
    *out             = (kt_sql_facts_t){0};
    kt_buf_init(&out->texts, KT_SQL_BYTES);
    if (!sorted)
        return KT_ENOMEM;
    memcpy(sorted, ids, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare);
    for (size_t i = 0; i < n; i++)
        if (!kept || sorted[kept - 1] != sorted[i])
            sorted[kept++] = sorted[i];
    kt_sql_column(self, KT_SQL_U64, kept, sorted, sizeof *sorted);
    size_t k = kt_sql_put(self, KT_SQL_FACTS);
    free(sorted);
    kt_err_t err = kt_sql_run(self);
    if (err)
        return err;
    out->at = calloc(kt_sql_rows(self, k) + 1, sizeof *out->at);
    if (!out->at)
        return KT_ENOMEM;
    for (size_t i = 0; i < kt_sql_rows(self, k); i++) {
        kt_sql_fact_t  *fact = &out->at[out->n];
        kt_job_facts_t *was  = &fact->was;
        if (!is_sound(kt_sql_int(self, k, i, 1), kt_sql_int(self, k, i, 2), kt_sql_int(self, k, i, 4)))
            continue;
        was->id.job    = (uint64_t)kt_sql_int(self, k, i, 0);
        was->id.run    = (uint32_t)kt_sql_int(self, k, i, 1);
        was->state     = (kt_job_state_t)kt_sql_int(self, k, i, 2);
        was->epoch     = (uint64_t)kt_sql_int(self, k, i, 3);
        was->retained  = kt_sql_int(self, k, i, 4) != 0;
        fact->has_rows = kt_sql_int(self, k, i, 5) != 0;
        fact->now      = *was;
        keep_text(out, &fact->message_id, self, k, i, 6);
        keep_text(out, &fact->file_path, self, k, i, 7);
        out->n++;
    }
    return out->texts.err;
}

kt_sql_fact_t *
kt_sql_facts_find(const kt_sql_facts_t *self, uint64_t job)
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
kt_sql_facts_fini(kt_sql_facts_t *self)
{
    free(self->at);
    kt_buf_fini(&self->texts);
    self->at = NULL;
    self->n  = 0;
}

static bool
is_changed(const kt_sql_fact_t *fact)
{
    return fact->was.state != fact->now.state || fact->was.id.run != fact->now.id.run;
}

static int64_t
column_of(const kt_sql_fact_t *fact, int column)
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

void
kt_sql_facts_put(kt_sql_t *self, const kt_sql_facts_t *facts, int64_t processing_us)
{
    int64_t moved[KT_JOB_CANCELLED + 1] = {0}, retried = 0;
    size_t  changed = 0;
    for (size_t i = 0; i < facts->n; i++) {
        const kt_sql_fact_t *fact = &facts->at[i];
        if (!is_changed(fact))
            continue;
        changed++;
        moved[fact->was.state]--;
        moved[fact->now.state]++;
        retried += fact->now.id.run > fact->was.id.run;
    }
    if (!changed)
        return;
    for (int column = 0; column < 7; column++) {
        kt_sql_array(self, KT_SQL_INT8, changed);
        for (size_t i = 0; i < facts->n; i++)
            if (is_changed(&facts->at[i]))
                kt_sql_el_int(self, column_of(&facts->at[i], column));
        kt_sql_array_end(self);
    }
    kt_sql_arg_int(self, (int64_t)changed);
    kt_sql_arg_text(self, self->name);
    for (int state = 0; state <= KT_JOB_CANCELLED; state++)
        kt_sql_arg_int(self, moved[state]);
    kt_sql_arg_int(self, retried);
    kt_sql_arg_int(self, processing_us);
    kt_sql_put(self, KT_SQL_JOBS_CHANGE);
}
