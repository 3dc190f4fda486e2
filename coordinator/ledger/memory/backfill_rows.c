// Backfills in the ledger in memory: their paths and jobs. Files are looked for one by one: this ledger is for tests
// and for the dispatch benchmark.
#include "common/text.h"
#include "coordinator/ledger/memory/backfill.h"

#include <stdlib.h>
#include <string.h>

static bool
is_zero(const kt_digest_t *digest)
{
    static const kt_digest_t none;
    return memcmp(digest, &none, sizeof none) == 0;
}

static bool
same_file(const kt_mem_file_t *file, const kt_backfill_path_t *path)
{
    if (path->mtime_ns && file->mtime_ns == path->mtime_ns && file->bytes == path->bytes &&
        !strcmp(file->path, path->path))
        return true;
    return !is_zero(&path->digest) && !memcmp(&file->digest, &path->digest, sizeof path->digest);
}

static uint64_t
find_known(const kt_mem_t *self, const kt_backfill_t *b, const kt_backfill_path_t *path)
{
    for (size_t i = 0; i < self->files.n; i++) {
        const kt_mem_file_t *file = kt_mem_row(&self->files, i);
        if (file->options == b->options && !strcmp(file->version, b->version) && same_file(file, path) &&
            kt_mem_job(self, file->job)->facts.state == KT_JOB_DONE)
            return file->job;
    }
    return 0;
}

kt_err_t
kt_mem_backfill_known(kt_ledger_t *base, const kt_backfill_t *b, kt_backfill_path_t *paths, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!paths[i].err && !paths[i].job)
            paths[i].job = find_known((kt_mem_t *)base, b, &paths[i]);
    return KT_OK;
}

static size_t *
slot_of(const kt_mem_backfill_t *row, const char *path)
{
    size_t slot = kt_mem_hash(path) & (row->seen_slots - 1);
    while (row->seen[slot] && strcmp(((kt_mem_path_t *)kt_mem_row(&row->paths, row->seen[slot] - 1))->path, path) != 0)
        slot = (slot + 1) & (row->seen_slots - 1);
    return &row->seen[slot];
}

static bool
seen_room(kt_mem_backfill_t *row, size_t more)
{
    size_t slots = row->seen_slots ? row->seen_slots : 1024;
    while (slots / 2 < row->paths.n + more)
        slots *= 2;
    if (slots == row->seen_slots)
        return true;
    size_t *seen = calloc(slots, sizeof *seen);
    if (!seen)
        return false;
    free(row->seen);
    row->seen       = seen;
    row->seen_slots = slots;
    for (size_t i = 0; i < row->paths.n; i++) {
        const kt_mem_path_t *path = kt_mem_row(&row->paths, i);
        if (!path->err)
            *slot_of(row, path->path) = i + 1;
    }
    return true;
}

// Takes *copy of a path that is new; false: it came before.
static bool
add_path(kt_mem_backfill_t *row, const kt_backfill_path_t *from, char **copy)
{
    size_t *slot = slot_of(row, from->path);
    if (!from->err && *slot)
        return false;
    kt_mem_path_t *path = kt_mem_add(&row->paths);
    *path     = (kt_mem_path_t){.path = *copy, .bytes = from->bytes, .mtime_ns = from->mtime_ns, .err = from->err};
    path->job = from->err ? 0 : from->job;
    *copy     = NULL;
    if (!from->err)
        *slot = row->paths.n;
    row->b.refused += from->err != KT_OK;
    row->b.skipped += path->job != 0;
    return true;
}

static void
drop_read(kt_mem_backfill_t *row, uint64_t below)
{
    for (size_t i = 0; i < row->chunks.n && i < below; i++) {
        kt_mem_chunk_t *chunk = kt_mem_row(&row->chunks, i);
        free(chunk->bytes);
        chunk->bytes = NULL;
    }
}

kt_err_t
kt_mem_backfill_list(kt_ledger_t *base, const kt_lease_t *lease, const kt_backfill_page_t *page)
{
    char              *copies[KT_BACKFILL_PAGE] = {0};
    kt_mem_backfill_t *row                      = kt_mem_backfill_own((kt_mem_t *)base, lease, page->id);
    uint64_t           repeated                 = 0;
    if (!row)
        return KT_EFENCED;
    bool     known;
    kt_err_t err = kt_rule_backfill_list(&row->b, page, &known);
    if (err || known)
        return err;
    bool room = kt_mem_room(&row->paths, page->n) && seen_room(row, page->n);
    for (size_t i = 0; i < page->n && room; i++)
        room = (copies[i] = strdup(page->paths[i].path)) != NULL;
    for (size_t i = 0; i < page->n && room; i++)
        repeated += !add_path(row, &page->paths[i], &copies[i]);
    for (size_t i = 0; i < page->n; i++)
        free(copies[i]);
    if (!room)
        return KT_ENOMEM;
    kt_backfill_count_page(&row->b, page, repeated);
    drop_read(row, page->chunk);
    return KT_OK;
}

