// Jobs on their way in.
#include "coordinator/ledger/sqlite/sqlite.h"

#include <sqlite3.h>
#include <string.h>

static int64_t
clamp_i64(uint64_t value)
{
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static kt_err_t
put_job(kt_sqlite_t *self, const kt_new_job_t *row)
{
    const kt_job_t  *job  = row->job;
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_JOB_INSERT);
    kt_sqlite_text(&call, job->message_id);
    kt_sqlite_text(&call, job->media_id);
    kt_sqlite_text(&call, job->file_path);
    kt_sqlite_digest(&call, &job->body_digest);
    kt_sqlite_int(&call, kt_rule_rank(job->priority));
    kt_sqlite_int(&call, clamp_i64(job->declared_bytes));
    kt_sqlite_real(&call, job->declared_duration_s);
    kt_sqlite_int(&call, row->wall_ms);
    return kt_sqlite_run(&call);
}

static kt_err_t
put_body(kt_sqlite_t *self, const kt_new_job_t *row, uint64_t id)
{
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_BODY_INSERT);
    kt_sqlite_int(&call, (int64_t)id);
    kt_sqlite_bytes(&call, row->body, row->body_bytes);
    return kt_sqlite_run(&call);
}

static bool
same_digest(sqlite3_stmt *stmt, int column, const kt_digest_t *digest)
{
    static const kt_digest_t none;
    const void              *stored = sqlite3_column_blob(stmt, column);
    if (!stored)
        return memcmp(digest, &none, sizeof none) == 0;
    return sqlite3_column_bytes(stmt, column) == KT_DIGEST_BYTES && !memcmp(stored, digest->bytes, KT_DIGEST_BYTES);
}

static kt_err_t
find_known(kt_sqlite_t *self, const kt_job_t *job, kt_inserted_t *how, uint64_t *id)
{
    bool             more;
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_JOB_KNOWN);
    kt_sqlite_text(&call, job->message_id);
    kt_err_t err = kt_sqlite_step(&call, &more);
    if (err)
        return err;
    if (!more)
        return KT_ESTATE;
    *id  = (uint64_t)sqlite3_column_int64(call.stmt, 0);
    *how = same_digest(call.stmt, 1, &job->body_digest) ? KT_INSERTED_KNOWN : KT_INSERTED_CLASH;
    kt_sqlite_reset(&call);
    return KT_OK;
}

kt_err_t
kt_sqlite_insert_one(kt_sqlite_t *self, const kt_new_job_t *row, kt_inserted_t *how, uint64_t *id)
{
    if (!kt_rule_job_ok(row))
        return KT_EBADDATA;
    kt_err_t err = put_job(self, row);
    if (err)
        return err;
    if (!kt_sqlite_changes(self))
        return find_known(self, row->job, how, id);
    *id  = (uint64_t)sqlite3_last_insert_rowid(self->db);
    *how = KT_INSERTED_NEW;
    kt_sqlite_moved(self, -1, KT_JOB_QUEUED);
    return put_body(self, row, *id);
}

kt_err_t
kt_sqlite_insert_jobs(kt_ledger_t *base, const kt_new_job_t *jobs, size_t n, kt_inserted_t *how, uint64_t *ids)
{
    kt_sqlite_t *self = (kt_sqlite_t *)base;
    kt_err_t     err  = kt_sqlite_begin(self);
    for (size_t i = 0; i < n && !err; i++)
        err = kt_sqlite_insert_one(self, &jobs[i], &how[i], &ids[i]);
    return kt_sqlite_end(self, err);
}
