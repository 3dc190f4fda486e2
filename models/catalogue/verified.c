#include "models/catalogue/verified.h"

#include "common/file.h"
#include "common/json.h"
#include "common/text.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORD_BYTES = KT_VERIFIED_FILES * 512 };

typedef struct entry {
    char        path[KT_VERIFIED_PATH];
    int64_t     device, inode, size, mtime_ns;
    kt_digest_t digest;
} entry_t;

struct kt_verified {
    const char *folder;
    entry_t    *entries[KT_VERIFIED_FILES];
    size_t      n;
    bool        changed;
};

static entry_t
entry_of(const char *path, const struct stat *facts)
{
    entry_t entry = {.device   = (int64_t)facts->st_dev,
                     .inode    = (int64_t)facts->st_ino,
                     .size     = (int64_t)facts->st_size,
                     .mtime_ns = (int64_t)facts->st_mtim.tv_sec * 1000000000 + facts->st_mtim.tv_nsec};
    (void)kt_text_copy(entry.path, sizeof entry.path, path);
    return entry;
}

static bool
same_file(const entry_t *a, const entry_t *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size && a->mtime_ns == b->mtime_ns;
}

static entry_t *
find_entry(const kt_verified_t *self, const char *path)
{
    for (size_t i = 0; i < self->n; i++)
        if (!strcmp(self->entries[i]->path, path))
            return self->entries[i];
    return NULL;
}

// Replaces the entry of that path. A full record or no memory leaves it out.
static void
put_entry(kt_verified_t *self, const entry_t *entry)
{
    entry_t *to = find_entry(self, entry->path);
    if (!to && self->n < KT_VERIFIED_FILES && (to = malloc(sizeof *to)))
        self->entries[self->n++] = to;
    if (to)
        *to = *entry;
}

// The text of the record; free it. NULL: none, or larger than RECORD_BYTES.
static char *
read_record(const char *path, size_t *length)
{
    struct stat facts;
    char       *text = NULL;
    int         fd   = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    if (!fstat(fd, &facts) && S_ISREG(facts.st_mode) && facts.st_size <= RECORD_BYTES)
        text = malloc((size_t)facts.st_size + 1);
    if (text && pread(fd, text, (size_t)facts.st_size, 0) != facts.st_size) {
        free(text);
        text = NULL;
    }
    if (text)
        *length = (size_t)facts.st_size;
    close(fd);
    return text;
}

static bool
record_path(const kt_verified_t *self, char path[PATH_MAX])
{
    return snprintf(path, PATH_MAX, "%s/models.verified", self->folder) < PATH_MAX;
}

kt_err_t
kt_verified_open(kt_verified_t **self_p, const char *folder)
{
    char           path[PATH_MAX], why[KT_JSON_WHY];
    size_t         length = 0;
    json_t        *json   = NULL;
    kt_verified_t *self   = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->folder        = folder;
    char         *text  = record_path(self, path) ? read_record(path, &length) : NULL;
    kt_err_t      err   = text ? kt_json_parse(text, length, RECORD_BYTES, &json, why) : KT_ENOFILE;
    const json_t *files = err ? NULL : kt_json_get(json, "files");
    size_t        n     = files ? kt_json_count(files) : 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *file  = kt_json_at(files, i);
        entry_t       entry = {.device   = kt_json_i64(file, "device", -1),
                               .inode    = kt_json_i64(file, "inode", -1),
                               .size     = kt_json_i64(file, "size", -1),
                               .mtime_ns = kt_json_i64(file, "mtime_ns", -1)};
        if (kt_text_copy(entry.path, sizeof entry.path, kt_json_str(file, "path", "")) && *entry.path &&
            kt_digest_read(&entry.digest, kt_json_str(file, "sha256", "")))
            put_entry(self, &entry);
    }
    kt_json_free(&json);
    free(text);
    *self_p = self;
    return KT_OK;
}

static void
write_record(const kt_verified_t *self)
{
    char     path[PATH_MAX], hex[KT_DIGEST_HEX];
    kt_buf_t out;
    json_t  *json = kt_json_object(), *files = kt_json_array();
    kt_buf_init(&out, RECORD_BYTES);
    for (size_t i = 0; i < self->n; i++) {
        const entry_t *entry = self->entries[i];
        json_t        *file  = kt_json_object();
        kt_json_set(file, "path", kt_json_text(entry->path));
        kt_json_set(file, "device", kt_json_int(entry->device));
        kt_json_set(file, "inode", kt_json_int(entry->inode));
        kt_json_set(file, "size", kt_json_int(entry->size));
        kt_json_set(file, "mtime_ns", kt_json_int(entry->mtime_ns));
        kt_json_set(file, "sha256", kt_json_text(kt_digest_hex(&entry->digest, hex)));
        kt_json_append(files, file);
    }
    if (kt_json_set(json, "files", files))
        kt_json_write(json, &out);
    if (out.length && !out.err && record_path(self, path) && kt_file_replace(path, 0644, out.bytes, out.length))
        unlink(path);  // an outdated record is replaced or gone
    kt_json_free(&json);
    kt_buf_fini(&out);
}

void
kt_verified_close(kt_verified_t **self_p)
{
    kt_verified_t *self = *self_p;
    if (!self)
        return;
    if (self->changed)
        write_record(self);
    for (size_t i = 0; i < self->n; i++)
        free(self->entries[i]);
    free(self);
    *self_p = NULL;
}

kt_err_t
kt_verified_digest(kt_verified_t *self, const char *path, kt_digest_t *out)
{
    char        whole[PATH_MAX];
    struct stat facts;
    if (strlen(path) >= KT_VERIFIED_PATH || snprintf(whole, sizeof whole, "%s/%s", self->folder, path) >= PATH_MAX)
        return KT_EINVAL;
    int fd = open(whole, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return kt_file_err_of_errno();
    kt_err_t err = fstat(fd, &facts) ? KT_EIO : S_ISREG(facts.st_mode) ? KT_OK : KT_ENOTREGULAR;
    entry_t  now = {.path = ""};
    if (!err) {
        now                  = entry_of(path, &facts);
        const entry_t *known = find_entry(self, path);
        if (known && same_file(known, &now)) {
            close(fd);
            *out = known->digest;
            return KT_OK;
        }
        err = kt_digest_of_fd(fd, &now.digest);
    }
    close(fd);
    if (err)
        return err;
    put_entry(self, &now);
    self->changed = true;
    *out          = now.digest;
    return KT_OK;
}
