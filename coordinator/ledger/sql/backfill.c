// Backfills: the objects themselves, their uploaded lists, and which coordinator works on them. Paths are in
// backfill_paths.c, jobs in backfill_items.c.
#include "coordinator/ledger/sql/backfill.h"

#include "coordinator/ledger/sql/ops.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMN_CHANGES = 1 + KT_BACKFILL_TEXTS + KT_BACKFILL_NUMBERS, COLUMN_OWNER };

static void
read_backfill(const kt_sql_t *self, size_t k, size_t row, kt_sql_backfill_t *out)
{
    const char *texts[KT_BACKFILL_TEXTS];
    int64_t     numbers[KT_BACKFILL_NUMBERS];
    size_t      length;
    for (int i = 0; i < KT_BACKFILL_TEXTS; i++) {
        texts[i] = kt_sql_cell(self, k, row, 1 + i, &length);
        if (!texts[i])
            texts[i] = "";
    }
    for (int i = 0; i < KT_BACKFILL_NUMBERS; i++)
        numbers[i] = kt_sql_int(self, k, row, 1 + KT_BACKFILL_TEXTS + i);
    kt_backfill_read(&out->b, (uint64_t)kt_sql_int(self, k, row, 0), texts, numbers);
    out->changes = kt_sql_int(self, k, row, COLUMN_CHANGES);
    out->owner   = (uint64_t)kt_sql_int(self, k, row, COLUMN_OWNER);
}

static size_t
read_backfills(const kt_sql_t *self, size_t k, kt_backfill_t *out, size_t capacity)
{
    kt_sql_backfill_t row;
    size_t            n = kt_sql_rows(self, k) < capacity ? kt_sql_rows(self, k) : capacity;
    for (size_t i = 0; i < n; i++) {
        read_backfill(self, k, i, &row);
        out[i] = row.b;
    }
    return n;
}

static void
arg_columns(kt_sql_t *self, const kt_backfill_t *b)
{
    const char *texts[KT_BACKFILL_TEXTS];
    char        kinds[KT_BACKFILL_KINDS];
    int64_t     numbers[KT_BACKFILL_NUMBERS];
    kt_backfill_texts(b, texts, kinds);
    kt_backfill_numbers(b, numbers);
    for (size_t i = 0; i < KT_BACKFILL_TEXTS; i++)
        kt_sql_arg_text(self, texts[i]);
    for (size_t i = 0; i < KT_BACKFILL_NUMBERS; i++)
        kt_sql_arg_int(self, numbers[i]);
}

kt_err_t
kt_sql_backfill_read(kt_sql_t *self, const kt_lease_t *lease, uint64_t id, kt_sql_backfill_t *out)
{
    kt_sql_put_lease(self, lease);
    size_t ours = kt_sql_put(self, KT_SQL_LEASE_OURS);
    kt_sql_arg_u64(self, id);
    size_t   k   = kt_sql_put(self, KT_SQL_BACKFILL_GET);
    kt_err_t err = kt_sql_run(self);
    if (err)
        return err;
    if (lease && !kt_sql_rows(self, ours))
        return KT_EFENCED;
    if (!kt_sql_rows(self, k))
        return KT_ENOTFOUND;
    read_backfill(self, k, 0, out);
    return lease && out->owner != lease->epoch ? KT_EFENCED : KT_OK;
}

void
kt_sql_backfill_write(kt_sql_t *self, const kt_sql_backfill_t *row)
{
    kt_sql_write(self);
    kt_sql_arg_int(self, (int64_t)row->b.id);
    kt_sql_arg_int(self, row->changes);
    arg_columns(self, &row->b);
    kt_sql_put(self, KT_SQL_BACKFILL_PUT);
}

void
kt_sql_backfill_drop_chunks(kt_sql_t *self, uint64_t id, uint64_t before)
{
    kt_sql_arg_u64(self, id);
    kt_sql_arg_u64(self, before);
    kt_sql_put(self, KT_SQL_CHUNKS_DROP);
}

static kt_err_t
create_backfill(kt_ledger_t *base, const kt_backfill_t *wanted, int64_t wall_ms, kt_backfill_t *out)
{
    kt_sql_t *self = (kt_sql_t *)base;
    kt_err_t  err  = KT_OK;
    if (!kt_backfill_ok(wanted))
        return KT_EBADDATA;
    for (int tries = 0; kt_sql_try(self, true, &err, &tries);) {
        kt_sql_arg_text(self, wanted->token);
        size_t k = kt_sql_put(self, KT_SQL_BACKFILL_TOKEN);
        if ((err = kt_sql_run(self)) || read_backfills(self, k, out, 1))
            continue;
        kt_backfill_fresh(wanted, 0, wall_ms, out);
        kt_sql_write(self);
        arg_columns(self, out);
        k = kt_sql_put(self, KT_SQL_BACKFILL_NEW);
        if ((err = kt_sql_commit(self)))
            continue;
        if (kt_sql_rows(self, k))
            out->id = (uint64_t)kt_sql_int(self, k, 0, 0);
        else
            err = KT_EAGAIN;  // another has just made one of this token: the next try finds it
    }
    return err;
}

