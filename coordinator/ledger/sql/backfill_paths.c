// Paths of backfills: which are known already, listed, made into jobs, and what came of them.
#include "coordinator/ledger/sql/backfill.h"
#include "coordinator/ledger/sql/messages.h"

#include <stdlib.h>
#include <string.h>

// The first bytes of the path's SHA-256 are enough to distinguish paths.
enum { KEY_BYTES = 16 };

static void
el_key(kt_sql_t *self, const char *path)
{
    kt_digest_t key;
    kt_digest_of(path, strlen(path), &key);
    kt_sql_el_bytes(self, key.bytes, KEY_BYTES);
}

// -1 matches no file: what is not known, refused, or answered already.
static void
put_known(kt_sql_t *self, const kt_backfill_t *b, const kt_backfill_path_t *paths, size_t n)
{
    kt_sql_array(self, KT_SQL_BYTEA, n);
    for (size_t i = 0; i < n; i++)
        el_key(self, paths[i].path);
    kt_sql_array_end(self);
    for (int time = 0; time < 2; time++) {
        kt_sql_array(self, KT_SQL_INT8, n);
        for (size_t i = 0; i < n; i++) {
            bool asks = paths[i].mtime_ns && !paths[i].err && !paths[i].job;
            kt_sql_el_int(self, !asks ? -1 : time ? paths[i].mtime_ns : paths[i].bytes);
        }
        kt_sql_array_end(self);
    }
    kt_sql_arg_text(self, b->version);
    kt_sql_arg_int(self, b->options);
    kt_sql_put(self, KT_SQL_FILES_KNOWN);
    kt_sql_array(self, KT_SQL_BYTEA, n);
    for (size_t i = 0; i < n; i++)
        kt_sql_el_digest(self, &paths[i].digest);
    kt_sql_array_end(self);
    kt_sql_arg_text(self, b->version);
    kt_sql_arg_int(self, b->options);
    kt_sql_put(self, KT_SQL_CONTENT_KNOWN);
}

kt_err_t
kt_sql_backfill_known(kt_ledger_t *base, const kt_backfill_t *b, kt_backfill_path_t *paths, size_t n)
{
    kt_sql_t *self = (kt_sql_t *)base;
    kt_err_t  err  = KT_OK;
    for (int tries = 0; kt_sql_try(self, false, &err, &tries);) {
        put_known(self, b, paths, n);
        if ((err = kt_sql_run(self)))
            continue;
        for (size_t k = 0; k < 2; k++)
            for (size_t row = 0; row < kt_sql_rows(self, k); row++) {
                size_t at = (size_t)kt_sql_int(self, k, row, 0) - 1;
                if (at < n && !paths[at].job && !paths[at].err)
                    paths[at].job = (uint64_t)kt_sql_int(self, k, row, 1);
            }
    }
    return err;
}

// A page on its way into the ledger: its paths without those that came before, in this page or an earlier one.
typedef struct page {
    const kt_backfill_page_t *from;
    size_t                    n;
    uint64_t                  at[KT_BACKFILL_PAGE];  // places in `from`
} page_t;

static bool
has_key(const kt_backfill_page_t *page, size_t i)
{
    return !page->distinct && !page->paths[i].err;
}

static void
arg_keys(kt_sql_t *self, const page_t *page)
{
    kt_sql_array(self, KT_SQL_BYTEA, page->n);
    for (size_t i = 0; i < page->n; i++)
        if (has_key(page->from, page->at[i]))
            el_key(self, page->from->paths[page->at[i]].path);
        else
            kt_sql_el_some(self, NULL, 0);
    kt_sql_array_end(self);
}

static int
compare_paths(const void *a, const void *b, void *context)
{
    const kt_backfill_path_t *paths = context;
    uint64_t                  x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    int                       order = strcmp(paths[x].path, paths[y].path);
    return order ? order : (x > y) - (x < y);
}

