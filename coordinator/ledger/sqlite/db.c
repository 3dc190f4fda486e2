#include "common/log.h"
#include "coordinator/ledger/sqlite/sqlite.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>

static const char *const TEXTS[] = {
#define KT_SQL(name, text) text,
#include "coordinator/ledger/sqlite/sqlite.def"
#undef KT_SQL
};

// A write that failed because a disk, a quota or a file size limit is full is the same trouble with the same remedy.
// SQLite keeps the system's reason, but not that of a failed COMMIT: there errno, cleared before the step, has it.
static kt_err_t
io_err(sqlite3 *db, int step_errno)
{
    int code = db ? sqlite3_system_errno(db) : 0;
    if (!code)
        code = step_errno;
    return code == ENOSPC || code == EDQUOT || code == EFBIG ? KT_EDISK : KT_EIO;
}

static kt_err_t
err_of(sqlite3 *db, int rc, int step_errno)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return KT_OK;
    case SQLITE_FULL: return KT_EDISK;
    case SQLITE_NOMEM: return KT_ENOMEM;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return KT_ESTATE;
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH: return KT_EBADDATA;
    default: return io_err(db, step_errno);
    }
}

kt_err_t
kt_sqlite_err(kt_sqlite_t *self, int rc)
{
    kt_err_t err = err_of(self->db, rc, errno);
    if (err) {
        char text[512], path[512];
        kt_log_warn("LEDGER-SQLITE", "err=%s code=%d text=\"%s\" path=\"%s\"", kt_err_name(err), rc,
                    kt_log_quote(text, sizeof text, sqlite3_errmsg(self->db)),
                    kt_log_quote(path, sizeof path, self->path));
    }
    return err;
}

kt_err_t
kt_sqlite_exec(kt_sqlite_t *self, const char *sql)
{
    errno = 0;
    return kt_sqlite_err(self, sqlite3_exec(self->db, sql, NULL, NULL, NULL));
}

kt_sqlite_call_t
kt_sqlite_call(kt_sqlite_t *self, kt_sqlite_id_t id)
{
    kt_sqlite_call_t call = {.self = self, .rc = SQLITE_OK};
    if (!self->stmts[id])
        call.rc = sqlite3_prepare_v3(self->db, TEXTS[id], -1, SQLITE_PREPARE_PERSISTENT, &self->stmts[id], NULL);
    call.stmt = self->stmts[id];
    return call;
}

static void
note(kt_sqlite_call_t *call, int rc)
{
    if (call->rc == SQLITE_OK)
        call->rc = rc;
}

void
kt_sqlite_int(kt_sqlite_call_t *call, int64_t value)
{
    note(call, sqlite3_bind_int64(call->stmt, ++call->bound, value));
}

void
kt_sqlite_real(kt_sqlite_call_t *call, double value)
{
    note(call, sqlite3_bind_double(call->stmt, ++call->bound, value));
}

void
kt_sqlite_bytes(kt_sqlite_call_t *call, const char *text, size_t length)
{
    note(call, sqlite3_bind_text64(call->stmt, ++call->bound, text ? text : "", text ? length : 0, SQLITE_STATIC,
                                   SQLITE_UTF8));
}

void
kt_sqlite_blob(kt_sqlite_call_t *call, const void *bytes, size_t length)
{
    note(call, sqlite3_bind_blob64(call->stmt, ++call->bound, bytes ? bytes : "", length, SQLITE_STATIC));
}

void
kt_sqlite_text(kt_sqlite_call_t *call, const char *text)
{
    kt_sqlite_bytes(call, text, text ? strlen(text) : 0);
}

void
kt_sqlite_digest(kt_sqlite_call_t *call, const kt_digest_t *digest)
{
    static const kt_digest_t none;
    bool                     zero = memcmp(digest, &none, sizeof none) == 0;
    int                      at   = ++call->bound;
    note(call, zero ? sqlite3_bind_null(call->stmt, at)
                    : sqlite3_bind_blob(call->stmt, at, digest->bytes, sizeof digest->bytes, SQLITE_STATIC));
}

