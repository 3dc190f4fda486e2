#include "coordinator/backfill/source.h"

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/paths.h"
#include "common/text.h"
#include "common/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE_MS = 1000, LOOK_EACH = 64, DIGEST_PAGE = 50, MARK = 3, TEXT_MAX = KT_BACKFILL_PAGE * (KT_JOB_PATH + 1) };

struct kt_backfill_source {
    kt_backfill_t      b;
    const char        *roots;
    kt_walk_t         *walk;  // of a folder
    kt_chunk_fn       *chunk;
    void              *context;
    char              *bytes;  // of a list: the chunk that is being read
    size_t             length, at;
    char               separator;
    char               folder[KT_JOB_PATH];
    char               cursor[KT_BACKFILL_CURSOR];
    kt_left_out_t      left_out;  // of the walk, reported so far
    kt_buf_t           text;      // the paths of a page
    kt_backfill_path_t paths[KT_BACKFILL_PAGE];
    size_t             page;                         // most paths of one
    size_t             n, places[KT_BACKFILL_PAGE];  // where in the text each begins
};

kt_err_t
kt_backfill_beneath(const char *roots, const char *folder, char out[KT_JOB_PATH], char why[KT_SOURCE_WHY])
{
    static const char remedy[] = "send a list of its files instead: find FOLDER -type f | kithara backfill start -";
    char              real[PATH_MAX], bytes[KT_JOB_PATH];
    struct stat       facts;
    bool              good = kt_path_read(folder, bytes, sizeof bytes) == KT_OK && bytes[0] == '/';
    if (!good || !realpath(bytes, real) || stat(real, &facts)) {
        bool denied = good && errno == EACCES;
        snprintf(why, KT_SOURCE_WHY, "the coordinator %s this folder: %s", denied ? "may not read" : "does not see",
                 remedy);
        return denied ? KT_EACCESS : KT_ENOFILE;
    }
    if (!S_ISDIR(facts.st_mode)) {
        snprintf(why, KT_SOURCE_WHY, "'%.200s' is no folder for the coordinator", folder);
        return KT_EINVAL;
    }
    if (!kt_roots_hold(roots, real, true)) {
        snprintf(why, KT_SOURCE_WHY,
                 "'%.200s' lies outside the coordinator's ANALYZER_MEDIA_ROOTS: add it there, or %s", real, remedy);
        return KT_EROOT;
    }
    if (access(real, R_OK | X_OK)) {
        snprintf(why, KT_SOURCE_WHY, "the coordinator may not read '%.200s': %s", real, remedy);
        return KT_EACCESS;
    }
    return kt_text_copy(out, KT_JOB_PATH, real) ? KT_OK : KT_ENOFILE;
}

// Callbacks of the walk.
static bool
may_follow(void *context, const char *real)
{
    const kt_backfill_source_t *self = context;
    return kt_roots_hold(self->roots, real, true);
}

static void
log_unreadable(void *context, const char *path, kt_err_t err)
{
    const kt_backfill_source_t *self = context;
    char                        shown[2 * KT_JOB_PATH];
    kt_log_warn("BACKFILL-UNREADABLE", "backfill=%llu err=%s folder=\"%s\"", (unsigned long long)self->b.id,
                kt_err_name(err), kt_log_quote(shown, sizeof shown, path));
}

static void
log_left_out(const kt_backfill_source_t *self)
{
    char kinds[KT_LEFT_OUT_TEXT];
    kt_left_out_text(kt_walk_left_out(self->walk), kinds);
    if (kinds[0])
        kt_log_info("BACKFILL-LEFT-OUT", "backfill=%llu kinds=\"%s\"", (unsigned long long)self->b.id, kinds);
}

