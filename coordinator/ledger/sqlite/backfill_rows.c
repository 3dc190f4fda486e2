// Rows of backfills in the SQLite ledger: listed, fed, settled, tried again.
#include "coordinator/ledger/sqlite/backfill.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static bool
has_digest(const kt_digest_t *digest)
{
    static const kt_digest_t none;
    return memcmp(digest, &none, sizeof none) != 0;
}

static kt_err_t
read_known(kt_sqlite_call_t *call, uint64_t *job)
{
    bool     more;
    kt_err_t err = kt_sqlite_step(call, &more);
    if (!err && more)
        *job = (uint64_t)sqlite3_column_int64(call->stmt, 0);
    kt_sqlite_reset(call);
    return err;
}

static kt_err_t
find_known(kt_sqlite_t *self, const kt_backfill_t *b, kt_backfill_path_t *path)
{
    kt_err_t err = KT_OK;
    if (path->mtime_ns && !path->job) {
        kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_FILE_KNOWN);
        kt_sqlite_text(&call, path->path);
        kt_sqlite_int(&call, path->bytes);
        kt_sqlite_int(&call, path->mtime_ns);
        kt_sqlite_text(&call, b->version);
        kt_sqlite_int(&call, b->options);
        err = read_known(&call, &path->job);
    }
    if (!err && !path->job && has_digest(&path->digest)) {
        kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_CONTENT_KNOWN);
        kt_sqlite_digest(&call, &path->digest);
        kt_sqlite_text(&call, b->version);
        kt_sqlite_int(&call, b->options);
        err = read_known(&call, &path->job);
    }
    return err;
}

kt_err_t
kt_sqlite_backfill_known(kt_ledger_t *base, const kt_backfill_t *b, kt_backfill_path_t *paths, size_t n)
{
    kt_err_t err = KT_OK;
    for (size_t i = 0; i < n && !err; i++)
        if (!paths[i].err)
            err = find_known((kt_sqlite_t *)base, b, &paths[i]);
    return err;
}

static void
bind_key(kt_sqlite_call_t *call, const kt_backfill_path_t *path, bool distinct)
{
    kt_digest_t key = {0};
    int         at  = ++call->bound;
    kt_digest_of(path->path, strlen(path->path), &key);
    int rc = distinct || path->err ? sqlite3_bind_null(call->stmt, at)
                                   : sqlite3_bind_blob(call->stmt, at, key.bytes, KT_PATH_KEY, SQLITE_TRANSIENT);
    if (call->rc == SQLITE_OK)
        call->rc = rc;
}

static kt_err_t
put_path(kt_sqlite_t *self, const kt_backfill_page_t *page, uint64_t row, const kt_backfill_path_t *path)
{
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_PATH_PUT);
    kt_sqlite_int(&call, (int64_t)page->id);
    kt_sqlite_int(&call, (int64_t)row);
    kt_sqlite_text(&call, path->path);
    kt_sqlite_int(&call, path->bytes);
    kt_sqlite_int(&call, path->mtime_ns);
    kt_sqlite_int(&call, path->err);
    kt_sqlite_int(&call, (int64_t)path->job);
    bind_key(&call, path, page->distinct);
    return kt_sqlite_run(&call);
}

static kt_err_t
put_paths(kt_sqlite_t *self, kt_backfill_t *b, const kt_backfill_page_t *page, uint64_t *repeated)
{
    kt_err_t err = KT_OK;
    uint64_t row = b->listed;
    for (size_t i = 0; i < page->n && !err; i++) {
        const kt_backfill_path_t *path = &page->paths[i];
        err                            = put_path(self, page, row + 1, path);
        bool is_new                    = kt_sqlite_changes(self) != 0;
        row += is_new;
        *repeated += !is_new;
        b->refused += is_new && path->err;
        b->skipped += is_new && !path->err && path->job;
    }
    return err;
}