kt_err_t
kt_mem_backfill_waiting(kt_ledger_t *base, const kt_backfill_t *b, size_t want, kt_backfill_path_t *out, size_t *n)
{
    const kt_mem_backfill_t *row = kt_mem_backfill((kt_mem_t *)base, b->id);
    size_t                   got = 0;
    for (uint64_t at = b->fed_row; row && at < row->paths.n && at < b->fed_row + KT_BACKFILL_SPAN && got < want; at++) {
        const kt_mem_path_t *path = kt_mem_row(&row->paths, (size_t)at);
        if (path->err || path->job)
            continue;
        out[got] = (kt_backfill_path_t){.path = strdup(path->path), .row = at + 1, .bytes = path->bytes};
        if (!out[got++].path) {
            while (got)
                free((char *)out[--got].path);
            return KT_ENOMEM;
        }
    }
    *n = got;
    return KT_OK;
}

kt_err_t
kt_mem_backfill_feed(kt_ledger_t *base, const kt_lease_t *lease, uint64_t id, const uint64_t *rows,
                     const kt_new_job_t *jobs, size_t n, uint64_t up_to)
{
    kt_mem_backfill_t *row = kt_mem_backfill_own((kt_mem_t *)base, lease, id);
    if (!row)
        return KT_EFENCED;
    bool     repeated;
    kt_err_t err = kt_rule_backfill_feed(&row->b, jobs, n, up_to, &repeated);
    if (err || repeated)
        return err;
    kt_inserted_t *how = malloc((n + 1) * sizeof *how);
    uint64_t      *ids = malloc((n + 1) * sizeof *ids);
    err                = how && ids && kt_mem_room(&row->items, n) ? KT_OK : KT_ENOMEM;
    if (!err)
        err = kt_mem_insert_jobs(base, jobs, n, how, ids);
    for (size_t i = 0; i < n && !err; i++) {
        kt_mem_path_t *path                       = kt_mem_row(&row->paths, (size_t)rows[i] - 1);
        path->job                                 = ids[i];
        path->own                                 = true;
        *(kt_mem_item_t *)kt_mem_add(&row->items) = (kt_mem_item_t){.row = rows[i], .job = ids[i]};
    }
    free(how);
    free(ids);
    if (err)
        return err;
    row->b.fed_row = up_to;
    row->b.fed += n;
    return KT_OK;
}

// Remembers a success by its file; room must be there.
static void
remember(kt_mem_t *self, const kt_mem_backfill_t *row, const kt_mem_item_t *item)
{
    const kt_mem_path_t *path = kt_mem_row(&row->paths, (size_t)item->row - 1);
    const kt_mem_job_t  *job  = kt_mem_job(self, item->job);
    kt_mem_file_t       *file = NULL;
    char                *copy = NULL;
    for (size_t i = 0; i < self->files.n && !file; i++) {
        kt_mem_file_t *other = kt_mem_row(&self->files, i);
        file                 = strcmp(other->path, path->path) ? NULL : other;
    }
    if (!path->mtime_ns || (!file && !(copy = strdup(path->path))))
        return;  // not remembered: it is analysed again
    if (!file) {
        file       = kt_mem_add(&self->files);
        file->path = copy;
    }
    file->bytes    = path->bytes;
    file->mtime_ns = path->mtime_ns;
    file->options  = row->b.options;
    file->job      = item->job;
    file->digest   = ((const kt_mem_result_t *)kt_mem_row(&self->results, job->result - 1))->content_digest;
    memcpy(file->version, row->b.version, sizeof file->version);
}

static void
move_item(kt_mem_t *self, kt_mem_backfill_t *row, kt_mem_item_t *item, kt_backfill_item_state_t to)
{
    if (to == KT_ITEM_GONE)
        remember(self, row, item);
    kt_backfill_count_item(&row->b, item->state, to);
    item->state = to;
}

static void
drop_gone(kt_mem_backfill_t *row)
{
    size_t kept = 0;
    for (size_t i = 0; i < row->items.n; i++) {
        const kt_mem_item_t *item = kt_mem_row(&row->items, i);
        if (item->state != KT_ITEM_GONE)
            memmove(kt_mem_row(&row->items, kept++), item, sizeof *item);
    }
    row->items.n = kept;
}

static bool
has_ended(const kt_mem_backfill_t *row, kt_job_state_t state)
{
    return state == KT_JOB_QUEUED ? row->b.state == KT_BACKFILL_CANCELLED : state != KT_JOB_CLAIMED;
}

static kt_err_t
settle_item(kt_mem_t *self, kt_mem_backfill_t *row, kt_mem_item_t *item)
{
    kt_job_facts_t           job = kt_mem_job(self, item->job)->facts;
    kt_ask_t                 ask = {.type = KT_ASK_CANCEL, .id = job.id};
    kt_err_t                 err = job.state == KT_JOB_QUEUED ? kt_mem_ask(&self->base, &ask, 1) : KT_OK;
    kt_backfill_item_state_t to  = kt_rule_item_settle(&job);
    if (!err)
        move_item(self, row, item, to);
    return err;
}

