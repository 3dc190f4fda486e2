// Backfills in the ledger in memory: the objects and their lists.
#include "coordinator/ledger/memory/backfill.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

kt_mem_backfill_t *
kt_mem_backfill(const kt_mem_t *self, uint64_t id)
{
    return id && id <= self->backfills.n ? *(kt_mem_backfill_t **)kt_mem_row(&self->backfills, (size_t)id - 1) : NULL;
}

kt_mem_backfill_t *
kt_mem_backfill_own(const kt_mem_t *self, const kt_lease_t *lease, uint64_t id)
{
    kt_mem_backfill_t *row = kt_mem_backfill(self, id);
    return row && row->owner == lease->epoch && kt_mem_has_lease(self, lease->epoch) ? row : NULL;
}

static void
drop_chunks(kt_mem_backfill_t *row)
{
    for (size_t i = 0; i < row->chunks.n; i++) {
        kt_mem_chunk_t *chunk = kt_mem_row(&row->chunks, i);
        free(chunk->bytes);
        chunk->bytes = NULL;
    }
}

static void
free_backfill(kt_mem_backfill_t *row)
{
    drop_chunks(row);
    for (size_t i = 0; i < row->paths.n; i++)
        free(((kt_mem_path_t *)kt_mem_row(&row->paths, i))->path);
    free(row->chunks.at);
    free(row->paths.at);
    free(row->items.at);
    free(row->seen);
    free(row);
}

void
kt_mem_backfill_init(kt_mem_t *self)
{
    self->backfills.row_bytes = sizeof(kt_mem_backfill_t *);
    self->files.row_bytes     = sizeof(kt_mem_file_t);
}

void
kt_mem_backfill_fini(kt_mem_t *self)
{
    for (size_t i = 0; i < self->backfills.n; i++)
        free_backfill(kt_mem_backfill(self, i + 1));
    for (size_t i = 0; i < self->files.n; i++)
        free(((kt_mem_file_t *)kt_mem_row(&self->files, i))->path);
    free(self->backfills.at);
    free(self->files.at);
}

static kt_err_t
create(kt_ledger_t *base, const kt_backfill_t *wanted, int64_t wall_ms, kt_backfill_t *out)
{
    kt_mem_t *self = (kt_mem_t *)base;
    if (!kt_backfill_ok(wanted))
        return KT_EBADDATA;
    for (uint64_t id = 1; id <= self->backfills.n; id++)
        if (!strcmp(kt_mem_backfill(self, id)->b.token, wanted->token)) {
            *out = kt_mem_backfill(self, id)->b;
            return KT_OK;
        }
    kt_mem_backfill_t *row = kt_mem_room(&self->backfills, 1) ? calloc(1, sizeof *row) : NULL;
    if (!row)
        return KT_ENOMEM;
    row->chunks.row_bytes = sizeof(kt_mem_chunk_t);
    row->paths.row_bytes  = sizeof(kt_mem_path_t);
    row->items.row_bytes  = sizeof(kt_mem_item_t);
    kt_backfill_fresh(wanted, self->backfills.n + 1, wall_ms, &row->b);
    *(kt_mem_backfill_t **)kt_mem_add(&self->backfills) = row;
    *out                                                = row->b;
    return KT_OK;
}

static kt_err_t
find(kt_ledger_t *base, uint64_t after, kt_backfill_t *out, size_t capacity, size_t *n)
{
    const kt_mem_t *self = (const kt_mem_t *)base;
    size_t          got  = 0;
    for (uint64_t id = after < self->backfills.n ? after + 1 : self->backfills.n + 1;
         id <= self->backfills.n && got < capacity; id++)
        out[got++] = kt_mem_backfill(self, id)->b;
    *n = got;
    return KT_OK;
}

