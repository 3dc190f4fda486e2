// Paths of backfills in the PostgreSQL ledger: what is known of them, listed, fed, and what came out.
#include "coordinator/ledger/postgres/backfill.h"
#include "coordinator/ledger/postgres/ops.h"

#include <stdlib.h>
#include <string.h>

enum { KEY_BYTES = 16 };

static void
el_key(kt_pg_t *self, const char *path)
{
    kt_digest_t key;
    kt_digest_of(path, strlen(path), &key);
    kt_pg_el_bytes(self, key.bytes, KEY_BYTES);
}

static void
el_no_key(kt_pg_t *self)
{
    static const kt_digest_t none;
    kt_pg_el_digest(self, &none);  // null
}

// Size, or time; what is not known, refused or already answered matches nothing.
static void
arg_facts(kt_pg_t *self, const kt_backfill_path_t *paths, size_t n, bool time)
{
    kt_pg_array(self, KT_PG_INT8, n);
    for (size_t i = 0; i < n; i++)
        kt_pg_el_int(self, !paths[i].mtime_ns || paths[i].err || paths[i].job ? -1
                           : time                                             ? paths[i].mtime_ns
                                                                              : paths[i].bytes);
    kt_pg_array_end(self);
}

static void
put_known(kt_pg_t *self, const kt_backfill_t *b, const kt_backfill_path_t *paths, size_t n)
{
    kt_pg_array(self, KT_PG_BYTEA, n);
    for (size_t i = 0; i < n; i++)
        el_key(self, paths[i].path);
    kt_pg_array_end(self);
    arg_facts(self, paths, n, false);
    arg_facts(self, paths, n, true);
    kt_pg_arg_text(self, b->version);
    kt_pg_arg_int(self, b->options);
    kt_pg_put(self, KT_PG_FILES_KNOWN);
    kt_pg_array(self, KT_PG_BYTEA, n);
    for (size_t i = 0; i < n; i++)
        kt_pg_el_digest(self, &paths[i].digest);
    kt_pg_array_end(self);
    kt_pg_arg_text(self, b->version);
    kt_pg_arg_int(self, b->options);
    kt_pg_put(self, KT_PG_CONTENT_KNOWN);
}

kt_err_t
kt_pg_backfill_known(kt_ledger_t *base, const kt_backfill_t *b, kt_backfill_path_t *paths, size_t n)
{
    kt_pg_t *self = (kt_pg_t *)base;
    kt_err_t err  = kt_pg_begin(self, false);
    if (err)
        return err;
    put_known(self, b, paths, n);
    if ((err = kt_pg_run(self)))
        return err == KT_EAGAIN ? KT_EIO : err;
    for (size_t k = 0; k < 2; k++)
        for (int row = 0; row < kt_pg_rows(self, k); row++) {
            size_t at = (size_t)kt_pg_int(self, k, row, 0) - 1;
            if (at < n && !paths[at].job && !paths[at].err)
                paths[at].job = (uint64_t)kt_pg_int(self, k, row, 1);
        }
    return KT_OK;
}

static void
arg_keys(kt_pg_t *self, const kt_backfill_page_t *page, const kt_backfill_path_t *const *paths, size_t n)
{
    kt_pg_array(self, KT_PG_BYTEA, n);
    for (size_t i = 0; i < n; i++)
        if (page->distinct || paths[i]->err)
            el_no_key(self);
        else
            el_key(self, paths[i]->path);
    kt_pg_array_end(self);
}

static int64_t
number_of(const kt_backfill_path_t *path, int column)
{
    switch (column) {
    case 0: return path->bytes;
    case 1: return path->mtime_ns;
    case 2: return path->err;
    default: return (int64_t)path->job;
    }
}

static void
put_paths(kt_pg_t *self, const kt_backfill_page_t *page, uint64_t after, const kt_backfill_path_t *const *paths,
          size_t n)
{
    kt_pg_arg_int(self, (int64_t)page->id);
    kt_pg_arg_int(self, (int64_t)after);
    kt_pg_array(self, KT_PG_TEXT, n);
    for (size_t i = 0; i < n; i++)
        kt_pg_el_text(self, paths[i]->path);
    kt_pg_array_end(self);
    for (int column = 0; column < 4; column++) {
        kt_pg_array(self, KT_PG_INT8, n);
        for (size_t i = 0; i < n; i++)
            kt_pg_el_int(self, number_of(paths[i], column));
        kt_pg_array_end(self);
    }
    arg_keys(self, page, paths, n);
    kt_pg_put(self, KT_PG_PATHS_PUT);
}

