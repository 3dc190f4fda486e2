// The outbox of the SQLite ledger. The row of a result holds no bytes: they are the result's document. Those of rejects
// are dropped with the confirmation; the row stays, so that a job's story can say when it went out.
#include "common/text.h"
#include "coordinator/ledger/sqlite/sqlite.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

kt_err_t
kt_sqlite_outbox_result(kt_sqlite_t *self, const kt_result_t *result)
{
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_OUTBOX_RESULT);
    kt_sqlite_int(&call, (int64_t)result->id.job);
    kt_sqlite_int(&call, result->id.run);
    kt_sqlite_int(&call, result->err);
    kt_sqlite_int(&call, (int64_t)self->epoch);
    self->delta.waiting++;
    return kt_sqlite_run(&call);
}

kt_err_t
kt_sqlite_outbox_take_over(kt_sqlite_t *self, uint64_t epoch)
{
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_OUTBOX_OVER);
    kt_sqlite_int(&call, (int64_t)epoch);
    return kt_sqlite_run(&call);
}

static kt_err_t
put_reject(kt_sqlite_t *self, const kt_reject_t *reject, kt_outbox_kind_t kind)
{
    char             id[KT_JOB_ID_BYTES], reason[KT_OUTBOX_REASON];
    bool             reply = kind == KT_OUTBOX_REPLY;
    kt_sqlite_call_t call  = kt_sqlite_call(self, KT_SQL_OUTBOX_LETTER);
    kt_text_sanitize(id, sizeof id, reject->message_id, strlen(reject->message_id));
    kt_text_sanitize(reason, sizeof reason, reject->reason, strlen(reject->reason));
    kt_sqlite_int(&call, (int64_t)kind);
    kt_sqlite_int(&call, reject->err);
    kt_sqlite_int(&call, (int64_t)self->epoch);
    kt_sqlite_text(&call, id);
    kt_sqlite_text(&call, reason);
    kt_sqlite_blob(&call, reply ? reject->reply : reject->body, reply ? reject->reply_bytes : reject->body_bytes);
    self->delta.waiting++;
    return kt_sqlite_run(&call);
}

kt_err_t
kt_sqlite_outbox_put(kt_ledger_t *base, const kt_reject_t *rejects, size_t n)
{
    kt_sqlite_t *self = (kt_sqlite_t *)base;
    kt_err_t     err  = kt_sqlite_begin(self);
    for (size_t i = 0; i < n && !err; i++) {
        err = put_reject(self, &rejects[i], KT_OUTBOX_DEAD);
        if (!err && rejects[i].reply)
            err = put_reject(self, &rejects[i], KT_OUTBOX_REPLY);
    }
    return kt_sqlite_end(self, err);
}

static void
copy_text(sqlite3_stmt *stmt, int column, char *out, size_t capacity)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    kt_text_sanitize(out, capacity, text ? text : "", (size_t)sqlite3_column_bytes(stmt, column));
}

static kt_err_t
read_row(sqlite3_stmt *stmt, kt_outbox_row_t *out)
{
    *out = (kt_outbox_row_t){
        .id   = (uint64_t)sqlite3_column_int64(stmt, 0),
        .kind = (kt_outbox_kind_t)sqlite3_column_int(stmt, 1),
        .run  = {.job = (uint64_t)sqlite3_column_int64(stmt, 2), .run = (uint32_t)sqlite3_column_int64(stmt, 3)},
        .err  = (kt_err_t)sqlite3_column_int(stmt, 4),
    };
    copy_text(stmt, 5, out->message_id, sizeof out->message_id);
    copy_text(stmt, 6, out->reason, sizeof out->reason);
    const void *bytes = sqlite3_column_blob(stmt, 7);
    out->n_bytes      = (size_t)sqlite3_column_bytes(stmt, 7);
    out->bytes        = malloc(out->n_bytes + 1);
    if (!out->bytes)
        return KT_ENOMEM;
    if (out->n_bytes)
        memcpy(out->bytes, bytes, out->n_bytes);
    out->bytes[out->n_bytes] = '\0';
    return KT_OK;
}

// One row more than fits is read and left.
static kt_err_t
read_rows(kt_sqlite_call_t *call, kt_outbox_row_t *out, size_t *n)
{
    bool     more  = true;
    size_t   bytes = 0;
    kt_err_t err   = KT_OK;
    while (!(err = kt_sqlite_step(call, &more)) && more) {
        bytes += (size_t)sqlite3_column_bytes(call->stmt, 7);
        if (*n && bytes > KT_OUTBOX_BYTES)
            break;
        if ((err = read_row(call->stmt, &out[*n])))
            break;
        ++*n;
    }
    kt_sqlite_reset(call);
    return err;
}

kt_err_t
kt_sqlite_outbox_take(kt_ledger_t *base, const kt_lease_t *lease, uint64_t after, size_t want, kt_outbox_row_t *out,
                      size_t *n)
{
    kt_sqlite_t *self = (kt_sqlite_t *)base;
    size_t       got  = 0;
    kt_err_t     err  = kt_sqlite_begin_read(self);
    if (!err)
        err = kt_sqlite_check_lease(self, lease);
    if (!err) {
        kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_OUTBOX_TAKE);
        kt_sqlite_int(&call, (int64_t)lease->epoch);
        kt_sqlite_int(&call, after > INT64_MAX ? INT64_MAX : (int64_t)after);
        kt_sqlite_int(&call, (int64_t)want);
        err = read_rows(&call, out, &got);
    }
    err = kt_sqlite_end(self, err);
    for (size_t i = 0; err && i < got; i++)
        free(out[i].bytes);
    if (!err)
        *n = got;
    return err;
}

kt_err_t
kt_sqlite_outbox_done(kt_ledger_t *base, const uint64_t *ids, size_t n, int64_t wall_ms)
{
    kt_sqlite_t *self = (kt_sqlite_t *)base;
    kt_err_t     err  = kt_sqlite_begin(self);
    for (size_t i = 0; i < n && !err; i++) {
        kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_OUTBOX_DONE);
        kt_sqlite_int(&call, ids[i] > INT64_MAX ? 0 : (int64_t)ids[i]);
        kt_sqlite_int(&call, wall_ms > 0 ? wall_ms : 1);
        err = kt_sqlite_run(&call);
        if (!err && kt_sqlite_changes(self))
            self->delta.waiting--;
    }
    return kt_sqlite_end(self, err);
}