static int
compare_places(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

// The places of the page but for those whose path is earlier in it.
static void
drop_repeated(page_t *page, const kt_backfill_page_t *from)
{
    uint64_t order[KT_BACKFILL_PAGE];
    size_t   keyed = 0;
    page->from     = from;
    page->n        = 0;
    for (size_t i = 0; i < from->n; i++)
        if (has_key(from, i))
            order[keyed++] = i;
        else
            page->at[page->n++] = i;
    qsort_r(order, keyed, sizeof *order, compare_paths, (void *)from->paths);
    for (size_t i = 0; i < keyed; i++)
        if (!i || strcmp(from->paths[order[i - 1]].path, from->paths[order[i]].path))
            page->at[page->n++] = order[i];
    qsort(page->at, page->n, sizeof *page->at, compare_places);
}

static kt_err_t
drop_known(kt_sql_t *self, page_t *page)
{
    if (page->from->distinct || !page->n)
        return KT_OK;
    kt_sql_arg_u64(self, page->from->id);
    arg_keys(self, page);
    size_t   k = kt_sql_put(self, KT_SQL_PATHS_KNOWN), row = 0, kept = 0;
    kt_err_t err = kt_sql_run(self);
    if (err)
        return err;
    for (size_t i = 0; i < page->n; i++)
        if (row < kt_sql_rows(self, k) && kt_sql_int(self, k, row, 0) == (int64_t)i + 1)
            row++;
        else
            page->at[kept++] = page->at[i];
    page->n = kept;
    return KT_OK;
}

static void
put_paths(kt_sql_t *self, const page_t *page, uint64_t after)
{
    const kt_backfill_path_t *paths = page->from->paths;
    kt_sql_arg_u64(self, page->from->id);
    kt_sql_array(self, KT_SQL_INT8, page->n);
    for (size_t i = 0; i < page->n; i++)
        kt_sql_el_int(self, (int64_t)(after + i + 1));
    kt_sql_array_end(self);
    kt_sql_array(self, KT_SQL_TEXT, page->n);
    for (size_t i = 0; i < page->n; i++)
        kt_sql_el_text(self, paths[page->at[i]].path);
    kt_sql_array_end(self);
    for (int column = 0; column < 4; column++) {
        kt_sql_array(self, KT_SQL_INT8, page->n);
        for (size_t i = 0; i < page->n; i++) {
            const kt_backfill_path_t *path      = &paths[page->at[i]];
            const int64_t             numbers[] = {path->bytes, path->mtime_ns, path->err, (int64_t)path->job};
            kt_sql_el_int(self, numbers[column]);
        }
        kt_sql_array_end(self);
    }
    arg_keys(self, page);
    kt_sql_put(self, KT_SQL_PATHS_PUT);
}

static kt_err_t
list_once(kt_sql_t *self, const kt_lease_t *lease, const kt_backfill_page_t *from, page_t *page)
{
    kt_sql_backfill_t row;
    bool              repeated;
    kt_err_t          err = kt_sql_backfill_read(self, lease, from->id, &row);
    if (!err)
        err = kt_rule_backfill_list(&row.b, from, &repeated);
    if (err || repeated)
        return err;
    drop_repeated(page, from);
    if ((err = drop_known(self, page)))
        return err;
    uint64_t after = row.b.listed;
    for (size_t i = 0; i < page->n; i++) {
        const kt_backfill_path_t *path = &from->paths[page->at[i]];
        row.b.refused += path->err != KT_OK;
        row.b.skipped += !path->err && path->job;
    }
    kt_backfill_count_page(&row.b, from, from->n - page->n);
    kt_sql_backfill_write(self, &row);
    if (page->n)
        put_paths(self, page, after);
    if (row.b.kind == KT_BACKFILL_LIST)
        kt_sql_backfill_drop_chunks(self, from->id, from->chunk);
    return kt_sql_commit(self);
}

kt_err_t
kt_sql_backfill_list(kt_ledger_t *base, const kt_lease_t *lease, const kt_backfill_page_t *from)
{
    kt_sql_t *self = (kt_sql_t *)base;
    page_t   *page = malloc(sizeof *page);
    kt_err_t  err  = KT_OK;
    if (!page)
        return KT_ENOMEM;
    for (int tries = 0; kt_sql_try(self, true, &err, &tries);)
        err = list_once(self, lease, from, page);
    free(page);
    return err;
}

kt_err_t
kt_sql_backfill_waiting(kt_ledger_t *base, const kt_backfill_t *b, size_t want, kt_backfill_path_t *out, size_t *n)
{
    kt_sql_t *self = (kt_sql_t *)base;
    size_t    got  = 0;
    kt_err_t  err  = KT_OK;
    for (int tries = 0; kt_sql_try(self, false, &err, &tries);) {
        kt_sql_arg_u64(self, b->id);
        kt_sql_arg_u64(self, b->fed_row);
        kt_sql_arg_u64(self, b->fed_row + KT_BACKFILL_SPAN);
        kt_sql_arg_u64(self, want);
        size_t k = kt_sql_put(self, KT_SQL_PATHS_WAITING);
        err      = kt_sql_run(self);
        for (got = 0; !err && got < kt_sql_rows(self, k); got += !err) {
            char  *path = NULL;
            size_t length;
            err      = kt_sql_copy(self, k, got, 1, &path, &length);
            out[got] = (kt_backfill_path_t){
                .row = (uint64_t)kt_sql_int(self, k, got, 0), .path = path, .bytes = kt_sql_int(self, k, got, 2)};
        }
    }
    if (!err)
        *n = got;
    while (err && got--)
        free((char *)out[got].path);
    return err;
}

kt_err_t
kt_sql_backfill_feed(kt_ledger_t *base, const kt_lease_t *lease, uint64_t id, const uint64_t *rows,
                     const kt_new_job_t *jobs, size_t n, uint64_t up_to)
{
    kt_sql_t         *self = (kt_sql_t *)base;
    kt_sql_backfill_t row;
    bool              repeated;
    kt_err_t          err = KT_OK;
    for (int tries = 0; kt_sql_try(self, true, &err, &tries);) {
        err = kt_sql_backfill_read(self, lease, id, &row);
        if (err || (err = kt_rule_backfill_feed(&row.b, jobs, n, up_to, &repeated)) || repeated)
            continue;
        row.b.fed_row = up_to;
        row.b.fed += n;
        kt_sql_backfill_write(self, &row);
        if (n) {
            kt_sql_put_jobs(self, jobs, n);
            kt_sql_arg_u64(self, id);
            kt_sql_column(self, KT_SQL_U64, n, rows, sizeof *rows);
            kt_sql_array(self, KT_SQL_TEXT, n);
            for (size_t i = 0; i < n; i++)
                kt_sql_el_text(self, jobs[i].job->message_id);
            kt_sql_array_end(self);
            kt_sql_arg_u64(self, n);
            kt_sql_put(self, KT_SQL_ITEMS_PUT);
        }
        err = kt_sql_commit(self);
    }
    return err;
}

static kt_err_t
read_backfill_result(const kt_sql_t *self, size_t k, size_t row, kt_backfill_result_t *out)
{
    size_t  length;
    int64_t skipped = kt_sql_int(self, k, row, 3), job = kt_sql_int(self, k, row, 4);
    memset(out, 0, sizeof *out);
    out->row     = (uint64_t)kt_sql_int(self, k, row, 0);
    out->job     = (uint64_t)job;
    out->err     = (kt_err_t)kt_sql_int(self, k, row, 2);
    out->outcome = kt_backfill_outcome_of(out->err, skipped != 0, job != 0, (int)kt_sql_int(self, k, row, 5));
    if (!out->err)
        out->err = out->outcome == KT_BACKFILL_NONE ? KT_ECANCELLED : (kt_err_t)kt_sql_int(self, k, row, 6);
    kt_sql_text(self, k, row, 7, out->detail, sizeof out->detail);
    kt_err_t err = kt_sql_copy(self, k, row, 1, &out->path, &length);
    if (!err && kt_sql_cell(self, k, row, 8, &length) && length)
        err = kt_sql_message(self, k, row, 8, &out->document, &out->document_bytes, &out->damaged);
    return err;
}

kt_err_t
kt_sql_backfill_results(kt_ledger_t *base, uint64_t id, uint64_t after, bool failed, size_t max_bytes,
                        kt_backfill_result_t *out, size_t capacity, size_t *n)
{
    kt_sql_t *self = (kt_sql_t *)base;
    size_t    got  = 0;
    kt_err_t  err  = KT_OK;
    for (int tries = 0; kt_sql_try(self, false, &err, &tries);) {
        kt_sql_arg_u64(self, id);
        kt_sql_arg_u64(self, after);
        kt_sql_arg_u64(self, capacity);
        kt_sql_arg_u64(self, max_bytes);
        self->max_bytes = max_bytes;
        size_t k        = kt_sql_put(self, failed ? KT_SQL_RESULTS_FAILED : KT_SQL_RESULTS_ALL);
        err             = kt_sql_run(self);
        for (got = 0; !err && got < kt_sql_rows(self, k) && got < capacity; got++)
            err = read_backfill_result(self, k, got, &out[got]);
    }
    if (!err)
        *n = got;
    while (err && got--) {
        free(out[got].path);
        free(out[got].document);
    }
    return err;
}