kt_err_t
kt_sqlite_step(kt_sqlite_call_t *call, bool *more)
{
    errno  = 0;
    int rc = call->rc == SQLITE_OK ? sqlite3_step(call->stmt) : call->rc;
    *more  = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW)
        return KT_OK;
    kt_err_t err = kt_sqlite_err(call->self, rc);
    sqlite3_reset(call->stmt);
    return err;
}

kt_err_t
kt_sqlite_run(kt_sqlite_call_t *call)
{
    bool     more = true;
    kt_err_t err  = KT_OK;
    while (more && !err)
        err = kt_sqlite_step(call, &more);
    return err;
}

void
kt_sqlite_reset(kt_sqlite_call_t *call)
{
    sqlite3_reset(call->stmt);
}

int64_t
kt_sqlite_changes(const kt_sqlite_t *self)
{
    return sqlite3_changes64(self->db);
}

static kt_err_t
run_plain(kt_sqlite_t *self, kt_sqlite_id_t id)
{
    kt_sqlite_call_t call = kt_sqlite_call(self, id);
    return kt_sqlite_run(&call);
}

kt_err_t
kt_sqlite_begin(kt_sqlite_t *self)
{
    if (!self->writer)
        return KT_EACCESS;
    memset(&self->delta, 0, sizeof self->delta);
    return run_plain(self, KT_SQL_BEGIN_WRITE);
}

kt_err_t
kt_sqlite_begin_read(kt_sqlite_t *self)
{
    memset(&self->delta, 0, sizeof self->delta);
    return run_plain(self, KT_SQL_BEGIN_READ);
}

static kt_err_t
write_delta(kt_sqlite_t *self)
{
    static const kt_sqlite_delta_t none;
    if (memcmp(&self->delta, &none, sizeof none) == 0)
        return KT_OK;
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_ADD_TOTALS);
    for (int state = 0; state <= KT_JOB_CANCELLED; state++)
        kt_sqlite_int(&call, self->delta.state[state]);
    kt_sqlite_int(&call, self->delta.retried);
    kt_sqlite_int(&call, self->delta.processing_us);
    kt_sqlite_int(&call, self->delta.waiting);
    kt_err_t err = kt_sqlite_run(&call);
    if (err || !self->delta.day_done)
        return err;
    call = kt_sqlite_call(self, KT_SQL_ADD_DAY);
    kt_sqlite_int(&call, self->delta.day);
    kt_sqlite_int(&call, self->delta.day_done);
    return kt_sqlite_run(&call);
}

// A commit that fails on a full disk has not happened (its closing frame is missing). After another failure nobody
// knows: the frames may lie in the write-ahead log without their sync.
static kt_err_t
commit(kt_sqlite_t *self)
{
    kt_err_t err = run_plain(self, KT_SQL_COMMIT);
    return err == KT_EIO && sqlite3_get_autocommit(self->db) ? KT_EUNKNOWN_COMMIT : err;
}

kt_err_t
kt_sqlite_end(kt_sqlite_t *self, kt_err_t err)
{
    if (!err)
        err = write_delta(self);
    if (!err)
        err = commit(self);
    if (!sqlite3_get_autocommit(self->db))
        sqlite3_exec(self->db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

void
kt_sqlite_moved(kt_sqlite_t *self, int from, int to)
{
    if (from >= 0)
        self->delta.state[from]--;
    if (to >= 0)
        self->delta.state[to]++;
}

kt_err_t
kt_sqlite_facts(kt_sqlite_t *self, uint64_t job, kt_job_facts_t *out, bool *found)
{
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_JOB_FACTS);
    kt_sqlite_int(&call, (int64_t)job);
    kt_err_t err = kt_sqlite_step(&call, found);
    if (err || !*found)
        return err;
    out->id       = (kt_run_id_t){.job = job, .run = (uint32_t)sqlite3_column_int64(call.stmt, 0)};
    out->state    = (kt_job_state_t)sqlite3_column_int(call.stmt, 1);
    out->epoch    = (uint64_t)sqlite3_column_int64(call.stmt, 2);
    out->retained = sqlite3_column_int(call.stmt, 3) != 0;
    kt_sqlite_reset(&call);
    return KT_OK;
}
