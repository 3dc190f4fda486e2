// The outbox. The row of a result holds no bytes: they are the result's document. Those of rejects go with the
// confirmation; the row stays, so that a job's story can say when it went out.
#include "common/text.h"
#include "coordinator/ledger/postgres/ops.h"
#include "coordinator/ledger/postgres/postgres.h"

#include <stdlib.h>
#include <string.h>

// A reject is the dead message, and after it the reply where there is one.
typedef struct sheet {
    const kt_reject_t *reject;
    bool               reply;
} sheet_t;

static void
arg_numbers(kt_pg_t *self, const sheet_t *sheets, size_t n)
{
    kt_pg_array(self, KT_PG_INT8, n);
    for (size_t i = 0; i < n; i++)
        kt_pg_el_int(self, sheets[i].reply ? KT_OUTBOX_REPLY : KT_OUTBOX_DEAD);
    kt_pg_array_end(self);
    kt_pg_array(self, KT_PG_INT8, n);
    for (size_t i = 0; i < n; i++)
        kt_pg_el_int(self, sheets[i].reject->err);
    kt_pg_array_end(self);
    kt_pg_array(self, KT_PG_INT8, n);
    for (size_t i = 0; i < n; i++)
        kt_pg_el_int(self, sheets[i].reject->wall_ms);
    kt_pg_array_end(self);
}

static void
arg_texts(kt_pg_t *self, const sheet_t *sheets, size_t n, bool reasons)
{
    kt_pg_array(self, KT_PG_TEXT, n);
    for (size_t i = 0; i < n; i++) {
        char        text[(int)KT_JOB_ID_BYTES + (int)KT_OUTBOX_REASON];
        const char *from = reasons ? sheets[i].reject->reason : sheets[i].reject->message_id;
        size_t      room = reasons ? (size_t)KT_OUTBOX_REASON : (size_t)KT_JOB_ID_BYTES;
        kt_text_sanitize(text, room, from ? from : "", from ? strlen(from) : 0);
        kt_pg_el_text(self, text);
    }
    kt_pg_array_end(self);
}

static kt_err_t
put_sheets(kt_pg_t *self, const sheet_t *sheets, size_t n)
{
    kt_err_t err = kt_pg_begin(self, true);
    if (err)
        return err;
    kt_pg_put(self, KT_PG_BEGIN);
    kt_pg_arg_int(self, (int64_t)self->epoch);
    arg_numbers(self, sheets, n);
    arg_texts(self, sheets, n, false);
    arg_texts(self, sheets, n, true);
    kt_pg_array(self, KT_PG_BYTEA, n);
    for (size_t i = 0; i < n; i++) {
        const kt_reject_t *reject = sheets[i].reject;
        kt_pg_el_bytes(self, sheets[i].reply ? reject->reply : reject->body,
                       sheets[i].reply ? reject->reply_bytes : reject->body_bytes);
    }
    kt_pg_array_end(self);
    kt_pg_put(self, KT_PG_OUTBOX_PUT);
    kt_pg_put_delta(self, &(kt_pg_delta_t){.waiting = (int64_t)n});
    kt_pg_put_commit(self);
    return kt_pg_run(self);
}

kt_err_t
kt_pg_outbox_put(kt_ledger_t *base, const kt_reject_t *rejects, size_t n)
{
    sheet_t *sheets = malloc((2 * n + 1) * sizeof *sheets);
    size_t   all    = 0;
    int      tries  = 0;
    kt_err_t err;
    if (!sheets)
        return KT_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        sheets[all++] = (sheet_t){&rejects[i], false};
        if (rejects[i].reply)
            sheets[all++] = (sheet_t){&rejects[i], true};
    }
    do
        err = all ? put_sheets((kt_pg_t *)base, sheets, all) : KT_OK;
    while (kt_pg_again(&err, &tries));
    free(sheets);
    return err;
}

enum { ANSWER = 1 };  // LEASE_OURS, OUTBOX_TAKE

