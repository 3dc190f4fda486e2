#include "coordinator/cli/remote/spool.h"

#include "common/clock.h"
#include "common/text.h"
#include "coordinator/cli/remote/patience.h"
#include "coordinator/cli/watch.h"
#include "coordinator/ledger/backfill.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 64 << 10, ENTRY = 2 * KT_JOB_PATH, RETRY_MS = 60000, PAUSE_MS = 250, MARK = 3 };
enum { SMALL = 64 << 10, SMALL_MS = 3000, LARGE_MS = 15000 };  // deadlines of a request by its size

typedef struct sender {
    kt_client_t      *client;
    kt_spool_open_fn *open;
    void             *context;
    kt_spool_t       *out;
    uint64_t          backfill;
    char              folder[KT_JOB_PATH];  // of relative paths
    char              separator;
    char              entry[ENTRY];
    size_t            entry_bytes;  // of the entry, including bytes that did not fit
    char             *chunk;
    size_t            chunk_bytes;
} sender_t;

kt_err_t
kt_spool_post(kt_client_t *client, const char *path, const char *body, size_t length, json_t **answer)
{
    kt_progress_t progress = {0};
    kt_patience_t patience = {0};
    int64_t       until    = kt_clock_ms() + RETRY_MS;
    kt_err_t      err;
    kt_client_set_deadline(client, length <= SMALL ? SMALL_MS : LARGE_MS);
    do
        err = kt_client_post(client, path, body, length, answer);
    while (kt_patience_take(&patience, &progress, err) && err && kt_clock_ms() < until && kt_watch_wait(PAUSE_MS));
    return err;
}

static kt_err_t
flush_chunk(sender_t *self)
{
    char     path[96];
    json_t  *answer = NULL;
    kt_err_t err    = KT_OK;
    if (!self->chunk_bytes)
        return KT_OK;
    if (!self->out->chunks)
        err = self->open(self->context, &self->backfill);
    snprintf(path, sizeof path, "/v1/backfills/%llu/list?chunk=%llu", (unsigned long long)self->backfill,
             (unsigned long long)self->out->chunks);
    if (!err)
        err = kt_spool_post(self->client, path, self->chunk, self->chunk_bytes, &answer);
    kt_json_free(&answer);
    self->chunk_bytes = 0;
    self->out->chunks++;
    return err;
}

// The coordinator refuses a URL with a user, but keeps the list as it came until then: only the @ is sent.
static size_t
drop_user(char *entry)
{
    size_t at, length;
    if (!kt_job_url_user(entry, &at, &length))
        return 0;
    memmove(entry + at, entry + at + length - 1, strlen(entry + at + length - 1) + 1);
    return length - 1;
}

// Adds the complete entry, with its NUL, to the chunk.
static kt_err_t
end_entry(sender_t *self)
{
    size_t kept = self->entry_bytes < ENTRY - 1 ? self->entry_bytes : ENTRY - 1;
    if (kept && self->separator == '\n' && self->entry[kept - 1] == '\r')
        kept--;
    self->entry[kept] = '\0';
    self->entry_bytes = 0;
    if (strlen(self->entry) != kept)
        return KT_ETEXT;  // a NUL after the first block: what follows it would be lost
    if (!kept)
        return KT_OK;
    size_t     at, user;
    const bool is_url = kt_job_is_url(self->entry) || kt_job_url_user(self->entry, &at, &user);
    const bool whole  = self->entry[0] == '/' || is_url || !strncmp(self->entry, "file:///", 8);
    kept -= drop_user(self->entry);
    const char *folder = whole ? "" : self->folder;
    size_t      before = strlen(folder), need = before + (before != 0) + kept + 1;
    kt_err_t    err = self->chunk_bytes + need > KT_BACKFILL_CHUNK ? flush_chunk(self) : KT_OK;
    if (err)
        return err;
    self->chunk_bytes += (size_t)snprintf(self->chunk + self->chunk_bytes, KT_BACKFILL_CHUNK - self->chunk_bytes,
                                          "%s%s%s", folder, before ? "/" : "", self->entry) +
                         1;
    self->out->entries++;
    return KT_OK;
}

static kt_err_t
add_block(sender_t *self, const char *block, size_t n)
{
    kt_err_t err = KT_OK;
    for (size_t at = 0; at < n && !err;) {
        const char *end  = memchr(block + at, self->separator, n - at);
        size_t      part = end ? (size_t)(end - block) - at : n - at;
        size_t      room = self->entry_bytes < ENTRY - 1 ? ENTRY - 1 - self->entry_bytes : 0;
        memcpy(self->entry + (room ? self->entry_bytes : 0), block + at, part < room ? part : room);
        self->entry_bytes += part;
        at += part + (end != NULL);
        if (end)
            err = end_entry(self);
    }
    return err;
}

// The lines of a list of paths are text; most lines of media, archives and pictures are not. The last line may be
// incomplete.
static bool
looks_like_paths(const char *block, size_t n, char separator)
{
    size_t good = 0, bad = 0;
    for (size_t at = 0; at < n;) {
        const char *end    = memchr(block + at, separator, n - at);
        size_t      length = end ? (size_t)(end - block) - at : n - at;
        bool        text   = kt_text_is_utf8(block + at, length) || block[at] == '/';
        for (size_t i = 0; i < length && text; i++)
            text = (unsigned char)block[at + i] >= ' ' || strchr("\r\n\t", block[at + i]);
        if (length && (end || text))
            *(text ? &good : &bad) += 1;
        at += length + 1;
    }
    return good >= bad;
}

static kt_err_t
send_list(sender_t *self, FILE *list, char *block)
{
    size_t   n       = fread(block, 1, BLOCK, list);
    kt_err_t err     = KT_OK;
    self->separator  = memchr(block, '\0', n) ? '\0' : '\n';
    const bool utf16 = n >= 2 && (!memcmp(block, "\xff\xfe", 2) || !memcmp(block, "\xfe\xff", 2));
    if (utf16 || !looks_like_paths(block, n, self->separator))
        return KT_ETEXT;
    size_t mark = n >= MARK && !memcmp(block, "\xef\xbb\xbf", MARK) ? MARK : 0;  // a byte order mark is dropped
    for (; n && !err; n = err ? 0 : fread(block, 1, BLOCK, list), mark = 0)
        err = add_block(self, block + mark, n - mark);
    if (!err && ferror(list))
        err = KT_EIO;
    if (!err)
        err = end_entry(self);
    if (!err && !self->out->entries)
        err = KT_EEMPTY;
    return err ? err : flush_chunk(self);
}

kt_err_t
kt_spool_send(kt_client_t *client, FILE *list, kt_spool_open_fn *open, void *context, kt_spool_t *out)
{
    sender_t *self  = calloc(1, sizeof *self);
    char     *block = malloc(BLOCK);
    *out            = (kt_spool_t){0};
    kt_err_t err    = KT_ENOMEM;
    if (self && block && (self->chunk = malloc(KT_BACKFILL_CHUNK))) {
        self->client  = client;
        self->open    = open;
        self->context = context;
        self->out     = out;
        err           = getcwd(self->folder, sizeof self->folder) ? send_list(self, list, block) : KT_ESYSTEM;
    }
    if (self)
        free(self->chunk);
    free(self);
    free(block);
    return err;
}
