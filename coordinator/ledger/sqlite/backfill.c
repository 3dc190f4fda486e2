// Backfills in the SQLite ledger: the objects themselves, their spooled lists, who works on them. Rows and jobs are in
// ledger_sqlite_backfill_rows.c.
#include "coordinator/ledger/sqlite/backfill.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// backfill_paths is written in the order of its key; path_key tells repeated lines of a list, and is left out where a
// walk cannot give a path twice. An item leaves when its job is done: what stays is what failed.
static const char SCHEMA[] =
    "CREATE TABLE IF NOT EXISTS backfills(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL DEFAULT '',"
    " token TEXT UNIQUE, source TEXT NOT NULL DEFAULT '', kind INTEGER NOT NULL DEFAULT 0,"
    " state INTEGER NOT NULL DEFAULT 0, flags INTEGER NOT NULL DEFAULT 0, options INTEGER NOT NULL DEFAULT 0,"
    " priority INTEGER NOT NULL DEFAULT 0, version TEXT NOT NULL DEFAULT '', cursor TEXT NOT NULL DEFAULT '',"
    " chunks INTEGER NOT NULL DEFAULT 0, chunk INTEGER NOT NULL DEFAULT 0, pages INTEGER NOT NULL DEFAULT 0,"
    " listed_all INTEGER NOT NULL DEFAULT 0, listed INTEGER NOT NULL DEFAULT 0, skipped INTEGER NOT NULL DEFAULT 0,"
    " refused INTEGER NOT NULL DEFAULT 0, repeated INTEGER NOT NULL DEFAULT 0, left_out INTEGER NOT NULL DEFAULT 0,"
    " unreadable INTEGER NOT NULL DEFAULT 0, fed_row INTEGER NOT NULL DEFAULT 0, fed INTEGER NOT NULL DEFAULT 0,"
    " done INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, cancelled INTEGER NOT NULL DEFAULT 0,"
    " created_ms INTEGER NOT NULL DEFAULT 0, ended_ms INTEGER NOT NULL DEFAULT 0,"
    " rate_ms_0 INTEGER NOT NULL DEFAULT 0, rate_n_0 INTEGER NOT NULL DEFAULT 0,"
    " rate_ms_1 INTEGER NOT NULL DEFAULT 0, rate_n_1 INTEGER NOT NULL DEFAULT 0, detail TEXT NOT NULL DEFAULT '',"
    " owner INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE TABLE IF NOT EXISTS backfill_chunks(backfill INTEGER NOT NULL, chunk INTEGER NOT NULL,"
    " bytes BLOB NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX IF NOT EXISTS backfill_chunks_once ON backfill_chunks(backfill, chunk);"
    "CREATE TABLE IF NOT EXISTS backfill_paths(backfill INTEGER NOT NULL, row INTEGER NOT NULL, path TEXT NOT NULL,"
    " bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, err INTEGER NOT NULL, job INTEGER NOT NULL, path_key BLOB,"
    " PRIMARY KEY(backfill, row)) STRICT, WITHOUT ROWID;"
    "CREATE UNIQUE INDEX IF NOT EXISTS backfill_paths_once ON backfill_paths(backfill, path_key)"
    " WHERE path_key IS NOT NULL;"
    "CREATE INDEX IF NOT EXISTS backfill_paths_refused ON backfill_paths(backfill, row) WHERE err <> 0;"
    "CREATE TABLE IF NOT EXISTS backfill_items(backfill INTEGER NOT NULL, state INTEGER NOT NULL,"
    " row INTEGER NOT NULL, job INTEGER NOT NULL, PRIMARY KEY(backfill, state, row)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS files(path TEXT PRIMARY KEY, bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,"
    " version TEXT NOT NULL, options INTEGER NOT NULL, content_digest BLOB, job INTEGER NOT NULL) STRICT,"
    " WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS files_content ON files(content_digest) WHERE content_digest IS NOT NULL;";

kt_err_t
kt_sqlite_backfill_schema(kt_sqlite_t *self)
{
    return kt_sqlite_exec(self, SCHEMA);
}

kt_err_t
kt_sqlite_backfill_put(kt_sqlite_t *self, const kt_backfill_t *b)
{
    const char      *texts[KT_BACKFILL_TEXTS];
    int64_t          numbers[KT_BACKFILL_NUMBERS];
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_BACKFILL_PUT);
    kt_backfill_texts(b, texts);
    kt_backfill_numbers(b, numbers);
    kt_sqlite_int(&call, (int64_t)b->id);
    for (size_t i = 0; i < KT_BACKFILL_TEXTS; i++)
        kt_sqlite_text(&call, texts[i]);
    for (size_t i = 0; i < KT_BACKFILL_NUMBERS; i++)
        kt_sqlite_int(&call, numbers[i]);
    return kt_sqlite_run(&call);
}