kt_err_t
kt_backfill_source_new(kt_backfill_source_t **self_p, const kt_backfill_t *b, const char *roots, kt_chunk_fn *chunk,
                       void *context, char why[KT_SOURCE_WHY])
{
    kt_backfill_source_t *self = calloc(1, sizeof *self);
    why[0]                     = '\0';
    if (!self)
        return KT_ENOMEM;
    self->b       = *b;
    self->roots   = roots;
    self->chunk   = chunk;
    self->context = context;
    // Digests that are not stored yet are lost with this process, so pages are small.
    self->page = b->flags & KT_BACKFILL_DIGEST ? DIGEST_PAGE : KT_BACKFILL_PAGE;
    kt_buf_init(&self->text, TEXT_MAX);
    kt_err_t err = KT_OK;
    int64_t  at  = 0;
    if (b->kind == KT_BACKFILL_FOLDER) {
        err = kt_backfill_beneath(roots, b->source, self->folder, why);
        if (err)
            goto fail;
        err = kt_walk_new(&self->walk, self->folder,
                          &(kt_walk_opts_t){.cursor     = b->cursor,
                                            .all        = b->flags & KT_BACKFILL_ALL,
                                            .may_follow = may_follow,
                                            .unreadable = log_unreadable,
                                            .context    = self});
        if (err)
            snprintf(why, KT_SOURCE_WHY, "'%.200s' cannot be listed: %s", self->folder, kt_err_text(err));
    } else if (b->cursor[0] && kt_text_to_i64(b->cursor, 0, KT_BACKFILL_CHUNK, &at)) {
        err = KT_ESTATE;
    }
    self->at = (size_t)at;
    if (err)
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_backfill_source_destroy(&self);
    return err;
}

void
kt_backfill_source_destroy(kt_backfill_source_t **self_p)
{
    kt_backfill_source_t *self = *self_p;
    if (!self)
        return;
    kt_walk_destroy(&self->walk);
    kt_buf_fini(&self->text);
    free(self->bytes);
    free(self);
    *self_p = NULL;
}

// A path into the page, as text. One that a message cannot contain is kept as far as it can be shown, with the reason.
static void
source_add(kt_backfill_source_t *self, const char *path, int64_t bytes, int64_t mtime_ns)
{
    char                shown[KT_JOB_PATH];
    kt_backfill_path_t *row = &self->paths[self->n];
    *row                    = (kt_backfill_path_t){.bytes = bytes, .mtime_ns = mtime_ns};
    if (!kt_path_show(path, shown, sizeof shown)) {
        row->err = KT_EINVAL;
        (void)kt_text_sanitize(shown, sizeof shown, path, strlen(path));
    }
    self->places[self->n++] = self->text.length;
    kt_buf_add(&self->text, shown, strlen(shown) + 1);
}

static kt_err_t
source_page_of_folder(kt_backfill_source_t *self, kt_backfill_page_t *out)
{
    char           path[2 * KT_JOB_PATH];
    kt_walk_file_t file;
    bool           more = true, linked = false;
    int64_t        until = kt_clock_ms() + PAGE_MS;
    kt_err_t       err   = KT_OK;
    while (self->n < self->page && (self->n % LOOK_EACH || kt_clock_ms() < until)) {
        err = kt_walk_next(self->walk, &file, &more);
        if (err || !more)
            break;
        if (file.real)
            snprintf(path, sizeof path, "%s", file.real);
        else
            snprintf(path, sizeof path, "%s/%s", strcmp(self->folder, "/") ? self->folder : "", file.path);
        linked |= file.real != NULL;
        source_add(self, path, file.bytes, file.mtime_ns);
    }
    out->last     = !more;
    out->distinct = !linked;  // after a restart, what links lead to may come again
    out->left_out = *kt_walk_left_out(self->walk);
    kt_left_out_subtract(&out->left_out, &self->left_out);
    if (out->last)
        log_left_out(self);
    self->left_out = *kt_walk_left_out(self->walk);
    if (self->n)
        kt_walk_cursor(self->walk, self->cursor);
    return err;
}

// A URL with a user or password is refused, as in a message, and stored without them.
static bool
source_drop_user(char *text)
{
    size_t at, length;
    bool   found = kt_job_url_user(text, &at, &length);
    if (found)
        memmove(text + at, text + at + length, strlen(text + at + length) + 1);
    return found;
}

