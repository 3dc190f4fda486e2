#include "coordinator/cli/tag/replace.h"

#include "common/digest.h"
#include "common/file.h"
#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { NAMES = 64 << 10, VALUE = 64 << 10, BLOCK = 1 << 20 };

// The error of the last system call, which was to read or to write.
static kt_err_t
read_error(char why[KT_REPLACE_WHY], const char *what)
{
    return kt_text_explain(why, KT_REPLACE_WHY, kt_file_err_of_errno(), "%s: %s", what, strerror(errno));
}

static kt_err_t
write_error(char why[KT_REPLACE_WHY], const char *what)
{
    const kt_err_t err = errno == EFBIG ? KT_EDISK : kt_file_write_err_of_errno();
    return kt_text_explain(why, KT_REPLACE_WHY, err, "%s: %s", what, strerror(errno));
}

// A link may lead to a file of its own folder, or below it.
static kt_err_t
find_path(kt_replace_t *self, const char *path, char why[KT_REPLACE_WHY])
{
    struct stat facts;
    char        folder[PATH_MAX], real[PATH_MAX];
    if (strlen(path) >= sizeof folder)
        return kt_text_explain(why, KT_REPLACE_WHY, KT_EINVAL, "the path is too long");
    (void)kt_text_copy(folder, sizeof folder, path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    if (!realpath(slash ? folder : ".", real) || lstat(path, &facts))
        return read_error(why, "it cannot be opened");
    const char  *name   = slash ? path + (strrchr(path, '/') - path) + 1 : path;
    const size_t length = strcmp(real, "/") ? strlen(real) : 0;
    if (S_ISLNK(facts.st_mode)) {
        if (!realpath(path, self->path))
            return read_error(why, "the link leads nowhere");
        if (strncmp(self->path, real, length) != 0 || self->path[length] != '/')
            return kt_text_explain(why, KT_REPLACE_WHY, KT_EINVAL, "a link out of its folder: name the file itself");
    } else if ((size_t)snprintf(self->path, sizeof self->path, "%.*s/%s", (int)length, real, name) >=
               sizeof self->path) {
        return kt_text_explain(why, KT_REPLACE_WHY, KT_EINVAL, "the path is too long");
    }
    self->name = strrchr(self->path, '/') + 1;
    return KT_OK;
}

static kt_err_t
check_facts(const kt_replace_t *self, char why[KT_REPLACE_WHY])
{
    if (!S_ISREG(self->facts.st_mode))
        return kt_text_explain(why, KT_REPLACE_WHY, KT_ENOTREGULAR, "not a regular file");
    if (self->facts.st_nlink > 1)
        return kt_text_explain(why, KT_REPLACE_WHY, KT_EINVAL,
                               "it has %lu hard links, and the others would keep the old tags",
                               (unsigned long)self->facts.st_nlink);
    if (!(self->facts.st_mode & 0222) || faccessat(self->folder_fd, self->name, W_OK, AT_EACCESS))
        return kt_text_explain(why, KT_REPLACE_WHY, KT_EWRITE, "the file is read-only");
    if (faccessat(self->folder_fd, ".", W_OK | X_OK, AT_EACCESS))
        return kt_text_explain(why, KT_REPLACE_WHY, KT_EWRITE, "its folder is read-only");
    return KT_OK;
}

// File systems without locks are used without.
static kt_err_t
take_lock(kt_replace_t *self, char why[KT_REPLACE_WHY])
{
    struct stat now;
    if (flock(self->fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        return kt_text_explain(why, KT_REPLACE_WHY, KT_EAGAIN, "another process writes its tags");
    if (fstatat(self->folder_fd, self->name, &now, AT_SYMLINK_NOFOLLOW) || now.st_ino != self->facts.st_ino)
        return kt_text_explain(why, KT_REPLACE_WHY, KT_EAGAIN, "it was replaced meanwhile");
    (void)unlinkat(self->folder_fd, self->temp, 0);  // of a process that was killed
    return KT_OK;
}

static void
name_copy(kt_replace_t *self)
{
    kt_digest_t digest;
    char        hex[KT_DIGEST_HEX];
    kt_digest_of(self->name, strlen(self->name), &digest);
    snprintf(self->temp, sizeof self->temp, ".kithara-tag-%.16s", kt_digest_hex(&digest, hex));
}

kt_err_t
kt_replace_open(kt_replace_t *self, const char *path, bool lock, char why[KT_REPLACE_WHY])
{
    char folder[PATH_MAX];
    *self        = (kt_replace_t){.folder_fd = -1, .fd = -1, .copy_fd = -1};
    why[0]       = '\0';
    kt_err_t err = find_path(self, path, why);
    if (err)
        return err;
    snprintf(folder, sizeof folder, "%.*s", self->name - self->path > 1 ? (int)(self->name - self->path - 1) : 1,
             self->path);
    name_copy(self);
    self->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self->folder_fd >= 0)
        self->fd = openat(self->folder_fd, self->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (self->fd < 0 || fstat(self->fd, &self->facts))
        return read_error(why, "it cannot be opened");
    err = check_facts(self, why);
    return err || !lock ? err : take_lock(self, why);
}

static int
open_copy(kt_replace_t *self)
{
    int fd = openat(self->folder_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL))
        return fd;
    fd          = openat(self->folder_fd, self->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    self->named = fd >= 0;
    return fd;
}

static int
copy_blocks(int from, int to, off_t at)
{
    char   *block = malloc(BLOCK);
    ssize_t n     = block ? 1 : -1;
    while (n > 0 && (n = pread(from, block, BLOCK, at)) > 0) {
        for (ssize_t done = 0; done < n;) {
            const ssize_t put = pwrite(to, block + done, (size_t)(n - done), at + done);
            if (put < 0) {
                n = -1;
                break;
            }
            done += put;
        }
        at += n > 0 ? n : 0;
    }
    free(block);
    return n < 0 ? -1 : 0;
}

// By reference where the file system can; the copy shares its blocks then.
static int
copy_content(const kt_replace_t *self)
{
    loff_t in = 0, out = 0;
    if (!ioctl(self->copy_fd, FICLONE, self->fd))
        return 0;
    while (in < self->facts.st_size) {
        const ssize_t n = copy_file_range(self->fd, &in, self->copy_fd, &out, (size_t)(self->facts.st_size - in), 0);
        if (n == 0 || (n < 0 && errno != ENOSPC && errno != EDQUOT && errno != EFBIG && errno != EIO))
            return copy_blocks(self->fd, self->copy_fd, in);  // not between these file systems
        if (n < 0)
            return -1;
    }
    return 0;
}

// The system alone gives those of other name spaces.
static int
copy_attributes(const kt_replace_t *self)
{
    char   *names = malloc(NAMES), *value = malloc(VALUE);
    ssize_t n      = names && value ? flistxattr(self->fd, names, NAMES) : -1;
    int     result = n < 0 && errno != EOPNOTSUPP ? -1 : 0;
    for (const char *name = names; !result && n > 0 && name < names + n; name += strlen(name) + 1) {
        if (strncmp(name, "user.", 5) != 0 && strncmp(name, "system.posix_acl_", 17) != 0)
            continue;
        const ssize_t length = fgetxattr(self->fd, name, value, VALUE);
        result               = length < 0 ? -1 : fsetxattr(self->copy_fd, name, value, (size_t)length, 0);
    }
    free(names);
    free(value);
    return result;
}

kt_err_t
kt_replace_copy(kt_replace_t *self, char why[KT_REPLACE_WHY])
{
    const struct stat *facts = &self->facts;
    self->copy_fd            = open_copy(self);
    if (self->copy_fd < 0 || copy_content(self))
        return write_error(why, "the copy cannot be written");
    if (fchown(self->copy_fd, facts->st_uid, facts->st_gid) || copy_attributes(self) ||
        fchmod(self->copy_fd, facts->st_mode & 07777))
        return write_error(why, "owner, mode or attributes cannot be kept");
    return KT_OK;
}

static kt_err_t
give_name(kt_replace_t *self, char why[KT_REPLACE_WHY])
{
    char from[64];
    snprintf(from, sizeof from, "/proc/self/fd/%d", self->copy_fd);
    self->named = self->named || !linkat(AT_FDCWD, from, self->folder_fd, self->temp, AT_SYMLINK_FOLLOW);
    return self->named ? KT_OK : write_error(why, "the copy cannot be named");
}

static bool
is_unchanged(const kt_replace_t *self)
{
    struct stat now;
    return !fstatat(self->folder_fd, self->name, &now, AT_SYMLINK_NOFOLLOW) && now.st_ino == self->facts.st_ino &&
           now.st_size == self->facts.st_size && now.st_mtim.tv_sec == self->facts.st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == self->facts.st_mtim.tv_nsec;
}

kt_err_t
kt_replace_commit(kt_replace_t *self, const struct timespec *time, kt_replace_fn *before, void *context,
                  char why[KT_REPLACE_WHY])
{
    const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, time ? *time : (struct timespec){.tv_nsec = UTIME_NOW}};
    struct stat           facts;
    if (futimens(self->copy_fd, times) || fsync(self->copy_fd) || fstat(self->copy_fd, &facts))
        return write_error(why, "the copy cannot be written");
    kt_err_t err = before(context, &facts);
    if (!err)
        err = give_name(self, why);
    if (err)
        return err;
    if (!is_unchanged(self))
        return kt_text_explain(why, KT_REPLACE_WHY, KT_EAGAIN, "it was changed meanwhile by another program");
    if (renameat(self->folder_fd, self->temp, self->folder_fd, self->name))
        return write_error(why, "the copy cannot take its place");
    self->named = false;
    return fsync(self->folder_fd) ? write_error(why, "its folder cannot be written") : KT_OK;
}

void
kt_replace_close(kt_replace_t *self)
{
    if (self->named)
        (void)unlinkat(self->folder_fd, self->temp, 0);
    self->named      = false;
    int *const fds[] = {&self->copy_fd, &self->fd, &self->folder_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}
