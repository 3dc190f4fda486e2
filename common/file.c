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
kt_file_make_folders(const char *path)
{
    char folder[PATH_MAX];
    if (!kt_text_copy(folder, sizeof folder, path))
        return KT_EINVAL;
    for (char *slash = folder; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        if (mkdir(folder, 0700) == 0)
            (void)chmod(folder, 0700);  // the umask may take rights of ours
        else if (errno != EEXIST)
            return kt_file_err_of_errno();
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

kt_err_t
kt_file_check_secret(int fd, const char *path)
{
    char        quoted[2 * PATH_MAX];
    struct stat facts;
    if (fstat(fd, &facts))
        return kt_file_err_of_errno();
    if (kt_file_is_private(facts.st_mode, facts.st_uid))
        return KT_OK;
    kt_log_error("SECRET-OPEN",
                 "file=\"%s\" mode=%04o text=\"other users can read or write it: chmod 600, and make a "
                 "new one if it was read\"",
                 kt_log_quote(quoted, sizeof quoted, path), (unsigned)facts.st_mode & 07777);
    return KT_EACCESS;
}

// Writes and syncs a file with a random name in the folder of path; temporary receives its path.
static kt_err_t
write_temporary(char temporary[PATH_MAX], const char *path, mode_t mode, const char *bytes, size_t length)
{
    if (snprintf(temporary, PATH_MAX, "%s.XXXXXX", path) >= PATH_MAX)
        return KT_EINVAL;
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return kt_file_err_of_errno();
    bool     done = fchmod(fd, mode) == 0 && write(fd, bytes, length) == (ssize_t)length && fsync(fd) == 0;
    kt_err_t err  = done ? KT_OK : kt_file_err_of_errno();
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
        return kt_file_err_of_errno();
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
        err = kt_file_err_of_errno();
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
        err = kt_file_err_of_errno();
        unlink(temporary);
        return err;
    }
    return sync_folder_of(path);
}