// A line of a list: a path, the text of one, or a URL.
static void
source_add_entry(kt_backfill_source_t *self, const char *entry, size_t length)
{
    char        text[2 * KT_JOB_PATH], path[KT_JOB_PATH];
    struct stat facts;
    int64_t     bytes = 0, mtime_ns = 0;
    if (length && self->separator == '\n' && entry[length - 1] == '\r')
        length--;
    if (!length)
        return;
    snprintf(text, sizeof text, "%.*s", (int)(length < sizeof text ? length : sizeof text - 1), entry);
    bool is_secret = source_drop_user(text);
    bool is_url = kt_job_is_url(text), fits = is_url || kt_path_read(text, path, sizeof path) == KT_OK;
    if (fits && !is_url && kt_roots_hold(self->roots, path, false) && !stat(path, &facts) && S_ISREG(facts.st_mode)) {
        bytes    = facts.st_size;
        mtime_ns = facts.st_mtim.tv_sec * INT64_C(1000000000) + facts.st_mtim.tv_nsec;
    }
    source_add(self, fits && !is_url ? path : text, bytes, mtime_ns);
    kt_backfill_path_t *row = &self->paths[self->n - 1];
    if (!row->err && is_secret)
        row->err = KT_EMESSAGE;
    if (!row->err && !fits)
        row->err = KT_ENAME;
    if (!row->err && !is_url && path[0] != '/')
        row->err = KT_EROOT;
}

static kt_err_t
source_page_of_list(kt_backfill_source_t *self, kt_backfill_page_t *out)
{
    int64_t  until = kt_clock_ms() + PAGE_MS;
    kt_err_t err   = KT_OK;
    while (!err && self->b.chunk < self->b.chunks && self->n < self->page &&
           (self->n % LOOK_EACH || kt_clock_ms() < until)) {
        if (!self->bytes) {
            err = self->chunk(self->context, self->b.chunk, &self->bytes, &self->length);
            if (err)
                break;
            self->separator = memchr(self->bytes, '\0', self->length) ? '\0' : '\n';
            if (!self->b.chunk && !self->at && self->length >= MARK && !memcmp(self->bytes, "\xef\xbb\xbf", MARK))
                self->at = MARK;  // a byte order mark
        }
        if (self->at >= self->length) {
            free(self->bytes);
            self->bytes = NULL;
            self->at    = 0;
            self->b.chunk++;
            continue;
        }
        const char *entry = self->bytes + self->at;
        const char *end   = memchr(entry, self->separator, self->length - self->at);
        size_t      n     = end ? (size_t)(end - entry) : self->length - self->at;
        self->at += n + (end != NULL);
        source_add_entry(self, entry, n);
    }
    snprintf(self->cursor, sizeof self->cursor, "%zu", self->at);
    out->last = self->b.chunk == self->b.chunks;
    return err;
}

kt_err_t
kt_backfill_source_page(kt_backfill_source_t *self, kt_backfill_page_t *out, kt_backfill_path_t **paths)
{
    self->n = 0;
    kt_buf_clear(&self->text);
    *out = (kt_backfill_page_t){.id = self->b.id, .number = self->b.pages};
    if (!self->cursor[0])
        memcpy(self->cursor, self->b.cursor, sizeof self->cursor);
    kt_err_t err = self->walk ? source_page_of_folder(self, out) : source_page_of_list(self, out);
    if (!err)
        err = self->text.err;
    if (err)
        return err;
    for (size_t i = 0; i < self->n; i++)
        self->paths[i].path = self->text.bytes + self->places[i];
    self->b.pages++;
    out->chunk  = self->b.chunk;
    out->cursor = self->cursor;
    out->paths  = self->paths;
    out->n      = self->n;
    *paths      = self->paths;
    return KT_OK;
}

void
kt_backfill_source_digest(const kt_backfill_source_t *self, kt_backfill_path_t *path)
{
    struct stat facts;
    kt_digest_t digest;
    char        bytes[KT_JOB_PATH];
    if (kt_path_read(path->path, bytes, sizeof bytes) || (!kt_roots_hold(self->roots, bytes, false) && !self->walk))
        return;
    int fd = open(bytes, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (!fstat(fd, &facts) && S_ISREG(facts.st_mode) && facts.st_size && !kt_digest_of_fd(fd, &digest))
        path->digest = digest;
    close(fd);
}
