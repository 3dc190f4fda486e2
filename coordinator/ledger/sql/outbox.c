// The outbox. The row of a result holds no bytes: they are the result's document. Those of rejects go with the
// confirmation; the row stays, so that a job's story can say when it was published.
#include "coordinator/ledger/sql/ops.h"

#include <stdlib.h>
#include <string.h>

// A reject is the dead message, and after it the reply where there is one.
typedef struct message {
    const kt_reject_t *reject;
    bool               reply;
} message_t;

static void
arg_messages(kt_sql_t *self, const message_t *messages, size_t n)
{
    kt_sql_array(self, KT_SQL_INT8, n);
    for (size_t i = 0; i < n; i++)
        kt_sql_el_int(self, messages[i].reply ? KT_OUTBOX_REPLY : KT_OUTBOX_DEAD);
    kt_sql_array_end(self);
    kt_sql_array(self, KT_SQL_INT8, n);
    for (size_t i = 0; i < n; i++)
        kt_sql_el_int(self, messages[i].reject->err);
    kt_sql_array_end(self);
    kt_sql_array(self, KT_SQL_INT8, n);
    for (size_t i = 0; i < n; i++)
        kt_sql_el_int(self, messages[i].reject->wall_ms);
    kt_sql_array_end(self);
    kt_sql_array(self, KT_SQL_TEXT, n);
    for (size_t i = 0; i < n; i++)
        kt_sql_el_clean(self, messages[i].reject->message_id, KT_JOB_ID_BYTES);
    kt_sql_array_end(self);
    kt_sql_array(self, KT_SQL_TEXT, n);
    for (size_t i = 0; i < n; i++)
        kt_sql_el_clean(self, messages[i].reject->reason, KT_OUTBOX_REASON);
    kt_sql_array_end(self);
    kt_sql_array(self, KT_SQL_BYTEA, n);
    for (size_t i = 0; i < n; i++) {
        const kt_reject_t *reject = messages[i].reject;
        kt_sql_el_bytes(self, messages[i].reply ? reject->reply : reject->body,
                        messages[i].reply ? reject->reply_bytes : reject->body_bytes);
    }
    kt_sql_array_end(self);
}

static kt_err_t
put_messages(kt_sql_t *self, const message_t *messages, size_t n)
{
    kt_err_t err = kt_sql_begin(self, true);
    if (err)
        return err;
    kt_sql_write(self);
    kt_sql_arg_int(self, (int64_t)self->epoch);
    arg_messages(self, messages, n);
    kt_sql_arg_text(self, self->name);
    kt_sql_put(self, KT_SQL_OUTBOX_PUT);
    return kt_sql_commit(self);
}

kt_err_t
kt_sql_outbox_put(kt_ledger_t *base, const kt_reject_t *rejects, size_t n)
{
    kt_sql_t  *self     = (kt_sql_t *)base;
    message_t *messages = malloc((2 * n + 1) * sizeof *messages);
    size_t     all      = 0;
    int        tries    = 0;
    kt_err_t   err;
    if (!messages)
        return KT_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        messages[all++] = (message_t){&rejects[i], false};
        if (rejects[i].reply)
            messages[all++] = (message_t){&rejects[i], true};
    }
    do
        err = all ? put_messages(self, messages, all) : KT_OK;
    while (kt_sql_again(self, &err, &tries));
    free(messages);
    return err;
}

static kt_err_t
read_row(const kt_sql_t *self, size_t k, size_t row, kt_outbox_row_t *out)
{
    size_t length;
    memset(out, 0, sizeof *out);
    out->id      = (uint64_t)kt_sql_int(self, k, row, 0);
    out->kind    = (kt_outbox_kind_t)kt_sql_int(self, k, row, 1);
    out->run.job = (uint64_t)kt_sql_int(self, k, row, 2);
    out->run.run = (uint32_t)kt_sql_int(self, k, row, 3);
    out->err     = (kt_err_t)kt_sql_int(self, k, row, 4);
    kt_sql_text(self, k, row, 5, out->message_id, sizeof out->message_id);
    kt_sql_text(self, k, row, 6, out->reason, sizeof out->reason);
    int column = kt_sql_cell(self, k, row, 7, &length) ? 7 : 8;  // a result's document, or the row's own bytes
    return kt_sql_copy(self, k, row, column, &out->bytes, &out->n_bytes);
}

static kt_err_t
take_rows(kt_sql_t *self, const kt_lease_t *lease, uint64_t after, size_t want, kt_outbox_row_t *out, size_t *n)
{
    kt_err_t err = kt_sql_begin(self, false);
    if (err)
        return err;
    kt_sql_put_lease(self, lease);
    size_t ours = kt_sql_put(self, KT_SQL_LEASE_OURS);
    kt_sql_arg_int(self, (int64_t)lease->epoch);
    kt_sql_arg_u64(self, after);
    kt_sql_arg_int(self, (int64_t)want);
    kt_sql_arg_int(self, KT_OUTBOX_BYTES);
    self->max_bytes = KT_OUTBOX_BYTES;
    size_t k = kt_sql_put(self, KT_SQL_OUTBOX_TAKE), got = 0;
    if ((err = kt_sql_run(self)))
        return err;
    if (!kt_sql_rows(self, ours))
        return KT_EFENCED;
    for (; got < kt_sql_rows(self, k) && got < want && !err; got += !err)
        err = read_row(self, k, got, &out[got]);
    if (!err)
        *n = got;
    while (err && got--)
        free(out[got].bytes);
    return err;
}

kt_err_t
kt_sql_outbox_take(kt_ledger_t *base, const kt_lease_t *lease, uint64_t after, size_t want, kt_outbox_row_t *out,
                   size_t *n)
{
    kt_sql_t *self  = (kt_sql_t *)base;
    int       tries = 0;
    kt_err_t  err;
    do
        err = take_rows(self, lease, after, want, out, n);
    while (kt_sql_again(self, &err, &tries));
    return err;
}

static kt_err_t
confirm(kt_sql_t *self, const uint64_t *ids, size_t n, int64_t wall_ms)
{
    // Their range too, for the index: ids that are confirmed together were mostly taken together.
    uint64_t least = ids[0], most = ids[0];
    for (size_t i = 1; i < n; i++) {
        least = ids[i] < least ? ids[i] : least;
        most  = ids[i] > most ? ids[i] : most;
    }
    kt_err_t err = kt_sql_begin(self, true);
    if (err)
        return err;
    kt_sql_write(self);
    kt_sql_arg_text(self, self->name);
    kt_sql_column(self, KT_SQL_U64, n, ids, sizeof *ids);
    kt_sql_arg_int(self, wall_ms);
    kt_sql_arg_u64(self, least);
    kt_sql_arg_u64(self, most);
    kt_sql_put(self, KT_SQL_OUTBOX_DONE);
    return kt_sql_commit(self);
}

kt_err_t
kt_sql_outbox_done(kt_ledger_t *base, const uint64_t *ids, size_t n, int64_t wall_ms)
{
    kt_sql_t *self  = (kt_sql_t *)base;
    int       tries = 0;
    kt_err_t  err;
    do
        err = n ? confirm(self, ids, n, wall_ms) : KT_OK;
    while (kt_sql_again(self, &err, &tries));
    return err;
}
