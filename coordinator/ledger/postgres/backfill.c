// Backfills in the PostgreSQL ledger: the objects themselves, their spooled lists, who works on them. What happens to
// their rows is in ledger_postgres_backfill_rows.c and ledger_postgres_backfill_items.c.
#include "coordinator/ledger/postgres/backfill.h"

#include "coordinator/ledger/postgres/ops.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMN_CHANGES = 1 + KT_BACKFILL_TEXTS + KT_BACKFILL_NUMBERS, COLUMN_OWNER };

static void
read_row(const kt_pg_t *self, size_t k, int row, kt_pg_backfill_t *out)
{
    const char *texts[KT_BACKFILL_TEXTS];
    int64_t     numbers[KT_BACKFILL_NUMBERS];
    size_t      length;
    for (int i = 0; i < KT_BACKFILL_TEXTS; i++) {
        texts[i] = kt_pg_bytes(self, k, row, 1 + i, &length);
        if (!texts[i])
            texts[i] = "";
    }
    for (int i = 0; i < KT_BACKFILL_NUMBERS; i++)
        numbers[i] = kt_pg_int(self, k, row, 1 + KT_BACKFILL_TEXTS + i);
    kt_backfill_read(&out->b, (uint64_t)kt_pg_int(self, k, row, 0), texts, numbers);
    out->changes = kt_pg_int(self, k, row, COLUMN_CHANGES);
    out->owner   = (uint64_t)kt_pg_int(self, k, row, COLUMN_OWNER);
}

void
kt_pg_backfill_put_get(kt_pg_t *self, const kt_lease_t *lease, uint64_t id)
{
    kt_pg_arg_text(self, lease ? lease->coordinator : "");
    kt_pg_arg_int(self, lease ? (int64_t)lease->epoch : 0);
    kt_pg_put(self, KT_PG_LEASE_OURS);
    kt_pg_arg_int(self, (int64_t)id);
    kt_pg_put(self, KT_PG_BACKFILL_GET);
}

kt_err_t
kt_pg_backfill_got(const kt_pg_t *self, const kt_lease_t *lease, kt_pg_backfill_t *out)
{
    if (lease && !kt_pg_rows(self, 0))
        return KT_EFENCED;
    if (!kt_pg_rows(self, 1))
        return KT_ENOTFOUND;
    read_row(self, 1, 0, out);
    return lease && out->owner != lease->epoch ? KT_EFENCED : KT_OK;
}

static void
arg_row(kt_pg_t *self, const kt_backfill_t *b)
{
    const char *texts[KT_BACKFILL_TEXTS];
    int64_t     numbers[KT_BACKFILL_NUMBERS];
    kt_backfill_texts(b, texts);
    kt_backfill_numbers(b, numbers);
    kt_pg_array(self, KT_PG_TEXT, KT_BACKFILL_TEXTS);
    for (size_t i = 0; i < KT_BACKFILL_TEXTS; i++)
        kt_pg_el_text(self, texts[i]);
    kt_pg_array_end(self);
    kt_pg_array(self, KT_PG_INT8, KT_BACKFILL_NUMBERS);
    for (size_t i = 0; i < KT_BACKFILL_NUMBERS; i++)
        kt_pg_el_int(self, numbers[i]);
    kt_pg_array_end(self);
}

void
kt_pg_backfill_put(kt_pg_t *self, const kt_pg_backfill_t *row)
{
    kt_pg_arg_int(self, (int64_t)row->b.id);
    kt_pg_arg_int(self, row->changes);
    arg_row(self, &row->b);
    kt_pg_put(self, KT_PG_BACKFILL_PUT);
}

void
kt_pg_backfill_write(kt_pg_t *self)
{
    kt_pg_start(self, KT_PG_CALL_MS);
    kt_pg_put(self, KT_PG_BEGIN);
}

kt_err_t
kt_pg_backfill_commit(kt_pg_t *self)
{
    kt_pg_put_commit(self);
    return kt_pg_run(self);
}