static void
read_backfill(sqlite3_stmt *stmt, kt_backfill_t *b)
{
    const char *texts[KT_BACKFILL_TEXTS];
    int64_t     numbers[KT_BACKFILL_NUMBERS];
    for (int i = 0; i < KT_BACKFILL_TEXTS; i++) {
        texts[i] = (const char *)sqlite3_column_text(stmt, 1 + i);
        if (!texts[i])
            texts[i] = "";
    }
    for (int i = 0; i < KT_BACKFILL_NUMBERS; i++)
        numbers[i] = sqlite3_column_int64(stmt, 1 + KT_BACKFILL_TEXTS + i);
    kt_backfill_read(b, (uint64_t)sqlite3_column_int64(stmt, 0), texts, numbers);
}

// Rows of a call whose parameters are bound.
static kt_err_t
read_all(kt_sqlite_call_t *call, kt_backfill_t *out, size_t capacity, size_t *n)
{
    bool     more = true;
    kt_err_t err  = KT_OK;
    *n            = 0;
    while (*n < capacity && !(err = kt_sqlite_step(call, &more)) && more)
        read_backfill(call->stmt, &out[(*n)++]);
    kt_sqlite_reset(call);
    return err;
}

kt_err_t
kt_sqlite_backfill_get(kt_sqlite_t *self, uint64_t id, kt_backfill_t *out)
{
    size_t           n    = 0;
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_BACKFILL_GET);
    kt_sqlite_int(&call, (int64_t)id);
    kt_err_t err = read_all(&call, out, 1, &n);
    return err ? err : n ? KT_OK : KT_ENOTFOUND;
}

static kt_err_t
ask_yes(kt_sqlite_call_t *call, bool *yes)
{
    kt_err_t err = kt_sqlite_step(call, yes);
    kt_sqlite_reset(call);
    return err;
}

kt_err_t
kt_sqlite_backfill_own(kt_sqlite_t *self, const kt_lease_t *lease, uint64_t id, kt_backfill_t *out)
{
    bool             lives = false, ours = false;
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_LEASE_OURS);
    kt_sqlite_text(&call, lease->coordinator);
    kt_sqlite_int(&call, (int64_t)lease->epoch);
    kt_err_t err = ask_yes(&call, &lives);
    if (!err) {
        call = kt_sqlite_call(self, KT_SQL_BACKFILL_OWNER);
        kt_sqlite_int(&call, (int64_t)id);
        kt_sqlite_int(&call, (int64_t)lease->epoch);
        err = ask_yes(&call, &ours);
    }
    if (err)
        return err;
    return lives && ours ? kt_sqlite_backfill_get(self, id, out) : KT_EFENCED;
}

static kt_err_t
find_token(kt_sqlite_t *self, const char *token, kt_backfill_t *out, size_t *n)
{
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_BACKFILL_TOKEN);
    kt_sqlite_text(&call, token);
    return read_all(&call, out, 1, n);
}

static kt_err_t
add(kt_sqlite_t *self, const kt_backfill_t *wanted, int64_t wall_ms, kt_backfill_t *out)
{
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_BACKFILL_NEW);
    kt_err_t         err  = kt_sqlite_run(&call);
    if (err)
        return err;
    kt_backfill_fresh(wanted, (uint64_t)sqlite3_last_insert_rowid(self->db), wall_ms, out);
    return kt_sqlite_backfill_put(self, out);
}

static kt_err_t
create(kt_ledger_t *base, const kt_backfill_t *wanted, int64_t wall_ms, kt_backfill_t *out)
{
    kt_sqlite_t *self = (kt_sqlite_t *)base;
    size_t       n    = 0;
    if (!kt_backfill_ok(wanted))
        return KT_EBADDATA;
    kt_err_t err = kt_sqlite_begin(self);
    if (!err)
        err = find_token(self, wanted->token, out, &n);
    if (!err && !n)
        err = add(self, wanted, wall_ms, out);
    return kt_sqlite_end(self, err);
}

static kt_err_t
find(kt_ledger_t *base, uint64_t after, kt_backfill_t *out, size_t capacity, size_t *n)
{
    kt_sqlite_call_t call = kt_sqlite_call((kt_sqlite_t *)base, KT_SQL_BACKFILL_PAGE);
    kt_sqlite_int(&call, (int64_t)(after > INT64_MAX ? INT64_MAX : after));
    kt_sqlite_int(&call, (int64_t)capacity);
    return read_all(&call, out, capacity, n);
}