// The paths of the page without those that answer k says came before; their number into *n.
static void
keep_new(const kt_pg_t *self, size_t k, const kt_backfill_path_t **paths, size_t *n)
{
    int    row = 0, rows = kt_pg_rows(self, k);
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++) {
        if (row < rows && kt_pg_int(self, k, row, 0) == (int64_t)i + 1)
            row++;
        else
            paths[kept++] = paths[i];
    }
    *n = kept;
}

static kt_err_t
write_page(kt_pg_t *self, kt_pg_backfill_t *row, const kt_backfill_page_t *page, const kt_backfill_path_t **paths,
           size_t n)
{
    uint64_t after = row->b.listed;
    for (size_t i = 0; i < n; i++) {
        row->b.refused += paths[i]->err != KT_OK;
        row->b.skipped += !paths[i]->err && paths[i]->job;
    }
    kt_backfill_count_page(&row->b, page, page->n - n);
    kt_pg_backfill_write(self);
    kt_pg_backfill_put(self, row);
    if (n)
        put_paths(self, page, after, paths, n);
    if (row->b.kind == KT_BACKFILL_LIST) {
        kt_pg_arg_int(self, (int64_t)page->id);
        kt_pg_arg_int(self, (int64_t)page->chunk);
        kt_pg_put(self, KT_PG_CHUNKS_DROP);
    }
    return kt_pg_backfill_commit(self);
}

static kt_err_t
list_once(kt_pg_t *self, const kt_lease_t *lease, const kt_backfill_page_t *page, const kt_backfill_path_t **paths)
{
    kt_pg_backfill_t row;
    bool             repeated;
    size_t           n   = page->n <= KT_BACKFILL_PAGE ? page->n : 0;  // a longer page is rejected below
    kt_err_t         err = kt_pg_begin(self, true);
    if (err)
        return err;
    for (size_t i = 0; i < n; i++)
        paths[i] = &page->paths[i];
    kt_pg_backfill_put_get(self, lease, page->id);
    kt_pg_arg_int(self, (int64_t)page->id);
    arg_keys(self, page, paths, page->distinct ? 0 : n);
    kt_pg_put(self, KT_PG_PATHS_KNOWN);
    if (!(err = kt_pg_run(self)))
        err = kt_pg_backfill_got(self, lease, &row);
    if (!err)
        err = kt_rule_backfill_list(&row.b, page, &repeated);
    if (err || repeated)
        return err;
    keep_new(self, 2, paths, &n);
    return write_page(self, &row, page, paths, n);
}

kt_err_t
kt_pg_backfill_list(kt_ledger_t *base, const kt_lease_t *lease, const kt_backfill_page_t *page)
{
    const kt_backfill_path_t *paths[KT_BACKFILL_PAGE];
    kt_err_t                  err;
    int                       tries = 0;
    do
        err = list_once((kt_pg_t *)base, lease, page, paths);
    while (kt_pg_again(&err, &tries));
    return err;
}

static void
free_paths(kt_backfill_path_t *paths, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free((char *)paths[i].path);
}

kt_err_t
kt_pg_backfill_waiting(kt_ledger_t *base, const kt_backfill_t *b, size_t want, kt_backfill_path_t *out, size_t *n)
{
    kt_pg_t *self = (kt_pg_t *)base;
    kt_err_t err  = kt_pg_begin(self, false);
    if (err)
        return err;
    kt_pg_arg_int(self, (int64_t)b->id);
    kt_pg_arg_int(self, (int64_t)b->fed_row);
    kt_pg_arg_int(self, (int64_t)(b->fed_row + KT_BACKFILL_SPAN));
    kt_pg_arg_int(self, (int64_t)want);
    kt_pg_put(self, KT_PG_PATHS_WAITING);
    if ((err = kt_pg_run(self)))
        return err == KT_EAGAIN ? KT_EIO : err;
    size_t got = (size_t)kt_pg_rows(self, 0);
    for (size_t i = 0; i < got; i++) {
        char  *path = NULL;
        size_t length;
        if ((err = kt_pg_copy(self, 0, (int)i, 1, &path, &length))) {
            free_paths(out, i);
            return err;
        }
        out[i] = (kt_backfill_path_t){
            .row = (uint64_t)kt_pg_int(self, 0, (int)i, 0), .path = path, .bytes = kt_pg_int(self, 0, (int)i, 2)};
    }
    *n = got;
    return KT_OK;
}

