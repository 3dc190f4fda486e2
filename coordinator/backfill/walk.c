// The walk is a stack of levels, one per folder between the root and the file that comes next. A level holds the
// smallest names past the one that it has reached; when they are used up and the folder had more, it is read again.
// What all levels hold together is bounded: each may take half of what the ones above have left, and at least LEAST
// names.
#include "coordinator/backfill/walk.h"

#include "common/sidecars.h"
#include "common/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH = 4096, LEAST = 64 };

typedef struct name {
    char         *text;
    unsigned char type;  // DT_*
} name_t;

typedef struct level {
    DIR    *dir;
    name_t *names;
    size_t  n, at, capacity;  // capacity: the most names that it keeps
    size_t  taken;            // of the bound on all levels
    bool    more;             // the folder has names past the last of these
    char   *after;            // names up to this one are behind us
    bool    again;            // but it itself is not: the cursor leads below it
    size_t  path_length;      // of the folder in `path`
} level_t;

struct kt_walk {
    level_t  levels[KT_WALK_DEPTH];
    size_t   n_levels, names_left;
    bool     all;
    char     path[PATH];    // of the last entry, below the folder
    char     target[PATH];  // the cursor: where to go on; "" when it has been reached
    uint64_t left_out, unreadable;
};

static void
drop_names(level_t *level)
{
    for (size_t i = 0; i < level->n; i++)
        free(level->names[i].text);
    level->n = level->at = 0;
}

static void
pop_level(kt_walk_t *self)
{
    level_t *level = &self->levels[--self->n_levels];
    drop_names(level);
    free(level->names);
    free(level->after);
    if (level->dir)
        closedir(level->dir);
    self->names_left += level->taken;
    *level = (level_t){0};
}

static int
by_entry_name(const void *a, const void *b)
{
    return strcmp(((const name_t *)a)->text, ((const name_t *)b)->text);
}

// Sorts the gathered names and keeps the smallest.
static void
keep_smallest(level_t *level)
{
    qsort(level->names, level->n, sizeof *level->names, by_entry_name);
    for (; level->n > level->capacity; level->more = true)
        free(level->names[--level->n].text);
}

static kt_err_t
walk_fill(level_t *level)
{
    kt_err_t err = KT_OK;
    drop_names(level);
    level->more = false;
    rewinddir(level->dir);
    errno = 0;
    for (struct dirent *entry; !err && (entry = readdir(level->dir)); errno = 0) {
        int order = level->after ? strcmp(entry->d_name, level->after) : 1;
        if (entry->d_name[0] == '.' || order < 0 || (order == 0 && !level->again))
            continue;
        if (level->n == 2 * level->capacity)
            keep_smallest(level);
        name_t name = {strdup(entry->d_name), entry->d_type};
        if (name.text)
            level->names[level->n++] = name;
        else
            err = KT_ENOMEM;
    }
    if (!err && errno)
        err = KT_EIO;
    keep_smallest(level);
    return err;
}

static kt_err_t
push_level(kt_walk_t *self, int fd)
{
    size_t   half  = self->names_left / 2;
    level_t *level = &self->levels[self->n_levels];
    *level         = (level_t){.dir = fdopendir(fd), .capacity = half > LEAST ? half : LEAST};
    if (!level->dir) {
        close(fd);
        return KT_ENOMEM;
    }
    level->path_length = strlen(self->path);
    self->n_levels++;
    level->taken = level->capacity < self->names_left ? level->capacity : self->names_left;
    self->names_left -= level->taken;
    level->names = calloc(2 * level->capacity, sizeof *level->names);
    if (!level->names)
        return KT_ENOMEM;
    if (self->target[0]) {  // the cursor leads through this folder: to its next component
        const char *part   = self->target + (level->path_length ? level->path_length + 1 : 0);
        size_t      length = strcspn(part, "/");
        level->again       = part[length] == '/';
        level->after       = strndup(part, length);
        if (!level->again)
            self->target[0] = '\0';
        if (!level->after)
            return KT_ENOMEM;
    }
    return walk_fill(level);
}

static bool
walk_decode(const char *cursor, char out[PATH])
{
    size_t n = 0;
    for (; *cursor && n < PATH - 1; cursor++) {
        if (*cursor != '%') {
            out[n++] = *cursor;
            continue;
        }
        int high = kt_text_hex_digit(cursor[1]), low = high < 0 ? -1 : kt_text_hex_digit(cursor[2]);
        if (low < 0)
            return false;
        out[n++] = (char)(high << 4 | low);
        cursor += 2;
    }
    out[n] = '\0';
    return !*cursor && out[0] != '/';
}