static kt_err_t
chunk(kt_ledger_t *base, uint64_t id, uint64_t number, char **bytes, size_t *length)
{
    bool             more = false;
    kt_sqlite_call_t call = kt_sqlite_call((kt_sqlite_t *)base, KT_SQL_CHUNK_GET);
    kt_sqlite_int(&call, (int64_t)id);
    kt_sqlite_int(&call, (int64_t)number);
    kt_err_t err = kt_sqlite_step(&call, &more);
    if (err || !more)
        return err ? err : KT_ENOTFOUND;
    const void *blob = sqlite3_column_blob(call.stmt, 0);
    size_t      size = (size_t)sqlite3_column_bytes(call.stmt, 0);
    char       *copy = malloc(size + 1);
    if (copy) {
        memcpy(copy, blob ? blob : "", size);
        copy[size] = '\0';
        *bytes     = copy;
        *length    = size;
    }
    kt_sqlite_reset(&call);
    return copy ? KT_OK : KT_ENOMEM;
}

static kt_err_t
compare_chunk(kt_sqlite_t *self, uint64_t id, uint64_t number, const void *bytes, size_t length)
{
    char    *known       = NULL;
    size_t   known_bytes = 0;
    kt_err_t err         = chunk(&self->base, id, number, &known, &known_bytes);
    if (!err && (known_bytes != length || memcmp(known, bytes, length)))
        err = KT_ECLASH;
    free(known);
    return err;
}

static kt_err_t
put_chunk(kt_sqlite_t *self, kt_backfill_t *b, const void *bytes, size_t length)
{
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_CHUNK_PUT);
    kt_sqlite_int(&call, (int64_t)b->id);
    kt_sqlite_int(&call, (int64_t)b->chunks);
    kt_sqlite_blob(&call, bytes, length);
    b->chunks++;
    kt_err_t err = kt_sqlite_run(&call);
    return err ? err : kt_sqlite_backfill_put(self, b);
}

static kt_err_t
spool(kt_ledger_t *base, uint64_t id, uint64_t number, const void *bytes, size_t length)
{
    kt_sqlite_t  *self = (kt_sqlite_t *)base;
    kt_backfill_t b;
    bool          repeated = false;
    kt_err_t      err      = kt_sqlite_begin(self);
    if (!err)
        err = kt_sqlite_backfill_get(self, id, &b);
    if (!err)
        err = kt_rule_backfill_spool(&b, number, &repeated);
    if (!err && repeated)
        err = compare_chunk(self, id, number, bytes, length);
    else if (!err)
        err = put_chunk(self, &b, bytes, length);
    return kt_sqlite_end(self, err);
}

static kt_err_t
drop_chunks(kt_sqlite_t *self, uint64_t id)
{
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_CHUNKS_DROP);
    kt_sqlite_int(&call, (int64_t)id);
    kt_sqlite_int(&call, INT64_MAX);
    return kt_sqlite_run(&call);
}

static kt_err_t
control(kt_ledger_t *base, uint64_t id, kt_backfill_verb_t verb, uint64_t chunks, int64_t wall_ms)
{
    kt_sqlite_t  *self = (kt_sqlite_t *)base;
    kt_backfill_t b;
    kt_err_t      err = kt_sqlite_begin(self);
    if (!err)
        err = kt_sqlite_backfill_get(self, id, &b);
    if (!err)
        err = kt_backfill_control(&b, verb, chunks, wall_ms);
    if (!err)
        err = kt_sqlite_backfill_put(self, &b);
    if (!err && verb == KT_BACKFILL_CANCEL)
        err = drop_chunks(self, id);
    return kt_sqlite_end(self, err);
}

static kt_err_t
take(kt_ledger_t *base, const kt_lease_t *lease, kt_backfill_t *out, size_t capacity, size_t *n)
{
    kt_sqlite_t     *self = (kt_sqlite_t *)base;
    kt_err_t         err  = kt_sqlite_begin(self);
    bool             ours = false;
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_LEASE_OURS);
    kt_sqlite_text(&call, lease->coordinator);
    kt_sqlite_int(&call, (int64_t)lease->epoch);
    if (!err)
        err = ask_yes(&call, &ours);
    if (!err && !ours)
        err = KT_EFENCED;
    if (!err) {
        call = kt_sqlite_call(self, KT_SQL_BACKFILL_OWN);
        kt_sqlite_int(&call, (int64_t)lease->epoch);
        err = kt_sqlite_run(&call);
    }
    if (!err) {
        call = kt_sqlite_call(self, KT_SQL_BACKFILL_OURS);
        kt_sqlite_int(&call, (int64_t)lease->epoch);
        kt_sqlite_int(&call, (int64_t)capacity);
        err = read_all(&call, out, capacity, n);
    }
    return kt_sqlite_end(self, err);
}

const kt_backfill_ops_t KT_SQLITE_BACKFILL = {
    .create  = create,
    .find    = find,
    .spool   = spool,
    .control = control,
    .retry   = kt_sqlite_backfill_retry,
    .results = kt_sqlite_backfill_results,
    .take    = take,
    .chunk   = chunk,
    .known   = kt_sqlite_backfill_known,
    .list    = kt_sqlite_backfill_list,
    .waiting = kt_sqlite_backfill_waiting,
    .feed    = kt_sqlite_backfill_feed,
    .settle  = kt_sqlite_backfill_settle,
};