kt_err_t
kt_mem_backfill_settle(kt_ledger_t *base, const kt_lease_t *lease, uint64_t id, size_t want, int64_t wall_ms, size_t *n,
                       kt_backfill_t *b)
{
    kt_mem_t          *self = (kt_mem_t *)base;
    kt_mem_backfill_t *row  = kt_mem_backfill_own(self, lease, id);
    size_t             left = 0;
    if (!row)
        return KT_EFENCED;
    if (!kt_mem_room(&self->files, want))
        return KT_ENOMEM;
    for (size_t i = 0; i < row->items.n && left < want; i++) {
        kt_mem_item_t *item = kt_mem_row(&row->items, i);
        if (item->state == KT_ITEM_OPEN && has_ended(row, kt_mem_job(self, item->job)->facts.state))
            left += settle_item(self, row, item) == KT_OK;
    }
    drop_gone(row);
    (void)kt_backfill_after_settle(&row->b, left, wall_ms);
    *n = left;
    *b = row->b;
    return KT_OK;
}

// Whether it runs (again) now.
static bool
retry_item(kt_mem_t *self, kt_mem_backfill_t *row, kt_mem_item_t *item)
{
    kt_job_facts_t           job = kt_mem_job(self, item->job)->facts;
    kt_ask_t                 ask = {.type = KT_ASK_RETRY, .id = job.id};
    uint32_t                 run = job.id.run;
    kt_backfill_item_state_t to  = kt_rule_item_retry(&job);
    if (job.id.run != run && (kt_mem_ask(&self->base, &ask, 1) || ask.how))
        return false;
    move_item(self, row, item, to);
    return to == KT_ITEM_OPEN;
}

kt_err_t
kt_mem_backfill_retry(kt_ledger_t *base, uint64_t id, uint64_t *after, size_t want, size_t *n)
{
    kt_mem_t          *self = (kt_mem_t *)base;
    kt_mem_backfill_t *row  = kt_mem_backfill(self, id);
    size_t             ran = 0, seen = 0;
    if (!row)
        return KT_ENOTFOUND;
    kt_err_t err = kt_backfill_allows(&row->b, KT_BACKFILL_RETRY);
    if (!err && !kt_mem_room(&self->files, want))
        err = KT_ENOMEM;
    for (size_t i = 0; i < row->items.n && seen < want && !err; i++) {
        kt_mem_item_t *item = kt_mem_row(&row->items, i);
        if (item->state != KT_ITEM_FAILED || item->row <= *after)
            continue;
        *after = item->row;
        seen++;
        ran += retry_item(self, row, item);
    }
    drop_gone(row);
    if (!err && ran)
        err = kt_backfill_control(&row->b, KT_BACKFILL_RETRY, 0, 0);
    if (!err)
        *n = ran;
    return err;
}

static kt_err_t
show(const kt_mem_t *self, const kt_mem_path_t *path, kt_backfill_result_t *out)
{
    const kt_mem_job_t    *job    = path->job ? kt_mem_job(self, path->job) : NULL;
    bool                   ended  = job && (job->facts.state == KT_JOB_DONE || job->facts.state == KT_JOB_FAILED);
    const kt_mem_result_t *result = ended ? kt_mem_row(&self->results, job->result - 1) : NULL;
    out->job                      = path->job;
    out->outcome = kt_backfill_outcome_of(path->err, path->job && !path->own, job, job ? (int)job->facts.state : 0);
    out->err  = path->err ? path->err : out->outcome == KT_BACKFILL_NONE ? KT_ECANCELLED : result ? result->err : KT_OK;
    out->path = strdup(path->path);
    if (result)
        kt_text_copy(out->detail, sizeof out->detail, result->detail);
    if (out->path && result && result->document_bytes) {
        out->document       = strdup(result->document);
        out->document_bytes = result->document_bytes;
    }
    return out->path && (!result || !result->document_bytes || out->document) ? KT_OK : KT_ENOMEM;
}

static bool
is_failure(const kt_mem_t *self, const kt_mem_path_t *path)
{
    return path->err || (path->own && kt_mem_job(self, path->job)->facts.state == KT_JOB_FAILED);
}

kt_err_t
kt_mem_backfill_results(kt_ledger_t *base, uint64_t id, uint64_t after, bool failed, size_t max_bytes,
                        kt_backfill_result_t *out, size_t capacity, size_t *n)
{
    const kt_mem_t          *self = (const kt_mem_t *)base;
    const kt_mem_backfill_t *row  = kt_mem_backfill(self, id);
    size_t                   got = 0, bytes = 0;
    kt_err_t                 err = KT_OK;
    for (uint64_t at = after; row && at < row->paths.n && got < capacity && bytes < max_bytes && !err; at++) {
        const kt_mem_path_t *path = kt_mem_row(&row->paths, (size_t)at);
        if (failed && !is_failure(self, path))
            continue;
        out[got] = (kt_backfill_result_t){.row = at + 1};
        err      = show(self, path, &out[got]);
        bytes += out[got++].document_bytes;
    }
    for (size_t i = 0; err && i < got; i++) {
        free(out[i].path);
        free(out[i].document);
    }
    if (!err)
        *n = got;
    return err;
}
