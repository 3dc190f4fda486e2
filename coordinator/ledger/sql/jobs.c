// Jobs on their way in, and what remains of them after their time.
#include "coordinator/ledger/sql/ops.h"

#include <string.h>

static void
arg_texts(kt_sql_t *self, const kt_new_job_t *jobs, size_t n, size_t offset)
{
    kt_sql_array(self, KT_SQL_TEXT, n);
    for (size_t i = 0; i < n; i++)
        kt_sql_el_text(self, (const char *)jobs[i].job + offset);
    kt_sql_array_end(self);
}

static void
arg_numbers(kt_sql_t *self, const kt_new_job_t *jobs, size_t n)
{
    kt_sql_array(self, KT_SQL_INT8, n);
    for (size_t i = 0; i < n; i++) {
        uint64_t bytes = jobs[i].job->declared_bytes;
        kt_sql_el_int(self, bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes);
    }
    kt_sql_array_end(self);
    kt_sql_array(self, KT_SQL_FLOAT8, n);
    for (size_t i = 0; i < n; i++)
        kt_sql_el_real(self, jobs[i].job->declared_duration_s);
    kt_sql_array_end(self);
    kt_sql_array(self, KT_SQL_INT8, n);
    for (size_t i = 0; i < n; i++)
        kt_sql_el_int(self, kt_rule_rank(jobs[i].job->priority));
    kt_sql_array_end(self);
    kt_sql_column(self, KT_SQL_I64, n, &jobs->wall_ms, sizeof *jobs);
}

size_t
kt_sql_put_jobs(kt_sql_t *self, const kt_new_job_t *jobs, size_t n)
{
    arg_texts(self, jobs, n, offsetof(kt_job_t, message_id));
    arg_texts(self, jobs, n, offsetof(kt_job_t, media_id));
    arg_texts(self, jobs, n, offsetof(kt_job_t, file_path));
    kt_sql_array(self, KT_SQL_BYTEA, n);
    for (size_t i = 0; i < n; i++)
        kt_sql_el_digest(self, &jobs[i].job->body_digest);
    kt_sql_array_end(self);
    arg_numbers(self, jobs, n);
    kt_sql_array(self, KT_SQL_TEXT, n);
    for (size_t i = 0; i < n; i++)
        kt_sql_el_bytes(self, jobs[i].body, jobs[i].body_bytes);
    kt_sql_array_end(self);
    kt_sql_array(self, KT_SQL_BYTEA, n);
    for (size_t i = 0; i < n; i++)
        kt_sql_el_some(self, jobs[i].properties, jobs[i].properties_bytes);
    kt_sql_array_end(self);
    kt_sql_arg_text(self, self->name);
    return kt_sql_put(self, KT_SQL_JOBS_INSERT);
}

// The new jobs are returned in the order in which they were put, without those that were known. Returns how many are
// known.
static size_t
read_new(const kt_sql_t *self, size_t k, const kt_new_job_t *jobs, size_t n, kt_inserted_t *how, uint64_t *ids)
{
    size_t row = 0, rows = kt_sql_rows(self, k);
    for (size_t i = 0; i < n; i++) {
        size_t      length = 0;
        const char *id     = row < rows ? kt_sql_cell(self, k, row, 1, &length) : NULL;
        ids[i]             = 0;
        if (!id || length != strlen(jobs[i].job->message_id) || memcmp(id, jobs[i].job->message_id, length) != 0)
            continue;
        how[i] = KT_INSERTED_NEW;
        ids[i] = (uint64_t)kt_sql_int(self, k, row++, 0);
    }
    return n - row;
}

// One row for each known one, in their order, a repeated message_id included.
static kt_err_t
find_known(kt_sql_t *self, const kt_new_job_t *jobs, size_t n, size_t known, kt_inserted_t *how, uint64_t *ids)
{
    kt_sql_array(self, KT_SQL_TEXT, known);
    for (size_t i = 0; i < n; i++)
        if (!ids[i])
            kt_sql_el_text(self, jobs[i].job->message_id);
    kt_sql_array_end(self);
    size_t   k = kt_sql_put(self, KT_SQL_JOBS_KNOWN), row = 0;
    kt_err_t err = kt_sql_run(self);
    if (err)
        return err;
    if (kt_sql_rows(self, k) != known)
        return KT_EIO;  // one was removed between the two statements: the call is repeated
    for (size_t i = 0; i < n; i++) {
        if (ids[i])
            continue;
        ids[i] = (uint64_t)kt_sql_int(self, k, row, 1);
        how[i] = kt_sql_is_digest(self, k, row++, 2, &jobs[i].job->body_digest) ? KT_INSERTED_KNOWN : KT_INSERTED_CLASH;
    }
    return KT_OK;
}

kt_err_t
kt_sql_insert_jobs(kt_ledger_t *base, const kt_new_job_t *jobs, size_t n, kt_inserted_t *how, uint64_t *ids)
{
    kt_sql_t *self = (kt_sql_t *)base;
    kt_err_t  err  = KT_OK;
    for (size_t i = 0; i < n; i++)
        if (!kt_rule_job_ok(&jobs[i]))
            return KT_EBADDATA;
    for (int tries = 0; n && kt_sql_try(self, true, &err, &tries);) {
        kt_sql_write(self);
        size_t k = kt_sql_put_jobs(self, jobs, n);
        if ((err = kt_sql_commit(self)))
            continue;
        size_t known = read_new(self, k, jobs, n, how, ids);
        if (known)
            err = find_known(self, jobs, n, known, how, ids);
    }
    return err;
}

kt_err_t
kt_sql_retain(kt_ledger_t *base, int64_t before_ms, size_t want, size_t *n)
{
    kt_sql_t *self = (kt_sql_t *)base;
    kt_err_t  err  = KT_OK;
    for (int tries = 0; kt_sql_try(self, true, &err, &tries);) {
        kt_sql_write(self);
        kt_sql_arg_int(self, before_ms);
        kt_sql_arg_u64(self, want);
        size_t k = kt_sql_put(self, KT_SQL_RETAIN);
        if (!(err = kt_sql_commit(self)))
            *n = kt_sql_rows(self, k);
    }
    return err;
}
