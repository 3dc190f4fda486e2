#include "coordinator/access/keys.h"

#include "common/buf.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { MAX_FILE_BYTES = 16 << 20 };

bool
kt_keys_path(char out[KT_KEYS_PATH], const char *state_dir, const char *name)
{
    int length = snprintf(out, KT_KEYS_PATH, "%s/keys/%s", state_dir, name);
    return length > 0 && length < KT_KEYS_PATH;
}

static int
compare_keys(const void *a, const void *b)
{
    return strcmp(((const kt_key_t *)a)->key, ((const kt_key_t *)b)->key);
}

static kt_err_t
read_fd(int fd, kt_buf_t *text)
{
    char    part[4096];
    ssize_t length;
    while ((length = read(fd, part, sizeof part)) > 0)
        kt_buf_add(text, part, (size_t)length);
    kt_buf_add(text, "", 0);
    return length < 0 ? KT_EIO : text->err;
}

// A line is a key with an optional name, a comment, or blank. '#' is a character of Z85, so a line is a comment only if
// its first word is not a key. 1: a key, 0: comment or blank, -1: malformed.
static int
parse_key_line(const char *line, kt_key_t *out)
{
    char word[KT_CURVE_HEX] = "";
    *out                    = (kt_key_t){0};
    line += strspn(line, " \t");
    size_t length = strcspn(line, " \t\r");
    if (length < sizeof word)
        memcpy(word, line, length);
    if (!kt_curve_read_key(word, out->key))
        return *line == '#' || length == 0 ? 0 : -1;
    line += length + strspn(line + length, " \t");
    length = strcspn(line, " \t\r");
    if (length >= sizeof out->name)
        return -1;
    memcpy(out->name, line, length);
    return 1;
}

// Splits text into lines in place. *out: array of *n; free() it.
static kt_err_t
parse_key_list(const char *path, char *text, kt_key_t **out, size_t *n)
{
    kt_buf_t keys;
    bool     bad    = false;
    size_t   number = 0;
    kt_buf_init(&keys, MAX_FILE_BYTES);
    for (char *line = text, *next; line; line = next) {
        kt_key_t key;
        if ((next = strchr(line, '\n')))
            *next++ = '\0';
        number++;
        int kind = parse_key_line(line, &key);
        if (kind > 0)
            kt_buf_add(&keys, &key, sizeof key);
        if (kind < 0)
            kt_log_error(
                "KEYS-BAD",
                "file=\"%s\" line=%zu want=\"KEY NAME, KEY being 40 characters of Z85 or 64 hexadecimal digits\"", path,
                number);
        bad = bad || kind < 0;
    }
    size_t   bytes = 0;
    void    *at    = kt_buf_take(&keys, &bytes);
    kt_err_t err   = !at ? KT_ENOMEM : bad ? KT_EINVAL : KT_OK;
    if (err) {
        free(at);
        return err;
    }
    *n   = bytes / sizeof(kt_key_t);
    *out = at;
    return KT_OK;
}

static const kt_key_t *
find_in(const kt_key_t *rows, size_t n, const char *key)
{
    kt_key_t wanted = {0};
    if (!n || !kt_text_copy(wanted.key, sizeof wanted.key, key))
        return NULL;
    return bsearch(&wanted, rows, n, sizeof *rows, compare_keys);
}

static int
compare_names(const void *a, const void *b)
{
    const kt_key_t *left = *(const kt_key_t *const *)a, *right = *(const kt_key_t *const *)b;
    int             order = strcmp(left->name, right->name);
    return order ? order : strcmp(left->key, right->key);
}

static kt_err_t
index_names(kt_keys_t *self)
{
    free(self->named);
    self->n_named = 0;
    self->named   = calloc(self->n + 1, sizeof *self->named);
    if (!self->named)
        return KT_ENOMEM;
    for (size_t i = 0; i < self->n; i++)
        if (!self->at[i].join)
            self->named[self->n_named++] = &self->at[i];
    qsort(self->named, self->n_named, sizeof *self->named, compare_names);
    return KT_OK;
}

static bool
is_same_list(const kt_key_t *a, const kt_key_t *b, size_t n)
{
    size_t i = 0;
    while (i < n && strcmp(a[i].key, b[i].key) == 0 && strcmp(a[i].name, b[i].name) == 0 && a[i].join == b[i].join &&
           a[i].expires_ms == b[i].expires_ms)
        i++;
    return i == n;
}

