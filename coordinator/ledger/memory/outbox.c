// The outbox of the ledger in memory. Row n has the number n + 1; `outbox_first` is the number before the first row
// that waits, so that a scan from the beginning skips the confirmed rows.
#include "common/text.h"
#include "coordinator/ledger/memory/memory.h"

#include <stdlib.h>
#include <string.h>

static kt_mem_outbox_t *
row_at(const kt_mem_t *self, size_t place)
{
    return kt_mem_row(&self->outbox, place);
}

static kt_mem_outbox_t *
add_row(kt_mem_t *self, kt_outbox_kind_t kind)
{
    kt_mem_outbox_t *row = kt_mem_add(&self->outbox);
    row->kind            = kind;
    row->epoch           = self->epoch;
    row->waiting         = true;
    self->outbox_waiting++;
    return row;
}

void
kt_mem_outbox_result(kt_mem_t *self, const kt_mem_job_t *job)
{
    kt_mem_outbox_t *row    = add_row(self, KT_OUTBOX_RESULT);
    kt_mem_result_t *result = kt_mem_row(&self->results, job->result - 1);
    row->run                = result->id;
    row->err                = result->err;
    row->message_id         = job->message_id;
    row->reason             = "";
    row->bytes              = result->document;
    row->n_bytes            = result->document_bytes;
    row->properties         = job->properties;
    row->n_properties       = job->n_properties;
    row->created_ms         = result->stored_ms;
    result->outbox          = self->outbox.n;
}

kt_err_t
kt_mem_outbox_replay(kt_ledger_t *base, kt_replay_t *replay)
{
    kt_mem_t     *self = (kt_mem_t *)base;
    kt_mem_job_t *job  = replay->job && replay->job <= self->jobs.n ? kt_mem_row(&self->jobs, replay->job - 1) : NULL;
    const kt_mem_result_t *result = job && job->result ? kt_mem_row(&self->results, job->result - 1) : NULL;
    replay->found                 = result && result->outbox && !row_at(self, result->outbox - 1)->waiting &&
                    job->facts.state >= KT_JOB_DONE && !job->facts.retained && result->id.run == job->facts.id.run;
    if (!replay->found)
        return KT_OK;
    if (!kt_mem_room(&self->outbox, 1) || !kt_mem_text_room(self, replay->properties_bytes + 1))
        return KT_ENOMEM;
    kt_mem_outbox_result(self, job);
    kt_mem_outbox_t *row = row_at(self, self->outbox.n - 1);
    if (replay->properties) {
        row->properties   = kt_mem_text(self, replay->properties, replay->properties_bytes);
        row->n_properties = replay->properties_bytes;
    }
    return KT_OK;
}

void
kt_mem_outbox_take_over(kt_mem_t *self, uint64_t epoch)
{
    for (size_t i = self->outbox_first; i < self->outbox.n; i++) {
        kt_mem_outbox_t *row = row_at(self, i);
        if (row->waiting && !kt_mem_has_lease(self, row->epoch))
            row->epoch = epoch;
    }
}

static void
put_reject(kt_mem_t *self, const kt_reject_t *from, kt_outbox_kind_t kind)
{
    char             id[KT_JOB_ID_BYTES], reason[KT_OUTBOX_REASON];
    kt_mem_outbox_t *row    = add_row(self, kind);
    bool             reply  = kind == KT_OUTBOX_REPLY;
    size_t           length = kt_text_sanitize(id, sizeof id, from->message_id, strlen(from->message_id));
    row->err                = from->err;
    row->message_id         = kt_mem_text(self, id, length);
    length                  = kt_text_sanitize(reason, sizeof reason, from->reason, strlen(from->reason));
    row->reason             = kt_mem_text(self, reason, length);
    row->n_bytes            = reply ? from->reply_bytes : from->body_bytes;
    row->bytes              = kt_mem_text(self, reply ? from->reply : from->body, row->n_bytes);
    row->properties         = from->properties ? kt_mem_text(self, from->properties, from->properties_bytes) : NULL;
    row->n_properties       = from->properties_bytes;
    row->created_ms         = from->wall_ms;
}

kt_err_t
kt_mem_outbox_put(kt_ledger_t *base, const kt_reject_t *rejects, size_t n)
{
    kt_mem_t *self  = (kt_mem_t *)base;
    size_t    bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += rejects[i].body_bytes + rejects[i].reply_bytes + 2 * (rejects[i].properties_bytes + 1) +
                 2 * (KT_JOB_ID_BYTES + KT_OUTBOX_REASON + 1);
    if (!kt_mem_room(&self->outbox, 2 * n) || !kt_mem_text_room(self, bytes))
        return KT_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        put_reject(self, &rejects[i], KT_OUTBOX_DEAD);
        if (rejects[i].reply)
            put_reject(self, &rejects[i], KT_OUTBOX_REPLY);
    }
    return KT_OK;
}

static kt_err_t
copy_row(const kt_mem_outbox_t *row, uint64_t id, kt_outbox_row_t *out)
{
    char *bytes = malloc(row->n_bytes + 1);
    if (!bytes)
        return KT_ENOMEM;
    memcpy(bytes, row->bytes, row->n_bytes + 1);
    *out =
        (kt_outbox_row_t){.id = id, .kind = row->kind, .run = row->run, .err = row->err, .created_ms = row->created_ms};
    kt_text_copy(out->message_id, sizeof out->message_id, row->message_id);
    kt_text_copy(out->reason, sizeof out->reason, row->reason);
    out->bytes   = bytes;
    out->n_bytes = row->n_bytes;
    if (row->properties) {
        out->properties   = malloc(row->n_properties + 1);
        out->n_properties = row->n_properties;
        if (!out->properties) {
            kt_outbox_row_fini(out);
            return KT_ENOMEM;
        }
        memcpy(out->properties, row->properties, row->n_properties);
    }
    return KT_OK;
}

kt_err_t
kt_mem_outbox_take(kt_ledger_t *base, const kt_lease_t *lease, uint64_t after, size_t want, kt_outbox_row_t *out,
                   size_t *n)
{
    const kt_mem_t *self  = (const kt_mem_t *)base;
    size_t          place = after < self->outbox_first ? self->outbox_first : (size_t)after;
    size_t          got = 0, bytes = 0;
    kt_err_t        err = kt_mem_has_lease(self, lease->epoch) ? KT_OK : KT_EFENCED;
    for (; place < self->outbox.n && got < want && !err; place++) {
        const kt_mem_outbox_t *row = row_at(self, place);
        if (!row->waiting || row->epoch != lease->epoch)
            continue;
        bytes += row->n_bytes;
        if (got && bytes > KT_OUTBOX_BYTES)
            break;
        err = copy_row(row, place + 1, &out[got]);
        got += !err;
    }
    for (size_t i = 0; err && i < got; i++)
        kt_outbox_row_fini(&out[i]);
    if (!err)
        *n = got;
    return err;
}

kt_err_t
kt_mem_outbox_done(kt_ledger_t *base, const uint64_t *ids, size_t n, int64_t wall_ms)
{
    kt_mem_t *self = (kt_mem_t *)base;
    for (size_t i = 0; i < n; i++) {
        kt_mem_outbox_t *row = ids[i] && ids[i] <= self->outbox.n ? row_at(self, (size_t)ids[i] - 1) : NULL;
        if (!row || !row->waiting)
            continue;
        row->waiting      = false;
        row->confirmed_ms = wall_ms;
        self->outbox_waiting--;
    }
    while (self->outbox_first < self->outbox.n && !row_at(self, self->outbox_first)->waiting)
        self->outbox_first++;
    return KT_OK;
}
