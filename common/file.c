#include "common/file.h"

#include "common/log.h"
#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

kt_err_t
kt_file_err_of_errno(void)
{
    switch (errno) {
    case ENOENT: return KT_ENOFILE;
    case EACCES:
    case EPERM:
    case EROFS: return KT_EACCESS;
    case ENOSPC:
    case EDQUOT: return KT_EDISK;
    default: return KT_EIO;
    }
}

kt_err_t
kt_file_write_err_of_errno(void)
{
    const kt_err_t err = kt_file_err_of_errno();
    return err == KT_EACCESS ? KT_EWRITE : err;
}

kt_err_t
kt_file_make_folders(const char *path)
{
    char folder[PATH_MAX];
    if (!kt_text_copy(folder, sizeof folder, path))
        return KT_EINVAL;
    for (char *slash = folder; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        if (mkdir(folder, 0700) == 0)
            (void)chmod(folder, 0700);  // the umask may take rights of ours
        else if (errno != EEXIST)       // ENOENT: of a file system that makes none, as /proc
            return errno == ENOENT || errno == ENOTDIR ? KT_EWRITE : kt_file_write_err_of_errno();
        *slash = '/';
    }
    return KT_OK;
}

bool
kt_file_is_private(unsigned mode, uid_t owner)
{
    const unsigned others = S_IRWXG | S_IRWXO, group_reads = S_IRGRP;
    return (mode & others) == 0 || (owner == 0 && (mode & others & ~group_reads) == 0);
}

// A folder in which others can rename and remove files; in a sticky one, as /tmp, they can only add some.
static bool
is_open_folder(const struct stat *facts)
{
    return facts->st_mode & S_IWOTH && !(facts->st_mode & S_ISVTX);
}

static bool
stat_folder_of(const char *path, struct stat *facts)
{
    char        folder[PATH_MAX];
    const char *slash  = strrchr(path, '/');
    const int   length = slash ? (int)(slash - path) + 1 : 1;
    return snprintf(folder, sizeof folder, "%.*s", length, slash ? path : ".") < PATH_MAX && stat(folder, facts) == 0;
}

const char *
kt_file_risk(const char *path, const struct stat *facts, bool secret)
{
    char        target[PATH_MAX];
    struct stat folder, behind;
    if (!S_ISREG(facts->st_mode))
        return "it is no regular file";
    if (secret && !kt_file_is_private(facts->st_mode, facts->st_uid))
        return "other users can read or write it: chmod 600, and make a new one if it was read";
    if (facts->st_mode & S_IWOTH)
        return "other users can write it: chmod o-w, and look at what is in it";
    if (!stat_folder_of(path, &folder) || !realpath(path, target) || !stat_folder_of(target, &behind))
        return "its folder cannot be read";
    if (is_open_folder(&folder) || is_open_folder(&behind))
        return "other users can put another file in its place: chmod o-w its folder, and look at what is in it";
    if (facts->st_uid != 0 && facts->st_uid != geteuid() && facts->st_uid != folder.st_uid)
        return "it belongs to another user: chown it, and make a new one if it is a secret";
    return NULL;
}

// why: NULL: logged.
static kt_err_t
check_risk(int fd, const char *path, bool secret, char *why, size_t capacity)
{
    char        quoted[2 * PATH_MAX];
    struct stat facts;
    if (fstat(fd, &facts))
        return kt_file_err_of_errno();
    const char *risk = kt_file_risk(path, &facts, secret);
    if (!risk)
        return KT_OK;
    const unsigned mode = (unsigned)facts.st_mode & 07777, owner = (unsigned)facts.st_uid;
    if (why)
        snprintf(why, capacity, "%.400s has mode %04o and owner %u: %s", path, mode, owner, risk);
    else
        kt_log_error("SECRET-OPEN", "file=\"%s\" mode=%04o owner=%u text=\"%s\"",
                     kt_log_quote(quoted, sizeof quoted, path), mode, owner, risk);
    return KT_EACCESS;
}

kt_err_t
kt_file_check_secret(int fd, const char *path, char *why, size_t capacity)
{
    return check_risk(fd, path, true, why, capacity);
}

kt_err_t
kt_file_check_list(int fd, const char *path)
{
    return check_risk(fd, path, false, NULL, 0);
}

// Writes and syncs a file with a random name in the folder of path; temporary receives its path.
static kt_err_t
write_temporary(char temporary[PATH_MAX], const char *path, mode_t mode, const char *bytes, size_t length)
{
    if (snprintf(temporary, PATH_MAX, "%s.XXXXXX", path) >= PATH_MAX)
        return KT_EINVAL;
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return kt_file_write_err_of_errno();
    bool     done = fchmod(fd, mode) == 0 && write(fd, bytes, length) == (ssize_t)length && fsync(fd) == 0;
    kt_err_t err  = done ? KT_OK : kt_file_write_err_of_errno();
    if (close(fd) && !err)
        err = KT_EIO;
    if (err)
        unlink(temporary);
    return err;
}

// Without this a power cut may lose the new name.
static kt_err_t
sync_folder_of(const char *path)
{
    char        folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return kt_file_write_err_of_errno();
    int failed = fsync(fd);
    close(fd);
    return failed ? KT_EIO : KT_OK;
}

kt_err_t
kt_file_create(const char *path, mode_t mode, const char *bytes, size_t length)
{
    char     temporary[PATH_MAX];
    kt_err_t err = write_temporary(temporary, path, mode, bytes, length);
    if (err)
        return err;
    // link(2) fails if the name exists; rename(2) would replace the winner's file.
    if (link(temporary, path) && errno != EEXIST)
        err = kt_file_write_err_of_errno();
    unlink(temporary);
    return err ? err : sync_folder_of(path);
}

kt_err_t
kt_file_replace(const char *path, mode_t mode, const char *bytes, size_t length)
{
    char     temporary[PATH_MAX];
    kt_err_t err = write_temporary(temporary, path, mode, bytes, length);
    if (err)
        return err;
    if (rename(temporary, path)) {
        err = kt_file_write_err_of_errno();
        unlink(temporary);
        return err;
    }
    return sync_folder_of(path);
}