// KT_EAGAIN also when another has just made one of this token: the next look finds it.
static kt_err_t
create_once(kt_pg_t *self, const kt_backfill_t *wanted, int64_t wall_ms, kt_backfill_t *out)
{
    kt_pg_backfill_t row;
    kt_err_t         err = kt_pg_begin(self, true);
    if (err)
        return err;
    kt_pg_arg_text(self, wanted->token);
    kt_pg_put(self, KT_PG_BACKFILL_TOKEN);
    if ((err = kt_pg_run(self)))
        return err;
    if (kt_pg_rows(self, 0)) {
        read_row(self, 0, 0, &row);
        *out = row.b;
        return KT_OK;
    }
    kt_backfill_fresh(wanted, 0, wall_ms, &row.b);
    kt_pg_backfill_write(self);
    kt_pg_arg_int(self, 0);
    kt_pg_arg_int(self, 0);
    arg_row(self, &row.b);
    kt_pg_put(self, KT_PG_BACKFILL_NEW);
    if ((err = kt_pg_backfill_commit(self)))
        return err;
    if (!kt_pg_rows(self, 1))
        return KT_EAGAIN;
    *out    = row.b;
    out->id = (uint64_t)kt_pg_int(self, 1, 0, 0);
    return KT_OK;
}

static kt_err_t
create(kt_ledger_t *base, const kt_backfill_t *wanted, int64_t wall_ms, kt_backfill_t *out)
{
    kt_err_t err   = KT_EBADDATA;
    int      tries = 0;
    if (!kt_backfill_ok(wanted))
        return err;
    do
        err = create_once((kt_pg_t *)base, wanted, wall_ms, out);
    while (kt_pg_again(&err, &tries));
    return err;
}

static size_t
read_rows(const kt_pg_t *self, size_t k, kt_backfill_t *out, size_t capacity)
{
    kt_pg_backfill_t row;
    size_t           n = (size_t)kt_pg_rows(self, k);
    for (size_t i = 0; i < n && i < capacity; i++) {
        read_row(self, k, (int)i, &row);
        out[i] = row.b;
    }
    return n < capacity ? n : capacity;
}

static kt_err_t
find(kt_ledger_t *base, uint64_t after, kt_backfill_t *out, size_t capacity, size_t *n)
{
    kt_pg_t *self = (kt_pg_t *)base;
    kt_err_t err  = kt_pg_begin(self, false);
    if (err)
        return err;
    kt_pg_arg_int(self, (int64_t)(after > INT64_MAX ? INT64_MAX : after));
    kt_pg_arg_int(self, (int64_t)capacity);
    kt_pg_put(self, KT_PG_BACKFILL_PAGE);
    if ((err = kt_pg_run(self)))
        return err == KT_EAGAIN ? KT_EIO : err;
    *n = read_rows(self, 0, out, capacity);
    return KT_OK;
}

static void
put_chunk_get(kt_pg_t *self, uint64_t id, uint64_t number)
{
    kt_pg_arg_int(self, (int64_t)id);
    kt_pg_arg_int(self, (int64_t)number);
    kt_pg_put(self, KT_PG_CHUNK_GET);
}

static kt_err_t
chunk(kt_ledger_t *base, uint64_t id, uint64_t number, char **bytes, size_t *length)
{
    kt_pg_t *self = (kt_pg_t *)base;
    kt_err_t err  = kt_pg_begin(self, false);
    if (err)
        return err;
    put_chunk_get(self, id, number);
    if ((err = kt_pg_run(self)))
        return err == KT_EAGAIN ? KT_EIO : err;
    return kt_pg_rows(self, 0) ? kt_pg_copy(self, 0, 0, 0, bytes, length) : KT_ENOTFOUND;
}

static kt_err_t
compare_chunk(const kt_pg_t *self, size_t k, const void *bytes, size_t length)
{
    size_t      known_bytes = 0;
    const char *known       = kt_pg_rows(self, k) ? kt_pg_bytes(self, k, 0, 0, &known_bytes) : NULL;
    return known && known_bytes == length && !memcmp(known, bytes, length) ? KT_OK : KT_ECLASH;
}

