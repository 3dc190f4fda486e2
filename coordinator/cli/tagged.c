#include "coordinator/cli/tagged.h"

#include "common/digest.h"
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY = 16, KEY_HEX = 2 * KEY, BYTES = 256 << 20, LINE = 128, SPARE_LINES = 1024 };

// A path is one row: the last one holds.
typedef struct row {
    char            key[KEY_HEX + 1];  // of the path
    size_t          line;
    kt_file_facts_t now, before;
} row_t;

kt_file_facts_t
kt_file_facts_of(const struct stat *facts)
{
    return (kt_file_facts_t){facts->st_size,
                             (int64_t)facts->st_mtim.tv_sec * 1000000000 + (int64_t)facts->st_mtim.tv_nsec};
}

static void
key_of(const char *path, char out[KEY_HEX + 1])
{
    kt_digest_t digest;
    char        hex[KT_DIGEST_HEX];
    kt_digest_of(path, strlen(path), &digest);
    snprintf(out, KEY_HEX + 1, "%.32s", kt_digest_hex(&digest, hex));
}

static int
by_key(const void *a, const void *b)
{
    return strcmp(((const row_t *)a)->key, ((const row_t *)b)->key);
}

static int
by_key_and_line(const void *a, const void *b)
{
    const size_t one = ((const row_t *)a)->line, other = ((const row_t *)b)->line;
    const int    order = by_key(a, b);
    return order ? order : one < other ? -1 : one > other;
}

static row_t *
find_row(const kt_tagged_t *self, const char *path)
{
    row_t wanted;
    key_of(path, wanted.key);
    return self->n ? bsearch(&wanted, self->rows.bytes, self->n, sizeof(row_t), by_key) : NULL;
}

static void
keep_last(kt_tagged_t *self)
{
    row_t *rows = (row_t *)(void *)self->rows.bytes;
    size_t kept = 0, n = self->rows.length / sizeof *rows;
    for (size_t i = 0; i < n; i++) {
        if (kept && !strcmp(rows[kept - 1].key, rows[i].key))
            kept--;
        rows[kept++] = rows[i];
    }
    self->n           = kept;
    self->rows.length = kept * sizeof *rows;
}

static bool
read_row(const char *line, row_t *out)
{
    memset(out, 0, sizeof *out);
    return sscanf(line, "%32[0-9a-f] %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64, out->key, &out->now.size,
                  &out->now.mtime_ns, &out->before.size, &out->before.mtime_ns) == 5;
}

static void
write_row(kt_buf_t *out, const row_t *row)
{
    kt_buf_fmt(out, "%s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", row->key, row->now.size, row->now.mtime_ns,
               row->before.size, row->before.mtime_ns);
}

// The file without the lines that no longer hold.
static kt_err_t
rewrite(const kt_tagged_t *self)
{
    const row_t *rows = (const row_t *)(const void *)self->rows.bytes;
    kt_buf_t     text;
    kt_buf_init(&text, BYTES);
    for (size_t i = 0; i < self->n; i++)
        write_row(&text, &rows[i]);
    kt_err_t err = text.err ? text.err : kt_file_replace(self->path, 0600, text.bytes, text.length);
    kt_buf_fini(&text);
    return err;
}

kt_err_t
kt_tagged_load(kt_tagged_t *self, const kt_settings_t *settings)
{
    char  state[PATH_MAX / 2], line[LINE];
    row_t row;
    *self = (kt_tagged_t){0};
    kt_buf_init(&self->rows, BYTES);
    snprintf(self->path, sizeof self->path, "%s/tagged", kt_settings_state_dir(settings, state, sizeof state));
    FILE *file = fopen(self->path, "re");
    if (!file)
        return errno == ENOENT ? KT_OK : kt_file_err_of_errno();
    for (size_t n = 0; fgets(line, sizeof line, file); n++)
        if (read_row(line, &row)) {
            row.line = n;
            kt_buf_add(&self->rows, &row, sizeof row);
        }
    (void)fclose(file);
    if (self->rows.err)
        return self->rows.err;
    const size_t lines = self->rows.length / sizeof row;
    if (lines)
        qsort(self->rows.bytes, lines, sizeof row, by_key_and_line);
    keep_last(self);
    return lines > 2 * self->n + SPARE_LINES ? rewrite(self) : KT_OK;
}

void
kt_tagged_fini(kt_tagged_t *self)
{
    kt_buf_fini(&self->rows);
    self->n = 0;
}

static bool
is_same(kt_file_facts_t a, kt_file_facts_t b)
{
    return a.size == b.size && a.mtime_ns == b.mtime_ns;
}

bool
kt_tagged_find(const kt_tagged_t *self, const char *path, kt_file_facts_t *facts)
{
    const row_t *row = find_row(self, path);
    if (!row || !is_same(row->now, *facts))
        return false;
    *facts = row->before;
    return true;
}

static kt_err_t
append(const char *path, const row_t *row)
{
    kt_buf_t text;
    kt_err_t err = kt_file_make_folders(path);
    if (err)
        return err;
    kt_buf_init(&text, LINE);
    write_row(&text, row);
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    err          = text.err                                                               ? text.err
                   : fd < 0 || write(fd, text.bytes, text.length) != (ssize_t)text.length ? kt_file_write_err_of_errno()
                                                                                          : KT_OK;
    if (fd >= 0)
        close(fd);
    kt_buf_fini(&text);
    return err;
}

kt_err_t
kt_tagged_add(const kt_tagged_t *self, const char *path, kt_file_facts_t before, kt_file_facts_t now)
{
    row_t row = {.now = now, .before = before};
    (void)kt_tagged_find(self, path, &row.before);
    key_of(path, row.key);
    return append(self->path, &row);
}
