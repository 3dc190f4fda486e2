#include "coordinator/cli/local/folders.h"

#include "common/buf.h"
#include "common/paths.h"
#include "common/walk.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { ROOTS_MAX = 60000 };  // below what the setting takes

static kt_err_t
add_folder_path(kt_folders_t *self, const char *path, kt_buf_t *roots, char why[512])
{
    char        root[PATH_MAX];
    struct stat facts;
    snprintf(why, 512, "%.500s", path);
    if (!realpath(path, root) || stat(root, &facts))
        return KT_ENOFILE;
    self->paths[self->n] = strdup(root);
    if (!self->paths[self->n])
        return KT_ENOMEM;
    self->n++;
    if (!S_ISDIR(facts.st_mode))
        *(strrchr(root, '/') + (strrchr(root, '/') == root)) = '\0';
    kt_roots_add(roots, root);
    return roots->err;
}

bool
kt_folders_may_follow(void *folders, const char *real)
{
    const kt_folders_t *self = folders;
    return self->roots && kt_roots_hold(self->roots, real, false);
}

typedef struct links {
    kt_folders_t *folders;
    size_t        n;
    kt_err_t      err;
} links_t;

// A may_follow of the walk that makes a root of each folder that a link leads to.
static bool
add_link(void *context, const char *real)
{
    links_t *links = context;
    if (kt_folders_may_follow(links->folders, real))
        return true;
    if (links->n >= KT_FOLDERS_LINKS)
        return false;
    kt_buf_t roots;
    kt_buf_init(&roots, ROOTS_MAX);
    kt_buf_str(&roots, links->folders->roots);
    kt_roots_add(&roots, real);
    if (!roots.err) {
        free(links->folders->roots);
        links->folders->roots = kt_buf_take(&roots, NULL);
        links->n++;
    }
    bool good = !roots.err;
    kt_buf_fini(&roots);
    return good;
}

// What cannot be read is reported by the walk that takes the files.
static kt_err_t
add_linked_roots(kt_folders_t *self)
{
    links_t links = {.folders = self};
    for (size_t i = 0; i < self->n && !links.err; i++) {
        kt_walk_t     *walk = NULL;
        kt_walk_file_t file;
        bool           more = true;
        kt_err_t       err  = kt_walk_new(&walk, self->paths[i],
                                          &(kt_walk_opts_t){.all = true, .may_follow = add_link, .context = &links});
        while (!err && !links.err && more)
            err = kt_walk_next(walk, &file, &more);
        kt_walk_destroy(&walk);
        if (err == KT_ENOMEM)
            return err;
    }
    return links.err;
}

kt_err_t
kt_folders_take(kt_folders_t *self, char *const *paths, size_t n, char why[512])
{
    kt_buf_t roots;
    size_t   length;
    why[0]       = '\0';
    *self        = (kt_folders_t){.paths = calloc(n + 1, sizeof *self->paths)};
    kt_err_t err = self->paths ? KT_OK : KT_ENOMEM;
    kt_buf_init(&roots, 64 << 10);
    for (size_t i = 0; !err && i < n; i++)
        err = add_folder_path(self, paths[i], &roots, why);
    if (!err && n)
        self->roots = kt_buf_take(&roots, &length);
    kt_buf_fini(&roots);
    if (!err && n)
        err = add_linked_roots(self);
    return err;
}

void
kt_folders_fini(kt_folders_t *self)
{
    for (size_t i = 0; i < self->n; i++)
        free(self->paths[i]);
    free(self->paths);
    free(self->roots);
    *self = (kt_folders_t){0};
}