static kt_err_t
spool_once(kt_pg_t *self, uint64_t id, uint64_t number, const void *bytes, size_t length)
{
    kt_pg_backfill_t row;
    bool             repeated;
    kt_err_t         err = kt_pg_begin(self, true);
    if (err)
        return err;
    kt_pg_backfill_put_get(self, NULL, id);
    put_chunk_get(self, id, number);
    if (!(err = kt_pg_run(self)))
        err = kt_pg_backfill_got(self, NULL, &row);
    if (!err)
        err = kt_rule_backfill_spool(&row.b, number, &repeated);
    if (err)
        return err;
    if (repeated)
        return compare_chunk(self, 2, bytes, length);
    row.b.chunks++;
    kt_pg_backfill_write(self);
    kt_pg_backfill_put(self, &row);
    kt_pg_arg_int(self, (int64_t)id);
    kt_pg_arg_int(self, (int64_t)number);
    kt_pg_arg_bytes(self, bytes, length);
    kt_pg_put(self, KT_PG_CHUNK_PUT);
    return kt_pg_backfill_commit(self);
}

static kt_err_t
spool(kt_ledger_t *base, uint64_t id, uint64_t number, const void *bytes, size_t length)
{
    kt_err_t err;
    int      tries = 0;
    do
        err = spool_once((kt_pg_t *)base, id, number, bytes, length);
    while (kt_pg_again(&err, &tries));
    return err;
}

static kt_err_t
control_once(kt_pg_t *self, uint64_t id, kt_backfill_verb_t verb, uint64_t chunks, int64_t wall_ms)
{
    kt_pg_backfill_t row;
    kt_err_t         err = kt_pg_begin(self, true);
    if (err)
        return err;
    kt_pg_backfill_put_get(self, NULL, id);
    if (!(err = kt_pg_run(self)))
        err = kt_pg_backfill_got(self, NULL, &row);
    if (!err)
        err = kt_backfill_control(&row.b, verb, chunks, wall_ms);
    if (err)
        return err;
    kt_pg_backfill_write(self);
    kt_pg_backfill_put(self, &row);
    if (verb == KT_BACKFILL_CANCEL) {
        kt_pg_arg_int(self, (int64_t)id);
        kt_pg_arg_int(self, INT64_MAX);
        kt_pg_put(self, KT_PG_CHUNKS_DROP);
    }
    return kt_pg_backfill_commit(self);
}

static kt_err_t
control(kt_ledger_t *base, uint64_t id, kt_backfill_verb_t verb, uint64_t chunks, int64_t wall_ms)
{
    kt_err_t err;
    int      tries = 0;
    do
        err = control_once((kt_pg_t *)base, id, verb, chunks, wall_ms);
    while (kt_pg_again(&err, &tries));
    return err;
}

static kt_err_t
take_once(kt_pg_t *self, const kt_lease_t *lease, kt_backfill_t *out, size_t capacity, size_t *n)
{
    kt_err_t err = kt_pg_begin(self, true);
    if (err)
        return err;
    kt_pg_put(self, KT_PG_BEGIN);
    kt_pg_arg_text(self, lease->coordinator);
    kt_pg_arg_int(self, (int64_t)lease->epoch);
    kt_pg_put(self, KT_PG_LEASE_OURS);
    kt_pg_arg_text(self, lease->coordinator);
    kt_pg_arg_int(self, (int64_t)lease->epoch);
    kt_pg_put(self, KT_PG_BACKFILL_OWN);
    kt_pg_arg_int(self, (int64_t)lease->epoch);
    kt_pg_arg_int(self, (int64_t)capacity);
    kt_pg_put(self, KT_PG_BACKFILL_OURS);
    if ((err = kt_pg_backfill_commit(self)))
        return err;
    if (!kt_pg_rows(self, 1))
        return KT_EFENCED;
    *n = read_rows(self, 3, out, capacity);
    return KT_OK;
}

static kt_err_t
take(kt_ledger_t *base, const kt_lease_t *lease, kt_backfill_t *out, size_t capacity, size_t *n)
{
    kt_err_t err;
    int      tries = 0;
    do
        err = take_once((kt_pg_t *)base, lease, out, capacity, n);
    while (kt_pg_again(&err, &tries));
    return err;
}

const kt_backfill_ops_t KT_PG_BACKFILL = {
    .create  = create,
    .find    = find,
    .spool   = spool,
    .control = control,
    .retry   = kt_pg_backfill_retry,
    .results = kt_pg_backfill_results,
    .take    = take,
    .chunk   = chunk,
    .known   = kt_pg_backfill_known,
    .list    = kt_pg_backfill_list,
    .waiting = kt_pg_backfill_waiting,
    .feed    = kt_pg_backfill_feed,
    .settle  = kt_pg_backfill_settle,
};