// What is allowed: the ledger's rows, and the file's keys that the ledger does not know.
static kt_err_t
merge_lists(kt_keys_t *self, int64_t wall_ms, bool *changed)
{
    kt_key_t *at = calloc(self->n_file + self->n_ledger + 1, sizeof *at);
    size_t    n  = 0;
    if (!at)
        return KT_ENOMEM;
    for (size_t i = 0; i < self->n_ledger; i++) {
        const kt_key_t *row = &self->ledger[i];
        if (!row->revoked && (!row->expires_ms || row->expires_ms > wall_ms))
            at[n++] = *row;
    }
    for (size_t i = 0; i < self->n_file; i++)
        if (!find_in(self->ledger, self->n_ledger, self->file[i].key))
            at[n++] = self->file[i];
    qsort(at, n, sizeof *at, compare_keys);
    *changed = !self->at || n != self->n || !is_same_list(at, self->at, n);
    free(self->at);
    self->at = at;
    self->n  = n;
    return index_names(self);
}

kt_err_t
kt_keys_overrule(kt_keys_t *self, const kt_fleet_key_t *rows, size_t n, int64_t wall_ms, bool *changed)
{
    kt_key_t *ledger = calloc(n + 1, sizeof *ledger);
    *changed         = false;
    if (!ledger)
        return KT_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        ledger[i] = (kt_key_t){.join       = rows[i].kind == KT_KEY_JOIN,
                               .revoked    = rows[i].revoked,
                               .of_ledger  = true,
                               .expires_ms = rows[i].expires_ms};
        memcpy(ledger[i].key, rows[i].key, sizeof ledger[i].key);
        memcpy(ledger[i].name, rows[i].name, sizeof ledger[i].name);
    }
    qsort(ledger, n, sizeof *ledger, compare_keys);
    free(self->ledger);
    self->ledger   = ledger;
    self->n_ledger = n;
    return merge_lists(self, wall_ms, changed);
}