static kt_err_t
find_backfills(kt_ledger_t *base, uint64_t after, kt_backfill_t *out, size_t capacity, size_t *n)
{
    kt_sql_t *self = (kt_sql_t *)base;
    kt_err_t  err  = KT_OK;
    for (int tries = 0; kt_sql_try(self, false, &err, &tries);) {
        kt_sql_arg_u64(self, after);
        kt_sql_arg_u64(self, capacity);
        size_t k = kt_sql_put(self, KT_SQL_BACKFILL_PAGE);
        if (!(err = kt_sql_run(self)))
            *n = read_backfills(self, k, out, capacity);
    }
    return err;
}

static size_t
put_chunk_get(kt_sql_t *self, uint64_t id, uint64_t number)
{
    kt_sql_arg_u64(self, id);
    kt_sql_arg_u64(self, number);
    return kt_sql_put(self, KT_SQL_CHUNK_GET);
}

static kt_err_t
read_chunk(kt_ledger_t *base, uint64_t id, uint64_t number, char **bytes, size_t *length)
{
    kt_sql_t *self = (kt_sql_t *)base;
    kt_err_t  err  = KT_OK;
    for (int tries = 0; kt_sql_try(self, false, &err, &tries);) {
        size_t k = put_chunk_get(self, id, number);
        if (!(err = kt_sql_run(self)))
            err = kt_sql_rows(self, k) ? kt_sql_copy(self, k, 0, 0, bytes, length) : KT_ENOTFOUND;
    }
    return err;
}

static kt_err_t
compare_chunk(kt_sql_t *self, uint64_t id, uint64_t number, const void *bytes, size_t length)
{
    size_t   known_bytes = 0, k = put_chunk_get(self, id, number);
    kt_err_t err = kt_sql_run(self);
    if (err)
        return err;
    const char *known = kt_sql_rows(self, k) ? kt_sql_cell(self, k, 0, 0, &known_bytes) : NULL;
    return known && known_bytes == length && !memcmp(known, bytes, length) ? KT_OK : KT_ECLASH;
}

static kt_err_t
spool_chunk(kt_ledger_t *base, uint64_t id, uint64_t number, const void *bytes, size_t length)
{
    kt_sql_t         *self = (kt_sql_t *)base;
    kt_sql_backfill_t row;
    bool              repeated;
    kt_err_t          err = KT_OK;
    for (int tries = 0; kt_sql_try(self, true, &err, &tries);) {
        err = kt_sql_backfill_read(self, NULL, id, &row);
        if (err || (err = kt_rule_backfill_spool(&row.b, number, &repeated)))
            continue;
        if (repeated) {
            err = compare_chunk(self, id, number, bytes, length);
            continue;
        }
        row.b.chunks++;
        kt_sql_backfill_write(self, &row);
        kt_sql_arg_u64(self, id);
        kt_sql_arg_u64(self, number);
        kt_sql_arg_bytes(self, bytes, length);
        kt_sql_put(self, KT_SQL_CHUNK_PUT);
        err = kt_sql_commit(self);
    }
    return err;
}

static kt_err_t
control_backfill(kt_ledger_t *base, uint64_t id, kt_backfill_verb_t verb, uint64_t chunks, int64_t wall_ms)
{
    kt_sql_t         *self = (kt_sql_t *)base;
    kt_sql_backfill_t row;
    kt_err_t          err = KT_OK;
    for (int tries = 0; kt_sql_try(self, true, &err, &tries);) {
        err = kt_sql_backfill_read(self, NULL, id, &row);
        if (err || (err = kt_backfill_control(&row.b, verb, chunks, wall_ms)))
            continue;
        kt_sql_backfill_write(self, &row);
        if (verb == KT_BACKFILL_CANCEL)
            kt_sql_backfill_drop_chunks(self, id, INT64_MAX);
        err = kt_sql_commit(self);
    }
    return err;
}

static kt_err_t
take_backfills(kt_ledger_t *base, const kt_lease_t *lease, kt_backfill_t *out, size_t capacity, size_t *n)
{
    kt_sql_t *self = (kt_sql_t *)base;
    kt_err_t  err  = KT_OK;
    for (int tries = 0; kt_sql_try(self, true, &err, &tries);) {
        kt_sql_write(self);
        kt_sql_put_lease(self, lease);
        size_t ours = kt_sql_put(self, KT_SQL_LEASE_OURS);
        kt_sql_put_lease(self, lease);
        kt_sql_put(self, KT_SQL_BACKFILL_OWN);
        kt_sql_arg_int(self, (int64_t)lease->epoch);
        kt_sql_arg_u64(self, capacity);
        size_t k = kt_sql_put(self, KT_SQL_BACKFILL_OURS);
        if ((err = kt_sql_commit(self)))
            continue;
        if (kt_sql_rows(self, ours))
            *n = read_backfills(self, k, out, capacity);
        else
            err = KT_EFENCED;
    }
    return err;
}

const kt_backfill_ops_t KT_SQL_BACKFILL = {
    .create  = create_backfill,
    .find    = find_backfills,
    .spool   = spool_chunk,
    .control = control_backfill,
    .retry   = kt_sql_backfill_retry,
    .results = kt_sql_backfill_results,
    .take    = take_backfills,
    .chunk   = read_chunk,
    .known   = kt_sql_backfill_known,
    .list    = kt_sql_backfill_list,
    .waiting = kt_sql_backfill_waiting,
    .feed    = kt_sql_backfill_feed,
    .settle  = kt_sql_backfill_settle,
};