static kt_err_t
drop_read(kt_sqlite_t *self, const kt_backfill_page_t *page)
{
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_CHUNKS_DROP);
    kt_sqlite_int(&call, (int64_t)page->id);
    kt_sqlite_int(&call, (int64_t)page->chunk);
    return kt_sqlite_run(&call);
}

static kt_err_t
list_page(kt_sqlite_t *self, kt_backfill_t *b, const kt_backfill_page_t *page)
{
    uint64_t repeated = 0;
    bool     known;
    kt_err_t err = kt_rule_backfill_list(b, page, &known);
    if (err || known)
        return err;
    err = put_paths(self, b, page, &repeated);
    kt_backfill_count_page(b, page, repeated);
    if (!err)
        err = kt_sqlite_backfill_put(self, b);
    if (!err && b->kind == KT_BACKFILL_LIST)
        err = drop_read(self, page);
    return err;
}

kt_err_t
kt_sqlite_backfill_list(kt_ledger_t *base, const kt_lease_t *lease, const kt_backfill_page_t *page)
{
    kt_sqlite_t  *self = (kt_sqlite_t *)base;
    kt_backfill_t b;
    kt_err_t      err = kt_sqlite_begin(self);
    if (!err)
        err = kt_sqlite_backfill_own(self, lease, page->id, &b);
    if (!err)
        err = list_page(self, &b, page);
    return kt_sqlite_end(self, err);
}

kt_err_t
kt_sqlite_backfill_waiting(kt_ledger_t *base, const kt_backfill_t *b, size_t want, kt_backfill_path_t *out, size_t *n)
{
    bool             more = true;
    size_t           got  = 0;
    kt_err_t         err  = KT_OK;
    kt_sqlite_call_t call = kt_sqlite_call((kt_sqlite_t *)base, KT_SQL_PATHS_WAITING);
    kt_sqlite_int(&call, (int64_t)b->id);
    kt_sqlite_int(&call, (int64_t)b->fed_row);
    kt_sqlite_int(&call, (int64_t)(b->fed_row + KT_BACKFILL_SPAN));
    kt_sqlite_int(&call, (int64_t)want);
    while (got < want && !(err = kt_sqlite_step(&call, &more)) && more) {
        const char *text = (const char *)sqlite3_column_text(call.stmt, 1);
        out[got]         = (kt_backfill_path_t){.row   = (uint64_t)sqlite3_column_int64(call.stmt, 0),
                                                .path  = strdup(text ? text : ""),
                                                .bytes = sqlite3_column_int64(call.stmt, 2)};
        if (!out[got].path) {
            err = KT_ENOMEM;
            break;
        }
        got++;
    }
    kt_sqlite_reset(&call);
    for (size_t i = 0; err && i < got; i++)
        free((char *)out[i].path);
    if (!err)
        *n = got;
    return err;
}

static kt_err_t
put_item(kt_sqlite_t *self, uint64_t id, uint64_t row, const kt_new_job_t *job)
{
    kt_inserted_t how;
    uint64_t      number = 0;
    kt_err_t      err    = kt_sqlite_insert_one(self, job, &how, &number);
    if (err)
        return err;
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_ITEM_PUT);
    kt_sqlite_int(&call, (int64_t)id);
    kt_sqlite_int(&call, (int64_t)row);
    kt_sqlite_int(&call, (int64_t)number);
    return kt_sqlite_run(&call);
}

kt_err_t
kt_sqlite_backfill_feed(kt_ledger_t *base, const kt_lease_t *lease, uint64_t id, const uint64_t *rows,
                        const kt_new_job_t *jobs, size_t n, uint64_t up_to)
{
    kt_sqlite_t  *self = (kt_sqlite_t *)base;
    kt_backfill_t b;
    bool          repeated;
    kt_err_t      err = kt_sqlite_begin(self);
    if (!err)
        err = kt_sqlite_backfill_own(self, lease, id, &b);
    if (!err)
        err = kt_rule_backfill_feed(&b, jobs, n, up_to, &repeated);
    if (err || repeated)
        return kt_sqlite_end(self, err);
    for (size_t i = 0; i < n && !err; i++)
        err = put_item(self, id, rows[i], &jobs[i]);
    b.fed_row = up_to;
    b.fed += n;
    if (!err)
        err = kt_sqlite_backfill_put(self, &b);
    return kt_sqlite_end(self, err);
}

