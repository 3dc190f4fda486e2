// Jobs on their way in, and what remains of them after their time.
#include "coordinator/ledger/postgres/ops.h"
#include "coordinator/ledger/postgres/postgres.h"

#include <string.h>

static int64_t
clamp_i64(uint64_t value)
{
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static void
arg_texts(kt_pg_t *self, const kt_new_job_t *jobs, size_t n, size_t offset)
{
    kt_pg_array(self, KT_PG_TEXT, n);
    for (size_t i = 0; i < n; i++)
        kt_pg_el_text(self, (const char *)jobs[i].job + offset);
    kt_pg_array_end(self);
}

static void
arg_numbers(kt_pg_t *self, const kt_new_job_t *jobs, size_t n)
{
    kt_pg_array(self, KT_PG_INT8, n);
    for (size_t i = 0; i < n; i++)
        kt_pg_el_int(self, clamp_i64(jobs[i].job->declared_bytes));
    kt_pg_array_end(self);
    kt_pg_array(self, KT_PG_FLOAT8, n);
    for (size_t i = 0; i < n; i++)
        kt_pg_el_real(self, jobs[i].job->declared_duration_s);
    kt_pg_array_end(self);
    kt_pg_array(self, KT_PG_INT8, n);
    for (size_t i = 0; i < n; i++)
        kt_pg_el_int(self, kt_rule_rank(jobs[i].job->priority));
    kt_pg_array_end(self);
    kt_pg_array(self, KT_PG_INT8, n);
    for (size_t i = 0; i < n; i++)
        kt_pg_el_int(self, jobs[i].wall_ms);
    kt_pg_array_end(self);
}

void
kt_pg_put_jobs(kt_pg_t *self, const kt_new_job_t *jobs, size_t n)
{
    arg_texts(self, jobs, n, offsetof(kt_job_t, message_id));
    arg_texts(self, jobs, n, offsetof(kt_job_t, media_id));
    arg_texts(self, jobs, n, offsetof(kt_job_t, file_path));
    kt_pg_array(self, KT_PG_BYTEA, n);
    for (size_t i = 0; i < n; i++)
        kt_pg_el_digest(self, &jobs[i].job->body_digest);
    kt_pg_array_end(self);
    arg_numbers(self, jobs, n);
    kt_pg_array(self, KT_PG_TEXT, n);
    for (size_t i = 0; i < n; i++)
        kt_pg_el_bytes(self, jobs[i].body, jobs[i].body_bytes);
    kt_pg_array_end(self);
    kt_pg_arg_text(self, self->name);
    kt_pg_put(self, KT_PG_JOBS_INSERT);
}

static bool
is_text(const kt_pg_t *self, size_t k, int row, int column, const char *text)
{
    size_t      length;
    const char *bytes = kt_pg_bytes(self, k, row, column, &length);
    return bytes && length == strlen(text) && memcmp(bytes, text, length) == 0;
}

// The new ones come back in the order in which they went, without those that were known. Returns how many are missing.
static size_t
read_new(const kt_pg_t *self, size_t k, const kt_new_job_t *jobs, size_t n, kt_inserted_t *how, uint64_t *ids)
{
    int row = 0, rows = kt_pg_rows(self, k);
    for (size_t i = 0; i < n; i++) {
        ids[i] = 0;
        if (row == rows || !is_text(self, k, row, 1, jobs[i].job->message_id))
            continue;
        how[i] = KT_INSERTED_NEW;
        ids[i] = (uint64_t)kt_pg_int(self, k, row++, 0);
    }
    return n - (size_t)row;
}

static bool
same_digest(const kt_pg_t *self, int row, const kt_digest_t *digest)
{
    static const kt_digest_t none;
    size_t                   length;
    const char              *stored = kt_pg_bytes(self, 0, row, 2, &length);
    if (!stored)
        return memcmp(digest, &none, sizeof none) == 0;
    return length == KT_DIGEST_BYTES && memcmp(stored, digest->bytes, length) == 0;
}

// One row for each missing one, in their order, a repeated message_id included.
static kt_err_t
read_known(const kt_pg_t *self, const kt_new_job_t *jobs, size_t n, kt_inserted_t *how, uint64_t *ids)
{
    int     row = 0, rows = kt_pg_rows(self, 0);
    int64_t place = 0;
    for (size_t i = 0; i < n; i++) {
        if (ids[i])
            continue;
        if (row == rows || kt_pg_int(self, 0, row, 0) != ++place)
            return KT_EIO;  // somebody took it away between the two questions: ask again
        ids[i] = (uint64_t)kt_pg_int(self, 0, row, 1);
        how[i] = same_digest(self, row++, &jobs[i].job->body_digest) ? KT_INSERTED_KNOWN : KT_INSERTED_CLASH;
    }
    return KT_OK;
}

static kt_err_t
find_known(kt_pg_t *self, const kt_new_job_t *jobs, size_t n, size_t missing, kt_inserted_t *how, uint64_t *ids)
{
    kt_pg_start(self, KT_PG_CALL_MS);
    kt_pg_array(self, KT_PG_TEXT, missing);
    for (size_t i = 0; i < n; i++)
        if (!ids[i])
            kt_pg_el_text(self, jobs[i].job->message_id);
    kt_pg_array_end(self);
    kt_pg_put(self, KT_PG_JOBS_KNOWN);
    kt_err_t err = kt_pg_run(self);
    return err ? err : read_known(self, jobs, n, how, ids);
}

static kt_err_t
insert(kt_pg_t *self, const kt_new_job_t *jobs, size_t n, kt_inserted_t *how, uint64_t *ids)
{
    kt_err_t err = kt_pg_begin(self, true);
    if (err)
        return err;
    kt_pg_put(self, KT_PG_BEGIN);
    kt_pg_put_jobs(self, jobs, n);
    kt_pg_put_commit(self);
    if ((err = kt_pg_run(self)))
        return err;
    size_t missing = read_new(self, 1, jobs, n, how, ids);
    return missing ? find_known(self, jobs, n, missing, how, ids) : KT_OK;
}

kt_err_t
kt_pg_insert_jobs(kt_ledger_t *base, const kt_new_job_t *jobs, size_t n, kt_inserted_t *how, uint64_t *ids)
{
    kt_pg_t *self  = (kt_pg_t *)base;
    kt_err_t err   = KT_OK;
    int      tries = 0;
    for (size_t i = 0; i < n; i++)
        if (!kt_rule_job_ok(&jobs[i]))
            return KT_EBADDATA;
    if (!n)
        return KT_OK;
    do
        err = insert(self, jobs, n, how, ids);
    while (kt_pg_again(&err, &tries));
    return err;
}

static kt_err_t
retain(kt_pg_t *self, int64_t before_ms, size_t want, size_t *n)
{
    kt_err_t err = kt_pg_begin(self, true);
    if (err)
        return err;
    kt_pg_put(self, KT_PG_BEGIN);
    kt_pg_arg_int(self, before_ms);
    kt_pg_arg_int(self, (int64_t)want);
    kt_pg_put(self, KT_PG_RETAIN);
    kt_pg_put_commit(self);
    err = kt_pg_run(self);
    if (!err)
        *n = (size_t)kt_pg_int(self, 1, 0, 0);
    return err;
}

kt_err_t
kt_pg_retain(kt_ledger_t *base, int64_t before_ms, size_t want, size_t *n)
{
    kt_err_t err;
    int      tries = 0;
    do
        err = retain((kt_pg_t *)base, before_ms, want, n);
    while (kt_pg_again(&err, &tries));
    return err;
}