void
kt_walk_cursor(const kt_walk_t *self, char out[KT_WALK_CURSOR])
{
    size_t n = 0;
    for (const unsigned char *c = (const unsigned char *)self->path; *c && n + 4 < KT_WALK_CURSOR; c++) {
        if (*c > ' ' && *c < 127 && *c != '%')
            out[n++] = (char)*c;
        else
            n += (size_t)snprintf(out + n, 4, "%%%02X", *c);
    }
    out[n] = '\0';
}

kt_err_t
kt_walk_new(kt_walk_t **self_p, const char *folder, const char *cursor, bool all, size_t names)
{
    kt_err_t   err  = KT_EINVAL;
    kt_walk_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->all        = all;
    self->names_left = names;
    if (!walk_decode(cursor, self->target))
        goto fail;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        err = push_level(self, fd);
    else if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
        err = KT_ENOFILE;
    else if (errno == EACCES || errno == EPERM)
        err = KT_EACCESS;
    else
        err = errno == ENOMEM ? KT_ENOMEM : KT_EIO;
    if (err)
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_walk_destroy(&self);
    return err;
}

void
kt_walk_destroy(kt_walk_t **self_p)
{
    kt_walk_t *self = *self_p;
    if (!self)
        return;
    while (self->n_levels)
        pop_level(self);
    free(self);
    *self_p = NULL;
}

static kt_err_t
walk_enter(kt_walk_t *self, const level_t *level, const name_t *name)
{
    // Where the cursor leads below another name than this one, it is behind us.
    if (!(level->again && level->after && !strcmp(name->text, level->after)))
        self->target[0] = '\0';
    int      fd  = self->n_levels == KT_WALK_DEPTH
                       ? -1
                       : openat(dirfd(level->dir), name->text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    kt_err_t err = fd < 0 ? KT_EACCESS : push_level(self, fd);
    if (err != KT_EACCESS && err != KT_EIO)
        return err;
    self->unreadable++;
    if (fd >= 0)
        pop_level(self);
    return KT_OK;
}

// The type of an entry: DT_REG (out is filled), DT_DIR or DT_UNKNOWN.
static unsigned char
walk_look(const level_t *level, const name_t *name, kt_walk_file_t *out)
{
    struct stat facts;
    if (name->type == DT_DIR)
        return DT_DIR;
    if (fstatat(dirfd(level->dir), name->text, &facts, 0))
        return name->type == DT_LNK ? DT_REG : DT_UNKNOWN;  // a link that leads nowhere is for the node to refuse
    if (S_ISDIR(facts.st_mode))
        return name->type == DT_UNKNOWN && !fstatat(dirfd(level->dir), name->text, &facts, AT_SYMLINK_NOFOLLOW) &&
                       S_ISDIR(facts.st_mode)
                   ? DT_DIR
                   : DT_UNKNOWN;
    if (!S_ISREG(facts.st_mode))
        return DT_UNKNOWN;
    out->bytes    = facts.st_size;
    out->mtime_ns = facts.st_mtim.tv_sec * INT64_C(1000000000) + facts.st_mtim.tv_nsec;
    return DT_REG;
}

static kt_err_t
walk_visit(kt_walk_t *self, level_t *level, kt_walk_file_t *out, bool *is_file)
{
    const name_t *name = &level->names[level->at++];
    size_t        at   = level->path_length;
    *out               = (kt_walk_file_t){.path = self->path};
    if (at + strlen(name->text) + 2 > PATH) {  // too long to be opened at all
        self->unreadable++;
        return KT_OK;
    }
    snprintf(self->path + at, PATH - at, "%s%s", at ? "/" : "", name->text);
    unsigned char type = walk_look(level, name, out);
    if (type == DT_DIR)
        return walk_enter(self, level, name);
    if (type == DT_REG && !self->all && kt_name_is_sidecar(name->text))
        self->left_out++;
    else
        *is_file = type == DT_REG;
    return KT_OK;
}

kt_err_t
kt_walk_next(kt_walk_t *self, kt_walk_file_t *out, bool *more)
{
    kt_err_t err = KT_OK;
    *more        = false;
    while (!err && !*more && self->n_levels) {
        level_t *level = &self->levels[self->n_levels - 1];
        if (level->at < level->n) {
            err = walk_visit(self, level, out, more);
        } else if (level->more) {  // the next part of this folder
            free(level->after);
            level->after = level->names[--level->n].text;
            level->again = false;
            err          = walk_fill(level);
        } else {
            self->path[level->path_length] = '\0';
            pop_level(self);
        }
    }
    return err;
}

uint64_t
kt_walk_left_out(const kt_walk_t *self)
{
    return self->left_out;
}

uint64_t
kt_walk_unreadable(const kt_walk_t *self)
{
    return self->unreadable;
}