typedef struct item {
    uint64_t       row;
    kt_job_facts_t job;
} item_t;

static kt_err_t
read_items(kt_sqlite_call_t *call, item_t *out, size_t capacity, size_t *n)
{
    bool     more = true;
    kt_err_t err  = KT_OK;
    *n            = 0;
    while (*n < capacity && !(err = kt_sqlite_step(call, &more)) && more) {
        item_t *item = &out[(*n)++];
        item->row    = (uint64_t)sqlite3_column_int64(call->stmt, 0);
        item->job    = (kt_job_facts_t){.id       = {.job = (uint64_t)sqlite3_column_int64(call->stmt, 1),
                                                     .run = (uint32_t)sqlite3_column_int64(call->stmt, 2)},
                                        .state    = (kt_job_state_t)sqlite3_column_int(call->stmt, 3),
                                        .retained = sqlite3_column_int(call->stmt, 4) != 0};
    }
    kt_sqlite_reset(call);
    return err;
}

static kt_err_t
drop_item(kt_sqlite_t *self, uint64_t id, kt_backfill_item_state_t state, uint64_t row)
{
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_ITEM_DROP);
    kt_sqlite_int(&call, (int64_t)id);
    kt_sqlite_int(&call, state);
    kt_sqlite_int(&call, (int64_t)row);
    return kt_sqlite_run(&call);
}

// A success is remembered by its file.
static kt_err_t
put_file(kt_sqlite_t *self, const kt_backfill_t *b, const item_t *item)
{
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_FILE_PUT);
    kt_sqlite_int(&call, (int64_t)b->id);
    kt_sqlite_int(&call, (int64_t)item->row);
    kt_sqlite_text(&call, b->version);
    kt_sqlite_int(&call, b->options);
    kt_sqlite_int(&call, (int64_t)item->job.id.job);
    kt_sqlite_int(&call, item->job.id.run);
    return kt_sqlite_run(&call);
}

static kt_err_t
move_item(kt_sqlite_t *self, kt_backfill_t *b, const item_t *item, kt_backfill_item_state_t from,
          kt_backfill_item_state_t to)
{
    kt_backfill_count_item(b, from, to);
    if (from == to)
        return KT_OK;
    if (to == KT_ITEM_GONE) {
        kt_err_t err = put_file(self, b, item);
        return err ? err : drop_item(self, b->id, from, item->row);
    }
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_ITEM_STATE);
    kt_sqlite_int(&call, (int64_t)b->id);
    kt_sqlite_int(&call, from);
    kt_sqlite_int(&call, (int64_t)item->row);
    kt_sqlite_int(&call, to);
    return kt_sqlite_run(&call);
}

static kt_err_t
settle_item(kt_sqlite_t *self, kt_backfill_t *b, const item_t *item)
{
    kt_err_t                 err = KT_OK;
    kt_job_facts_t           now = item->job;
    kt_backfill_item_state_t to  = kt_rule_item_settle(&now);
    if (now.state != item->job.state) {
        kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_JOB_STATE);
        kt_sqlite_int(&call, (int64_t)now.id.job);
        kt_sqlite_int(&call, now.state);
        kt_sqlite_moved(self, (int)item->job.state, (int)now.state);
        err = kt_sqlite_run(&call);
    }
    return err ? err : move_item(self, b, item, KT_ITEM_OPEN, to);
}

