// The outbox. The row of a result holds no bytes: they are the result's document. Those of rejects go with the
// confirmation; the row stays, so that a job's story contains the time of its publishing.
#include "coordinator/ledger/sql/messages.h"
#include "coordinator/ledger/sql/ops.h"

#include <stdlib.h>
#include <string.h>

// A reject is the dead-letter message, and after it the reply where there is one.
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
    kt_sql_array(self, KT_SQL_BYTEA, n);
    for (size_t i = 0; i < n; i++)
        kt_sql_el_some(self, messages[i].reject->properties, messages[i].reject->properties_bytes);
    kt_sql_array_end(self);
}

kt_err_t
kt_sql_outbox_put(kt_ledger_t *base, const kt_reject_t *rejects, size_t n)
{
    kt_sql_t  *self     = (kt_sql_t *)base;
    message_t *messages = malloc((2 * n + 1) * sizeof *messages);
    size_t     all      = 0;
    kt_err_t   err      = KT_OK;
    if (!messages)
        return KT_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        messages[all++] = (message_t){&rejects[i], false};
        if (rejects[i].reply)
            messages[all++] = (message_t){&rejects[i], true};
    }
    for (int tries = 0; all && kt_sql_try(self, true, &err, &tries);) {
        kt_sql_write(self);
        kt_sql_arg_int(self, (int64_t)self->epoch);
        arg_messages(self, messages, all);
        kt_sql_arg_text(self, self->name);
        kt_sql_put(self, KT_SQL_OUTBOX_PUT);
        err = kt_sql_commit(self);
    }
    free(messages);
    return err;
}

static kt_err_t
read_outbox_row(const kt_sql_t *self, size_t k, size_t row, kt_outbox_row_t *out)
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
    out->created_ms = kt_sql_int(self, k, row, 10);
    kt_err_t err    = out->kind == KT_OUTBOX_RESULT
                          ? kt_sql_message(self, k, row, 7, &out->bytes, &out->n_bytes, &out->damaged)
                          : kt_sql_copy(self, k, row, 8, &out->bytes, &out->n_bytes);
    if (!err && kt_sql_cell(self, k, row, 9, &length))
        err = kt_sql_copy(self, k, row, 9, &out->properties, &out->n_properties);
    if (err)
        kt_outbox_row_fini(out);
    return err;
}

kt_err_t
kt_sql_outbox_take(kt_ledger_t *base, const kt_lease_t *lease, uint64_t after, size_t want, kt_outbox_row_t *out,
                   size_t *n)
{
    kt_sql_t *self = (kt_sql_t *)base;
    size_t    got  = 0;
    kt_err_t  err  = KT_OK;
    for (int tries = 0; kt_sql_try(self, false, &err, &tries);) {
        kt_sql_put_lease(self, lease);
        size_t ours = kt_sql_put(self, KT_SQL_LEASE_OURS);
        kt_sql_arg_int(self, (int64_t)lease->epoch);
        kt_sql_arg_u64(self, after);
        kt_sql_arg_int(self, (int64_t)want);
        kt_sql_arg_int(self, KT_OUTBOX_BYTES);
        self->max_bytes = KT_OUTBOX_BYTES;
        size_t k        = kt_sql_put(self, KT_SQL_OUTBOX_TAKE);
        if ((err = kt_sql_run(self)))
            continue;
        err = kt_sql_rows(self, ours) ? KT_OK : KT_EFENCED;
        for (got = 0; got < kt_sql_rows(self, k) && got < want && !err; got += !err)
            err = read_outbox_row(self, k, got, &out[got]);
    }
    if (!err)
        *n = got;
    while (err && got--)
        kt_outbox_row_fini(&out[got]);
    return err;
}

kt_err_t
kt_sql_outbox_replay(kt_ledger_t *base, kt_replay_t *replay)
{
    kt_sql_t *self = (kt_sql_t *)base;
    kt_err_t  err  = KT_OK;
    for (int tries = 0; kt_sql_try(self, true, &err, &tries);) {
        kt_sql_write(self);
        kt_sql_arg_u64(self, replay->job);
        if (replay->properties)
            kt_sql_arg_bytes(self, replay->properties, replay->properties_bytes);
        else
            kt_sql_arg_null(self);
        kt_sql_arg_int(self, (int64_t)self->epoch);
        kt_sql_arg_text(self, self->name);
        size_t k = kt_sql_put(self, KT_SQL_OUTBOX_REPLAY);
        if (!(err = kt_sql_commit(self)))
            replay->found = kt_sql_rows(self, k) > 0;
    }
    return err;
}

kt_err_t
kt_sql_outbox_done(kt_ledger_t *base, const uint64_t *ids, size_t n, int64_t wall_ms)
{
    kt_sql_t *self  = (kt_sql_t *)base;
    uint64_t  least = UINT64_MAX, most = 0;
    kt_err_t  err = KT_OK;
    for (size_t i = 0; i < n; i++) {
        least = ids[i] < least ? ids[i] : least;
        most  = ids[i] > most ? ids[i] : most;
    }
    for (int tries = 0; n && kt_sql_try(self, true, &err, &tries);) {
        kt_sql_write(self);
        kt_sql_arg_text(self, self->name);
        kt_sql_column(self, KT_SQL_U64, n, ids, sizeof *ids);
        kt_sql_arg_int(self, wall_ms);
        kt_sql_arg_u64(self, least);  // the range, for the index: ids confirmed together were mostly taken together
        kt_sql_arg_u64(self, most);
        kt_sql_put(self, KT_SQL_OUTBOX_DONE);
        err = kt_sql_commit(self);
    }
    return err;
}
