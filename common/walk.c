// The walk is a stack of levels, one per folder between the root and the file that comes next. A level holds the
// smallest names past the one that it has reached; when they are used up and the folder had more, it is read again.
// What all levels hold together is bounded: each may take half of what the ones above have left, and at least LEAST
// names.
#include "common/walk.h"

#include "common/folder_set.h"
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
    char   *real;             // of a folder that a link led to: where it is; else NULL
} level_t;

struct kt_walk {
    level_t         levels[KT_WALK_DEPTH];
    size_t          n_levels, names_left;
    size_t          n_links;         // levels that a link led to
    char            path[PATH];      // of the last entry, below the folder
    char            target[PATH];    // the cursor: where to go on; "" when it has been reached
    char            root[PATH];      // the folder without links; "" when it is not known
    char            real[2 * PATH];  // of the last file behind a link
    kt_walk_opts_t  opts;
    const char     *until;    // a walk through folders alone, up to this path: another walk's cursor; else NULL
    kt_folder_set_t entered;  // the root and what is behind links, unless the set is shared
    kt_left_out_t   left_out;
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
    self->n_links -= level->real != NULL;
    free(level->real);
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

static bool
is_dots(const char *name)
{
    return !strcmp(name, ".") || !strcmp(name, "..");
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
        if (is_dots(entry->d_name) || order < 0 || (order == 0 && !level->again))
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

// Takes fd. real: as of the level, taken too.
static kt_err_t
push_level(kt_walk_t *self, int fd, char *real)
{
    size_t   half  = self->names_left / 2;
    level_t *level = &self->levels[self->n_levels];
    *level         = (level_t){.dir = fdopendir(fd), .capacity = half > LEAST ? half : LEAST};
    if (!level->dir) {
        close(fd);
        free(real);
        return KT_ENOMEM;
    }
    level->real = real;
    self->n_links += real != NULL;
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

// The folder of a descriptor, absolute and without links; "" where /proc does not give it.
static void
find_real(int fd, char out[PATH])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n          = readlink(link, out, PATH - 1);
    out[n > 0 ? n : 0] = '\0';
    if (out[0] != '/')
        out[0] = '\0';
}

// *added: it has not been entered before. Past the number of folders that are remembered a link is refused, and a
// folder of a shared set is taken for a new one.
static kt_err_t
remember_folder(kt_walk_t *self, const struct stat *facts, bool *added)
{
    if (!self->opts.shared)
        return kt_folder_set_add(&self->entered, facts, KT_WALK_LINKED, added);
    kt_err_t err = kt_folder_set_add(self->opts.shared, facts, KT_WALK_SHARED, added);
    *added |= err == KT_EFULL;
    return err == KT_EFULL ? KT_OK : err;
}

static kt_err_t
open_root(kt_walk_t *self, const char *folder)
{
    struct stat facts;
    bool        added;
    int         fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        switch (errno) {
        case ENOENT:
        case ENOTDIR:
        case ELOOP: return KT_ENOFILE;
        case EACCES:
        case EPERM: return KT_EACCESS;
        case ENOMEM: return KT_ENOMEM;
        default: return KT_EIO;
        }
    }
    find_real(fd, self->root);
    kt_err_t err = fstat(fd, &facts) ? KT_EIO : remember_folder(self, &facts, &added);
    if (!err && (added || self->target[0]))
        return push_level(self, fd, NULL);
    self->left_out.n[KT_NAME_REPEATED] += !err;
    close(fd);
    return err;
}

// Learns what links led to before the cursor.
static kt_err_t
walk_to_cursor(kt_walk_t *self, const char *folder)
{
    kt_walk_t     *before = NULL;
    kt_walk_file_t file;
    kt_walk_opts_t opts = self->opts;
    bool           more = true;
    opts.cursor         = NULL;
    opts.unreadable     = NULL;
    kt_err_t err        = kt_walk_new(&before, folder, &opts);
    if (err)
        return err;
    before->until = self->target;
    while (!err && more)
        err = kt_walk_next(before, &file, &more);
    self->entered   = before->entered;
    before->entered = (kt_folder_set_t){0};
    kt_walk_destroy(&before);
    return err;
}

kt_err_t
kt_walk_new(kt_walk_t **self_p, const char *folder, const kt_walk_opts_t *opts)
{
    kt_err_t   err  = KT_EINVAL;
    kt_walk_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->opts       = *opts;
    self->names_left = opts->names ? opts->names : KT_WALK_NAMES;
    if (!walk_decode(opts->cursor ? opts->cursor : "", self->target))
        goto fail;
    err = self->target[0] ? walk_to_cursor(self, folder) : KT_OK;
    if (!err)
        err = open_root(self, folder);
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
    kt_folder_set_fini(&self->entered);
    free(self);
    *self_p = NULL;
}

static void
count_unreadable(kt_walk_t *self, kt_err_t err)
{
    self->left_out.unreadable++;
    if (self->opts.unreadable)
        self->opts.unreadable(self->opts.context, self->path, err);
}

// Whether `inner` is `outer` or below it.
static bool
is_below(const char *inner, const char *outer)
{
    size_t n = strcmp(outer, "/") ? strlen(outer) : 0;
    return !strncmp(inner, outer, n) && (inner[n] == '/' || !inner[n]);
}

// Whether the folder of fd, which is or lies behind a link or may be part of another walk, is entered. *real: of the
// link's own folder.
static kt_err_t
admit_linked(kt_walk_t *self, int fd, bool is_link, char real[PATH], bool *enter)
{
    struct stat facts;
    *enter = false;
    if (fstat(fd, &facts))
        return KT_EIO;
    if (is_link) {
        find_real(fd, real);
        if (!real[0])
            return KT_EIO;
        if (is_below(real, self->root) || is_below(self->root, real)) {
            self->left_out.n[KT_NAME_REPEATED]++;
            return KT_OK;
        }
        if (self->opts.may_follow && !self->opts.may_follow(self->opts.context, real)) {
            self->left_out.n[KT_NAME_OUTSIDE]++;
            return KT_OK;
        }
    }
    kt_err_t err = remember_folder(self, &facts, enter);
    if (!err && !*enter && !self->target[0])
        self->left_out.n[KT_NAME_REPEATED]++;
    return err == KT_EFULL ? KT_EINVAL : err;
}

static kt_err_t
walk_enter(kt_walk_t *self, const level_t *level, const name_t *name, bool is_link)
{
    char     real[PATH] = "";
    bool     enter      = true;
    kt_err_t err        = KT_OK;
    // Where the cursor leads below another name than this one, it is behind us.
    if (!(level->again && level->after && !strcmp(name->text, level->after)))
        self->target[0] = '\0';
    if (self->n_levels == KT_WALK_DEPTH) {
        count_unreadable(self, KT_EINVAL);
        return KT_OK;
    }
    int fd = openat(dirfd(level->dir), name->text, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (is_link ? 0 : O_NOFOLLOW));
    if (fd < 0)
        err = errno == EACCES || errno == EPERM ? KT_EACCESS : KT_EIO;
    else if (is_link || self->n_links || self->opts.shared)
        err = admit_linked(self, fd, is_link, real, &enter);
    enter |= self->target[0] != '\0';  // where the cursor leads has been entered before
    char *copy = !err && enter && is_link ? strdup(real) : NULL;
    if (!err && enter && is_link && !copy)
        err = KT_ENOMEM;
    size_t before = self->n_levels;
    if (!err && enter)
        err = push_level(self, fd, copy);
    else if (fd >= 0)
        close(fd);
    if (!err || err == KT_ENOMEM)
        return err;
    if (self->n_levels > before)
        pop_level(self);
    count_unreadable(self, err);
    return KT_OK;
}

typedef enum entry { ENTRY_FILE, ENTRY_FOLDER, ENTRY_LINK_TO_FOLDER, ENTRY_SPECIAL, ENTRY_GONE } entry_t;

// Of what cannot be looked at: a file, for the node to refuse with its reason.
static entry_t
walk_look(const level_t *level, const name_t *name, kt_walk_file_t *out)
{
    struct stat facts;
    int         fd = dirfd(level->dir);
    if (name->type == DT_DIR)
        return ENTRY_FOLDER;
    if (fstatat(fd, name->text, &facts, 0))
        return errno == ENOENT && fstatat(fd, name->text, &facts, AT_SYMLINK_NOFOLLOW) ? ENTRY_GONE : ENTRY_FILE;
    if (S_ISDIR(facts.st_mode)) {
        bool is_link =
            name->type == DT_LNK || (!fstatat(fd, name->text, &facts, AT_SYMLINK_NOFOLLOW) && S_ISLNK(facts.st_mode));
        return is_link ? ENTRY_LINK_TO_FOLDER : ENTRY_FOLDER;
    }
    if (!S_ISREG(facts.st_mode))
        return ENTRY_SPECIAL;
    out->bytes    = facts.st_size;
    out->mtime_ns = facts.st_mtim.tv_sec * INT64_C(1000000000) + facts.st_mtim.tv_nsec;
    return ENTRY_FILE;
}

static bool
has_media_head(const level_t *level, const char *name)
{
    uint8_t head[KT_MEDIA_HEAD];
    int     fd = openat(dirfd(level->dir), name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    ssize_t n  = fd < 0 ? -1 : pread(fd, head, sizeof head, 0);
    if (fd >= 0)
        close(fd);
    return n > 0 && kt_media_head(head, (size_t)n);
}

// MEDIA: the file is taken.
static kt_name_kind_t
judge_file(const kt_walk_t *self, const level_t *level, const char *name)
{
    kt_name_kind_t kind   = kt_name_kind(name);
    bool           hidden = kind == KT_NAME_HIDDEN || (kind == KT_NAME_UNKNOWN && name[0] == '.');
    if (self->opts.all && !hidden)
        return KT_NAME_MEDIA;
    if (kind == KT_NAME_UNKNOWN && has_media_head(level, name))
        return KT_NAME_MEDIA;
    return hidden ? KT_NAME_HIDDEN : kind;
}

// Where the last file is, if a link led to it.
static const char *
find_real_of_file(kt_walk_t *self)
{
    for (size_t i = self->n_levels; self->n_links && i-- > 0;) {
        const level_t *level = &self->levels[i];
        if (!level->real)
            continue;
        snprintf(self->real, sizeof self->real, "%s%s", strcmp(level->real, "/") ? level->real : "",
                 self->path + level->path_length);
        return self->real;
    }
    return NULL;
}

// The order of a walk: a folder's content comes before the names that begin with its name.
static int
compare_places(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    int x = *a == '/' ? 1 : *a ? (unsigned char)*a + 1 : 0, y = *b == '/' ? 1 : *b ? (unsigned char)*b + 1 : 0;
    return x - y;
}

static kt_err_t
walk_visit(kt_walk_t *self, level_t *level, kt_walk_file_t *out, bool *is_file)
{
    const name_t  *name = &level->names[level->at++];
    size_t         at   = level->path_length;
    kt_name_kind_t kind = KT_NAME_SPECIAL;
    *out                = (kt_walk_file_t){.path = self->path};
    if (at + strlen(name->text) + 2 > PATH) {  // too long to be opened at all
        count_unreadable(self, KT_EINVAL);
        return KT_OK;
    }
    snprintf(self->path + at, PATH - at, "%s%s", at ? "/" : "", name->text);
    if (self->until && compare_places(self->path, self->until) >= 0) {
        while (self->n_levels)
            pop_level(self);
        return KT_OK;
    }
    if (self->until && name->type == DT_REG)
        return KT_OK;
    entry_t entry = walk_look(level, name, out);
    if (self->until && entry == ENTRY_FILE)
        return KT_OK;
    switch (entry) {
    case ENTRY_GONE: return KT_OK;
    case ENTRY_SPECIAL: break;
    case ENTRY_FILE: kind = judge_file(self, level, name->text); break;
    case ENTRY_FOLDER:
    case ENTRY_LINK_TO_FOLDER:
        if (!kt_name_is_system_folder(name->text))
            return walk_enter(self, level, name, entry == ENTRY_LINK_TO_FOLDER);
        kind = KT_NAME_SYSTEM_FOLDER;
        break;
    }
    *is_file = kind == KT_NAME_MEDIA;
    if (*is_file)
        out->real = find_real_of_file(self);
    else
        self->left_out.n[kind]++;
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

const kt_left_out_t *
kt_walk_left_out(const kt_walk_t *self)
{
    return &self->left_out;
}