static void
put_items(kt_pg_t *self, uint64_t id, const uint64_t *rows, const kt_new_job_t *jobs, size_t n)
{
    kt_pg_arg_int(self, (int64_t)id);
    kt_pg_array(self, KT_PG_INT8, n);
    for (size_t i = 0; i < n; i++)
        kt_pg_el_int(self, (int64_t)rows[i]);
    kt_pg_array_end(self);
    kt_pg_array(self, KT_PG_TEXT, n);
    for (size_t i = 0; i < n; i++)
        kt_pg_el_text(self, jobs[i].job->message_id);
    kt_pg_array_end(self);
    kt_pg_arg_int(self, (int64_t)n);
    kt_pg_put(self, KT_PG_ITEMS_PUT);
}

static kt_err_t
feed_once(kt_pg_t *self, const kt_lease_t *lease, uint64_t id, const uint64_t *rows, const kt_new_job_t *jobs, size_t n,
          uint64_t up_to)
{
    kt_pg_backfill_t row;
    bool             repeated;
    kt_err_t         err = kt_pg_begin(self, true);
    if (err)
        return err;
    kt_pg_backfill_put_get(self, lease, id);
    if (!(err = kt_pg_run(self)))
        err = kt_pg_backfill_got(self, lease, &row);
    if (!err)
        err = kt_rule_backfill_feed(&row.b, jobs, n, up_to, &repeated);
    if (err || repeated)
        return err;
    row.b.fed_row = up_to;
    row.b.fed += n;
    kt_pg_backfill_write(self);
    kt_pg_backfill_put(self, &row);
    if (n) {
        kt_pg_put_jobs(self, jobs, n);
        put_items(self, id, rows, jobs, n);
    }
    return kt_pg_backfill_commit(self);
}

kt_err_t
kt_pg_backfill_feed(kt_ledger_t *base, const kt_lease_t *lease, uint64_t id, const uint64_t *rows,
                    const kt_new_job_t *jobs, size_t n, uint64_t up_to)
{
    kt_err_t err;
    int      tries = 0;
    do
        err = feed_once((kt_pg_t *)base, lease, id, rows, jobs, n, up_to);
    while (kt_pg_again(&err, &tries));
    return err;
}

static kt_err_t
read_result(const kt_pg_t *self, int row, kt_backfill_result_t *out)
{
    size_t  length;
    int64_t skipped = kt_pg_int(self, 0, row, 3), job = kt_pg_int(self, 0, row, 4);
    memset(out, 0, sizeof *out);
    out->row     = (uint64_t)kt_pg_int(self, 0, row, 0);
    out->job     = (uint64_t)job;
    out->err     = (kt_err_t)kt_pg_int(self, 0, row, 2);
    out->outcome = kt_backfill_outcome_of(out->err, skipped != 0, job != 0, (int)kt_pg_int(self, 0, row, 5));
    if (!out->err)
        out->err = out->outcome == KT_BACKFILL_NONE ? KT_ECANCELLED : (kt_err_t)kt_pg_int(self, 0, row, 6);
    kt_pg_text(self, 0, row, 7, out->detail, sizeof out->detail);
    kt_err_t err = kt_pg_copy(self, 0, row, 1, &out->path, &length);
    if (!err && kt_pg_bytes(self, 0, row, 8, &length) && length)
        err = kt_pg_copy(self, 0, row, 8, &out->document, &out->document_bytes);
    return err;
}

kt_err_t
kt_pg_backfill_results(kt_ledger_t *base, uint64_t id, uint64_t after, bool failed, size_t max_bytes,
                       kt_backfill_result_t *out, size_t capacity, size_t *n)
{
    kt_pg_t *self = (kt_pg_t *)base;
    size_t   got  = 0;
    kt_err_t err  = kt_pg_begin(self, false);
    if (err)
        return err;
    kt_pg_arg_int(self, (int64_t)id);
    kt_pg_arg_int(self, (int64_t)(after > INT64_MAX ? INT64_MAX : after));
    kt_pg_arg_int(self, (int64_t)capacity);
    kt_pg_arg_int(self, (int64_t)max_bytes);
    kt_pg_put(self, failed ? KT_PG_RESULTS_FAILED : KT_PG_RESULTS_ALL);
    if ((err = kt_pg_run(self)))
        return err == KT_EAGAIN ? KT_EIO : err;
    while (!err && got < (size_t)kt_pg_rows(self, 0) && got < capacity) {
        err = read_result(self, (int)got, &out[got]);
        got++;
    }
    for (size_t i = 0; err && i < got; i++) {
        free(out[i].path);
        free(out[i].document);
    }
    if (!err)
        *n = got;
    return err;
}
