#include "node/fetch/path.h"

#include "common/log.h"
#include "common/paths.h"
#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// It is opened for each file: what is mounted there may go away and come back, and a descriptor would hold the old
// mount.
typedef struct root {
    char *given;      // as the setting names it, without slashes at the end
    char *canonical;  // by realpath; NULL where there is no such folder at the start
} root_t;

struct kt_fetch {
    bool   any_path;
    bool   relative;  // a relative path counts from the current folder
    size_t n_roots;
    root_t roots[KT_FETCH_ROOTS];
};

enum { RACES = 8 };  // openat2 answers EAGAIN when a folder is renamed at that moment

static int
root_open(const root_t *root)
{
    return open(root->given, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

// The folder may come later.
static kt_err_t
add_root(kt_fetch_t *self, const char *folder)
{
    char   shown[3 * KT_ROOT_BYTES];
    root_t root = {.given = strdup(folder)};
    if (!root.given)
        return KT_ENOMEM;
    const int fd   = root_open(&root);
    root.canonical = fd < 0 ? NULL : realpath(root.given, NULL);
    if (!root.canonical)
        kt_log_warn("MEDIA-ROOT", "root=%s text=\"%s\"", kt_path_show(folder, shown, sizeof shown) ? shown : "?",
                    strerror(errno));
    if (fd >= 0)
        close(fd);
    self->roots[self->n_roots++] = root;
    return KT_OK;
}

kt_err_t
kt_fetch_new(kt_fetch_t **self_p, const char *roots, bool any_path)
{
    kt_err_t    err  = KT_ENOMEM;
    kt_fetch_t *self = calloc(1, sizeof *self);
    if (!self)
        goto fail;
    const char *at = roots ? roots : "";
    char        root[KT_ROOT_BYTES];
    self->any_path = any_path && *at == '\0';
    self->relative = any_path;
    while (kt_roots_next(&at, root)) {
        err = self->n_roots < KT_FETCH_ROOTS ? add_root(self, root) : KT_EINVAL;
        if (err)
            goto fail;
    }
    *self_p = self;
    return KT_OK;
fail:
    kt_fetch_destroy(&self);
    return err;
}

void
kt_fetch_destroy(kt_fetch_t **self_p)
{
    kt_fetch_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; i < self->n_roots; i++) {
        free(self->roots[i].given);
        free(self->roots[i].canonical);
    }
    free(self);
    *self_p = NULL;
}

kt_err_t
kt_fetch_error(int error, const char *path)
{
    switch (error) {
    case 0: return KT_OK;
    case ENOENT: return strstr(path, "\xEF\xBF\xBD") ? KT_ENAME : KT_ENOFILE;  // a name that was once sanitised
    case ENOTDIR:
    case ELOOP:  // links in a circle, or one that the kernel will not follow
    case ENAMETOOLONG: return KT_ENOFILE;
    case EACCES:
    case EPERM: return KT_EACCESS;
    case EXDEV: return KT_EROOT;  // "..", or a link, that leads out
    case EISDIR: return KT_EDIRECTORY;
    case ENXIO:
    case ENODEV: return KT_ENOTREGULAR;
    case ENOMEM: return KT_ENOMEM;
    case EIO:
    case ESTALE:
    case ETIMEDOUT: return KT_EIO;
    default: return KT_ESYSTEM;
    }
}

// The part of path below the folder, "." for the folder itself, NULL when it does not begin there.
static const char *
path_below(const char *path, const char *folder)
{
    size_t length = strcmp(folder, "/") == 0 ? 0 : strlen(folder);
    if (strncmp(path, folder, length) != 0)
        return NULL;
    if (path[length] == '\0' && length > 0)
        return ".";
    if (path[length] != '/')
        return NULL;
    path += length + strspn(path + length, "/");
    return *path ? path : ".";
}

static bool
is_beneath_roots(const kt_fetch_t *self, const char *real)
{
    for (size_t i = 0; i < self->n_roots; i++)
        if (self->roots[i].canonical && path_below(real, self->roots[i].canonical))
            return true;
    return false;
}

// For a link to an absolute path, and kernels without openat2: what the path leads to is held without being opened,
// then asked where it is, and opened by its descriptor, so that nothing can be put in its place in between.
static int
open_resolved(const kt_fetch_t *self, const char *path, int flags)
{
    char link[64], real[PATH_MAX + 1];
    int  held = open(path, O_PATH | O_CLOEXEC), fd = -1;
    if (held < 0)
        return -1;
    snprintf(link, sizeof link, "/proc/self/fd/%d", held);
    ssize_t n           = readlink(link, real, sizeof real - 1);
    real[n > 0 ? n : 0] = '\0';
    errno               = EXDEV;
    if (real[0] == '/' && is_beneath_roots(self, real))
        fd = open(link, flags);
    int error = errno;
    close(held);
    errno = error;
    return fd;
}

// The descriptor, or -1 with errno; EXDEV when no root has the path.
static int
open_path(const kt_fetch_t *self, const char *path)
{
    struct open_how how = {
        .flags   = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    long fd     = -1;
    bool inside = false;  // by its text
    if (self->any_path)
        return open(path, (int)how.flags);
    errno = EXDEV;
    for (size_t i = 0; i < self->n_roots && fd < 0 && errno == EXDEV; i++) {
        const root_t *root = &self->roots[i];
        const char   *rest = path_below(path, root->given);
        if (!rest && root->canonical)
            rest = path_below(path, root->canonical);
        const int folder = rest ? root_open(root) : -1;
        errno            = EXDEV;
        inside |= folder >= 0;
        for (int race = 0; folder >= 0 && race < RACES; race++) {
            fd = syscall(SYS_openat2, folder, rest, &how, sizeof how);
            if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
                break;
        }
        const int error = errno;
        if (folder >= 0)
            close(folder);
        errno = error;
    }
    if (fd < 0 && inside && (errno == EXDEV || errno == ENOSYS)) {
        fd = open_resolved(self, path, (int)how.flags);
        // Whether there is anything outside is not for the caller to know.
        if (fd < 0 && errno != EACCES && errno != EPERM)
            errno = EXDEV;
    }
    return (int)fd;
}

// In place. The roots are absolute.
static bool
make_absolute(char path[KT_ROOT_BYTES])
{
    char here[KT_ROOT_BYTES], whole[2 * KT_ROOT_BYTES];
    if (!getcwd(here, sizeof here))
        return false;
    snprintf(whole, sizeof whole, "%s/%s", strcmp(here, "/") == 0 ? "" : here, path);
    return kt_text_copy(path, KT_ROOT_BYTES, whole);
}

kt_err_t
kt_fetch_open(const kt_fetch_t *self, const char *path, int *fd, uint64_t *size_bytes, char why[KT_FETCH_WHY])
{
    char bytes[KT_ROOT_BYTES];
    why[0] = '\0';
    if (!kt_text_is_utf8(path, strlen(path)) || kt_path_read(path, bytes, sizeof bytes)) {
        snprintf(why, KT_FETCH_WHY, "neither a path in UTF-8 nor a file: URI with escapes");
        return KT_ENAME;
    }
    if (self->relative && !self->any_path && bytes[0] != '/' && !make_absolute(bytes)) {
        snprintf(why, KT_FETCH_WHY, "the current folder cannot be named");
        return KT_ENOFILE;
    }
    int opened = open_path(self, bytes);
    if (opened < 0) {
        int      error = errno;
        kt_err_t err   = kt_fetch_error(error, path);
        if (err == KT_EROOT)
            snprintf(why, KT_FETCH_WHY, "%s",
                     self->n_roots ? "no media root holds it" : "ANALYZER_MEDIA_ROOTS names none");
        else if (error != ENOENT && error != EACCES)  // whose error code is clear enough
            snprintf(why, KT_FETCH_WHY, "%s", strerror(error));
        return err;
    }
    struct stat st;
    kt_err_t    err = fstat(opened, &st)     ? KT_ESYSTEM
                      : S_ISDIR(st.st_mode)  ? KT_EDIRECTORY
                      : !S_ISREG(st.st_mode) ? KT_ENOTREGULAR
                      : st.st_size == 0      ? KT_EEMPTY
                                             : KT_OK;
    if (err) {
        close(opened);
        return err;
    }
    *fd         = opened;
    *size_bytes = (uint64_t)st.st_size;
    return KT_OK;
}