static kt_err_t
read_row(const kt_pg_t *self, int row, kt_outbox_row_t *out)
{
    size_t length;
    memset(out, 0, sizeof *out);
    out->id      = (uint64_t)kt_pg_int(self, ANSWER, row, 0);
    out->kind    = (kt_outbox_kind_t)kt_pg_int(self, ANSWER, row, 1);
    out->run.job = (uint64_t)kt_pg_int(self, ANSWER, row, 2);
    out->run.run = (uint32_t)kt_pg_int(self, ANSWER, row, 3);
    out->err     = (kt_err_t)kt_pg_int(self, ANSWER, row, 4);
    kt_pg_text(self, ANSWER, row, 5, out->message_id, sizeof out->message_id);
    kt_pg_text(self, ANSWER, row, 6, out->reason, sizeof out->reason);
    int column = kt_pg_bytes(self, ANSWER, row, 7, &length) ? 7 : 8;
    return kt_pg_copy(self, ANSWER, row, column, &out->bytes, &out->n_bytes);
}

static kt_err_t
read_all(const kt_pg_t *self, size_t want, kt_outbox_row_t *out, size_t *n)
{
    kt_err_t err  = KT_OK;
    size_t   got  = 0;
    size_t   rows = (size_t)kt_pg_rows(self, ANSWER);
    for (; got < rows && got < want && !err; got += !err)
        err = read_row(self, (int)got, &out[got]);
    if (!err) {
        *n = got;
        return KT_OK;
    }
    while (got--)
        free(out[got].bytes);
    return err;
}

kt_err_t
kt_pg_outbox_take(kt_ledger_t *base, const kt_lease_t *lease, uint64_t after, size_t want, kt_outbox_row_t *out,
                  size_t *n)
{
    kt_pg_t *self = (kt_pg_t *)base;
    kt_err_t err  = kt_pg_begin(self, true);
    if (err)
        return err;
    kt_pg_arg_text(self, lease->coordinator);
    kt_pg_arg_int(self, (int64_t)lease->epoch);
    kt_pg_put(self, KT_PG_LEASE_OURS);
    kt_pg_arg_int(self, (int64_t)lease->epoch);
    kt_pg_arg_int(self, after > INT64_MAX ? INT64_MAX : (int64_t)after);
    kt_pg_arg_int(self, (int64_t)want);
    kt_pg_arg_int(self, KT_OUTBOX_BYTES);
    kt_pg_put(self, KT_PG_OUTBOX_TAKE);
    if ((err = kt_pg_run(self)))
        return err == KT_EAGAIN ? KT_EIO : err;
    return kt_pg_rows(self, 0) ? read_all(self, want, out, n) : KT_EFENCED;
}

// Their range too, for the index: ids that are confirmed together were mostly taken together.
static void
arg_range(kt_pg_t *self, const uint64_t *ids, size_t n)
{
    uint64_t least = ids[0], most = ids[0];
    for (size_t i = 1; i < n; i++) {
        least = ids[i] < least ? ids[i] : least;
        most  = ids[i] > most ? ids[i] : most;
    }
    kt_pg_arg_int(self, least > INT64_MAX ? INT64_MAX : (int64_t)least);
    kt_pg_arg_int(self, most > INT64_MAX ? INT64_MAX : (int64_t)most);
}

static kt_err_t
confirm(kt_pg_t *self, const uint64_t *ids, size_t n, int64_t wall_ms)
{
    kt_err_t err = kt_pg_begin(self, true);
    if (err)
        return err;
    kt_pg_put(self, KT_PG_BEGIN);
    kt_pg_arg_text(self, self->name);
    kt_pg_array(self, KT_PG_INT8, n);
    for (size_t i = 0; i < n; i++)
        kt_pg_el_int(self, (int64_t)ids[i]);
    kt_pg_array_end(self);
    kt_pg_arg_int(self, wall_ms);
    arg_range(self, ids, n);
    kt_pg_put(self, KT_PG_OUTBOX_DONE);
    kt_pg_put_commit(self);
    return kt_pg_run(self);
}

kt_err_t
kt_pg_outbox_done(kt_ledger_t *base, const uint64_t *ids, size_t n, int64_t wall_ms)
{
    kt_err_t err;
    int      tries = 0;
    do
        err = n ? confirm((kt_pg_t *)base, ids, n, wall_ms) : KT_OK;
    while (kt_pg_again(&err, &tries));
    return err;
}