kt_err_t
kt_keys_reload(kt_keys_t *self, bool force, bool *changed)
{
    struct stat now;
    kt_buf_t    text;
    kt_key_t   *at;
    size_t      n;
    *changed = false;
    int fd   = open(self->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return self->no_file && errno == ENOENT ? KT_OK : KT_EIO;
    kt_err_t err  = fstat(fd, &now) ? KT_EIO : KT_OK;
    bool     same = !err && self->at && now.st_ino == self->inode && now.st_size == self->bytes &&
                now.st_mtim.tv_sec == self->changed.tv_sec && now.st_mtim.tv_nsec == self->changed.tv_nsec;
    if (err || (!force && same)) {
        close(fd);
        return err;
    }
    kt_buf_init(&text, MAX_FILE_BYTES);
    err = kt_file_check_list(fd, self->path);
    if (!err)
        err = read_fd(fd, &text);
    close(fd);
    // Set before the lines are parsed, so that a bad file is reported once and not each second.
    self->changed = now.st_mtim;
    self->bytes   = now.st_size;
    self->inode   = now.st_ino;
    if (!err)
        err = parse_key_list(self->path, text.bytes, &at, &n);
    if (!err) {
        qsort(at, n, sizeof *at, compare_keys);
        free(self->file);
        self->file   = at;
        self->n_file = n;
        err          = merge_lists(self, kt_clock_wall_ms(), changed);
    }
    kt_buf_fini(&text);
    return err;
}

kt_err_t
kt_keys_init(kt_keys_t *self, const char *state_dir)
{
    bool changed;
    *self = (kt_keys_t){0};
    if (!kt_keys_path(self->path, state_dir, "allowed"))
        return KT_EINVAL;
    kt_err_t err = kt_file_make_folders(self->path);
    if (err)
        return err;
    int fd = open(self->path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (fd >= 0)
        close(fd);
    else if ((errno != EACCES && errno != EROFS) || access(self->path, F_OK) == 0 || errno != ENOENT)
        return KT_EIO;
    else
        self->no_file = true;
    return kt_keys_reload(self, true, &changed);
}

void
kt_keys_fini(kt_keys_t *self)
{
    free(self->at);
    free(self->file);
    free(self->ledger);
    free(self->named);
    self->named = NULL;
    self->at = self->file = self->ledger = NULL;
    self->n = self->n_file = self->n_ledger = 0;
}

const kt_key_t *
kt_keys_find(const kt_keys_t *self, const char *key)
{
    return find_in(self->at, self->n, key);
}

const kt_key_t *
kt_keys_named(const kt_keys_t *self, const char *name)
{
    for (size_t i = 0; i < self->n && !self->named; i++)
        if (!self->at[i].join && strcmp(self->at[i].name, name) == 0)
            return &self->at[i];
    size_t low = 0, high = self->named ? self->n_named : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(self->named[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return self->named && low < self->n_named && strcmp(self->named[low]->name, name) == 0 ? self->named[low] : NULL;
}

static bool
is_line_of(const char *line, size_t length, const char *public_key)
{
    char     copy[KT_CURVE_HEX + KT_KEYS_NAME + 64];
    kt_key_t key;
    snprintf(copy, sizeof copy, "%.*s", (int)length, line);
    return parse_key_line(copy, &key) > 0 && strcmp(key.key, public_key) == 0;
}

// Removes the lines of the key; with a name, appends one. KT_ENOTFOUND: no name, and no line to remove.
static kt_err_t
rewrite_list(const kt_keys_t *keys, const char *public_key, const char *name)
{
    kt_buf_t all, text;
    size_t   removed = 0;
    int      fd      = open(keys->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return KT_EIO;
    kt_buf_init(&all, MAX_FILE_BYTES);
    kt_buf_init(&text, MAX_FILE_BYTES);
    kt_err_t err = read_fd(fd, &all);
    close(fd);
    for (char *line = all.bytes, *end; !err && line && *line; line = end) {
        size_t length = strcspn(line, "\n");
        end           = line + length + (line[length] == '\n');
        if (is_line_of(line, length, public_key))
            removed++;
        else
            kt_buf_add(&text, line, (size_t)(end - line));
    }
    kt_buf_fini(&all);
    if (!err && !name && !removed)
        err = KT_ENOTFOUND;
    if (name && text.length && text.bytes[text.length - 1] != '\n')
        kt_buf_str(&text, "\n");
    if (name)
        kt_buf_fmt(&text, "%s %s\n", public_key, name);
    if (!err)
        err = text.err;
    if (!err)
        err = kt_file_replace(keys->path, 0600, text.bytes, text.length);
    kt_buf_fini(&text);
    return err;
}

// Locks and reads the list. The caller closes *fd, which releases the lock.
static kt_err_t
lock_and_read_list(kt_keys_t *keys, const char *state_dir, int *fd)
{
    char lock[KT_KEYS_PATH];
    if (!kt_keys_path(lock, state_dir, ".lock"))
        return KT_EINVAL;
    kt_err_t err = kt_file_make_folders(lock);
    if (err)
        return err;
    int opened = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (opened < 0)
        return KT_EIO;
    err = flock(opened, LOCK_EX) ? KT_EIO : kt_keys_init(keys, state_dir);
    if (err)
        close(opened);
    else
        *fd = opened;
    return err;
}

kt_err_t
kt_keys_allow(const char *state_dir, const char *public_key, const char *name)
{
    kt_keys_t keys = {0};
    int       fd   = -1;
    if (!kt_curve_is_key(public_key) || strlen(name) >= KT_KEYS_NAME || name[strcspn(name, " \t\r\n")])
        return KT_EINVAL;
    kt_err_t err = lock_and_read_list(&keys, state_dir, &fd);
    if (err)
        return err;
    const kt_key_t *before = kt_keys_find(&keys, public_key);
    if (!before || strcmp(before->name, name) != 0)
        err = rewrite_list(&keys, public_key, name);
    kt_keys_fini(&keys);
    close(fd);
    return err;
}

kt_err_t
kt_keys_revoke(const char *state_dir, const char *public_key)
{
    kt_keys_t keys = {0};
    int       fd   = -1;
    if (!kt_curve_is_key(public_key))
        return KT_EINVAL;
    kt_err_t err = lock_and_read_list(&keys, state_dir, &fd);
    if (err)
        return err;
    err = rewrite_list(&keys, public_key, NULL);
    kt_keys_fini(&keys);
    close(fd);
    return err;
}
