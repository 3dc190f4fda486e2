#include "coordinator/access/keys.h"

#include "common/buf.h"
#include "common/file.h"
#include "common/log.h"
#include "common/text.h"

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
    char word[KT_CURVE_TEXT] = "";
    *out                     = (kt_key_t){0};
    line += strspn(line, " \t");
    size_t length = strcspn(line, " \t\r");
    if (length == KT_CURVE_TEXT - 1)
        memcpy(word, line, length);
    if (!kt_curve_is_key(word))
        return *line == '#' || length == 0 ? 0 : -1;
    memcpy(out->key, word, sizeof word);
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
            kt_log_error("KEYS-BAD", "file=\"%s\" line=%zu want=\"KEY NAME, KEY being 40 characters of Z85\"", path,
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

kt_err_t
kt_keys_reload(kt_keys_t *self, bool force, bool *changed)
{
    struct stat now;
    kt_buf_t    text;
    kt_key_t   *at;
    size_t      n;
    *changed = false;
    int fd   = open(self->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return KT_EIO;
    kt_err_t err  = fstat(fd, &now) ? KT_EIO : KT_OK;
    bool     same = !err && self->at && now.st_ino == self->inode && now.st_size == self->bytes &&
                now.st_mtim.tv_sec == self->changed.tv_sec && now.st_mtim.tv_nsec == self->changed.tv_nsec;
    if (err || (!force && same)) {
        close(fd);
        return err;
    }
    kt_buf_init(&text, MAX_FILE_BYTES);
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
        *changed = !self->at || n != self->n || memcmp(at, self->at, n * sizeof *at) != 0;
        free(self->at);
        self->at = at;
        self->n  = n;
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
    int fd = open(self->path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return KT_EIO;
    close(fd);
    return kt_keys_reload(self, true, &changed);
}

void
kt_keys_fini(kt_keys_t *self)
{
    free(self->at);
    self->at = NULL;
    self->n  = 0;
}

const kt_key_t *
kt_keys_find(const kt_keys_t *self, const char *key)
{
    kt_key_t wanted = {0};
    if (!self->n || !kt_text_copy(wanted.key, sizeof wanted.key, key))
        return NULL;
    return bsearch(&wanted, self->at, self->n, sizeof *self->at, compare_keys);
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
        if (strncmp(line + strspn(line, " \t"), public_key, KT_CURVE_TEXT - 1) == 0)
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