static kt_err_t
settle(kt_sqlite_t *self, kt_backfill_t *b, size_t want, int64_t wall_ms, size_t *n)
{
    item_t *items = calloc(want ? want : 1, sizeof *items);
    if (!items)
        return KT_ENOMEM;
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_ITEMS_ENDED);
    kt_sqlite_int(&call, (int64_t)b->id);
    kt_sqlite_int(&call, b->state == KT_BACKFILL_CANCELLED);
    kt_sqlite_int(&call, (int64_t)want);
    kt_err_t err = read_items(&call, items, want, n);
    for (size_t i = 0; i < *n && !err; i++)
        err = settle_item(self, b, &items[i]);
    free(items);
    if (err)
        return err;
    return kt_backfill_after_settle(b, *n, wall_ms) ? kt_sqlite_backfill_put(self, b) : KT_OK;
}

kt_err_t
kt_sqlite_backfill_settle(kt_ledger_t *base, const kt_lease_t *lease, uint64_t id, size_t want, int64_t wall_ms,
                          size_t *n, kt_backfill_t *out)
{
    kt_sqlite_t  *self = (kt_sqlite_t *)base;
    kt_backfill_t b;
    size_t        left = 0;
    kt_err_t      err  = kt_sqlite_begin(self);
    if (!err)
        err = kt_sqlite_backfill_own(self, lease, id, &b);
    if (!err)
        err = settle(self, &b, want, wall_ms, &left);
    err = kt_sqlite_end(self, err);
    if (err)
        return err;
    *n   = left;
    *out = b;
    return KT_OK;
}

static kt_err_t
retry_item(kt_sqlite_t *self, kt_backfill_t *b, const item_t *item, size_t *n)
{
    kt_err_t                 err = KT_OK;
    kt_job_facts_t           now = item->job;
    kt_backfill_item_state_t to  = kt_rule_item_retry(&now);
    if (now.state != item->job.state) {
        kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_JOB_RETRY);
        kt_sqlite_int(&call, (int64_t)now.id.job);
        kt_sqlite_int(&call, now.id.run);
        kt_sqlite_moved(self, (int)item->job.state, (int)now.state);
        self->delta.retried++;
        err = kt_sqlite_run(&call);
    }
    *n += to == KT_ITEM_OPEN;
    return err ? err : move_item(self, b, item, KT_ITEM_FAILED, to);
}

static kt_err_t
retry(kt_sqlite_t *self, kt_backfill_t *b, uint64_t *after, size_t want, size_t *n)
{
    size_t  seen  = 0;
    item_t *items = calloc(want ? want : 1, sizeof *items);
    if (!items)
        return KT_ENOMEM;
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_ITEMS_FAILED);
    kt_sqlite_int(&call, (int64_t)b->id);
    kt_sqlite_int(&call, (int64_t)*after);
    kt_sqlite_int(&call, (int64_t)want);
    kt_err_t err = read_items(&call, items, want, &seen);
    for (size_t i = 0; i < seen && !err; i++)
        err = retry_item(self, b, &items[i], n);
    if (seen)
        *after = items[seen - 1].row;
    free(items);
    if (err)
        return err;
    if (*n)
        err = kt_backfill_control(b, KT_BACKFILL_RETRY, 0, 0);
    return err || !seen ? err : kt_sqlite_backfill_put(self, b);
}

kt_err_t
kt_sqlite_backfill_retry(kt_ledger_t *base, uint64_t id, uint64_t *after, size_t want, size_t *n)
{
    kt_sqlite_t  *self = (kt_sqlite_t *)base;
    kt_backfill_t b;
    uint64_t      to  = *after;
    size_t        ran = 0;
    kt_err_t      err = kt_sqlite_begin(self);
    if (!err)
        err = kt_sqlite_backfill_get(self, id, &b);
    if (!err)
        err = kt_backfill_allows(&b, KT_BACKFILL_RETRY);
    if (!err)
        err = retry(self, &b, &to, want, &ran);
    err = kt_sqlite_end(self, err);
    if (err)
        return err;
    *after = to;
    *n     = ran;
    return KT_OK;
}
