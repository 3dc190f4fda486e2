#include "coordinator/cli/local/folders.h"

#include "common/buf.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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
    if (strchr(root, ':')) {
        snprintf(why, 512, "%.400s: a media root must not contain ':'", root);
        return KT_EINVAL;
    }
    kt_buf_fmt(roots, "%s%s", roots->length ? ":" : "", root);
    return roots->err;
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