static kt_err_t
spool(kt_ledger_t *base, uint64_t id, uint64_t number, const void *bytes, size_t length)
{
    kt_mem_backfill_t *row = kt_mem_backfill((kt_mem_t *)base, id);
    if (!row)
        return KT_ENOTFOUND;
    bool     repeated;
    kt_err_t err = kt_rule_backfill_spool(&row->b, number, &repeated);
    if (err)
        return err;
    if (repeated) {
        const kt_mem_chunk_t *known = kt_mem_row(&row->chunks, (size_t)number);
        return known->length == length && !memcmp(known->bytes, bytes, length) ? KT_OK : KT_ECLASH;
    }
    char *copy = kt_mem_room(&row->chunks, 1) ? malloc(length + 1) : NULL;
    if (!copy)
        return KT_ENOMEM;
    memcpy(copy, bytes, length);
    *(kt_mem_chunk_t *)kt_mem_add(&row->chunks) = (kt_mem_chunk_t){copy, length};
    row->b.chunks++;
    return KT_OK;
}

static kt_err_t
control(kt_ledger_t *base, uint64_t id, kt_backfill_verb_t verb, uint64_t chunks, int64_t wall_ms)
{
    kt_mem_backfill_t *row = kt_mem_backfill((kt_mem_t *)base, id);
    if (!row)
        return KT_ENOTFOUND;
    kt_err_t err = kt_backfill_control(&row->b, verb, chunks, wall_ms);
    if (!err && verb == KT_BACKFILL_CANCEL)
        drop_chunks(row);
    return err;
}

static kt_err_t
chunk(kt_ledger_t *base, uint64_t id, uint64_t number, char **bytes, size_t *length)
{
    const kt_mem_backfill_t *row = kt_mem_backfill((kt_mem_t *)base, id);
    if (!row || number >= row->chunks.n)
        return KT_ENOTFOUND;
    const kt_mem_chunk_t *known = kt_mem_row(&row->chunks, (size_t)number);
    char                 *copy  = known->bytes ? malloc(known->length + 1) : NULL;
    if (!copy)
        return known->bytes ? KT_ENOMEM : KT_ENOTFOUND;
    memcpy(copy, known->bytes, known->length);
    *bytes  = copy;
    *length = known->length;
    return KT_OK;
}

static kt_err_t
take(kt_ledger_t *base, const kt_lease_t *lease, kt_backfill_t *out, size_t capacity, size_t *n)
{
    const kt_mem_t *self = (const kt_mem_t *)base;
    size_t          got  = 0;
    if (!kt_mem_has_lease(self, lease->epoch))
        return KT_EFENCED;
    for (uint64_t id = 1; id <= self->backfills.n && got < capacity; id++) {
        kt_mem_backfill_t *row = kt_mem_backfill(self, id);
        if (!kt_backfill_is_active(&row->b))
            continue;
        if (!kt_mem_has_lease(self, row->owner))
            row->owner = lease->epoch;
        if (row->owner == lease->epoch)
            out[got++] = row->b;
    }
    *n = got;
    return KT_OK;
}

void
kt_mem_backfill_audit(const kt_mem_t *self, kt_audit_fn *found, void *context)
{
    char text[128];
    for (uint64_t id = 1; id <= self->backfills.n; id++) {
        const kt_mem_backfill_t *row       = kt_mem_backfill(self, id);
        uint64_t                 counts[4] = {0}, own = 0;
        for (size_t i = 0; i < row->items.n; i++)
            counts[((const kt_mem_item_t *)kt_mem_row(&row->items, i))->state]++;
        for (size_t i = 0; i < row->paths.n; i++)
            own += ((const kt_mem_path_t *)kt_mem_row(&row->paths, i))->own;
        if (row->paths.n == row->b.listed && own == row->b.fed && counts[KT_ITEM_FAILED] == row->b.failed &&
            counts[KT_ITEM_CANCELLED] == row->b.cancelled && counts[KT_ITEM_OPEN] == kt_backfill_open(&row->b))
            continue;
        snprintf(text, sizeof text, "the counts of backfill %" PRIu64 " are not those of its rows", id);
        found(context, (kt_run_id_t){0, 0}, text);
    }
}

const kt_backfill_ops_t KT_MEM_BACKFILL = {
    .create  = create,
    .find    = find,
    .spool   = spool,
    .control = control,
    .retry   = kt_mem_backfill_retry,
    .results = kt_mem_backfill_results,
    .take    = take,
    .chunk   = chunk,
    .known   = kt_mem_backfill_known,
    .list    = kt_mem_backfill_list,
    .waiting = kt_mem_backfill_waiting,
    .feed    = kt_mem_backfill_feed,
    .settle  = kt_mem_backfill_settle,
};
