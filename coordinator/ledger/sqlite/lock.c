#include "common/file.h"
#include "common/text.h"
#include "coordinator/ledger/sqlite/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// The file itself may be missing: then its folder's real name and its own.
static bool
resolve_name(const char *path, const char *folder, char out[KT_JOB_PATH])
{
    char real[PATH_MAX], copy[KT_JOB_PATH];
    if (realpath(path, real))
        return kt_text_copy(out, KT_JOB_PATH, real);
    if (errno != ENOENT || !realpath(folder, real) || !kt_text_copy(copy, sizeof copy, path))
        return false;
    int length = snprintf(out, KT_JOB_PATH, "%s/%s", strcmp(real, "/") ? real : "", basename(copy));
    return length > 0 && length < KT_JOB_PATH;
}

kt_err_t
kt_sqlite_resolve(const char *path, bool make, char out[KT_JOB_PATH], char why[KT_LEDGER_WHY])
{
    char        copy[KT_JOB_PATH];
    const char *folder = kt_text_copy(copy, sizeof copy, path) ? dirname(copy) : NULL;
    if (folder && !make && access(path, F_OK) && errno == ENOENT) {
        snprintf(why, KT_LEDGER_WHY,
                 "there is no ledger at '%.200s': start a coordinator there first, or name another one in DATABASE_URL",
                 path);
        return KT_ENOTFOUND;
    }
    if (folder && (!make || !kt_file_make_folders(path)) && resolve_name(path, folder, out))
        return KT_OK;
    const kt_err_t err = make && folder ? kt_file_write_err_of_errno() : KT_EIO;
    snprintf(why, KT_LEDGER_WHY, "the ledger '%.200s' cannot be %s (%s): %sname another one in DATABASE_URL", path,
             make ? "made" : "opened", folder ? strerror(errno) : "the name is too long",
             err == KT_EWRITE ? "give this user the right to write in its folder, or " : "");
    return err;
}

// A lock of the open file description: it goes with the process, however that ends, and the file stays. The process
// number in it is for the message alone.
kt_err_t
kt_sqlite_lock(kt_sqlite_t *self, char why[KT_LEDGER_WHY])
{
    char         path[KT_JOB_PATH + 8], text[32], holder[64] = "";
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    snprintf(path, sizeof path, "%s.lock", self->path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        const kt_err_t err = kt_file_write_err_of_errno();
        snprintf(why, KT_LEDGER_WHY, "the lock file '%.200s' cannot be created (%s): %s", path, strerror(errno),
                 kt_err_action(err));
        return err;
    }

    if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
        int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
        if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)length, 0) != length)
            errno = 0;  // a lock without the number locks as well
        self->lock_fd = fd;
        return KT_OK;
    }

    bool taken = errno == EAGAIN || errno == EACCES;
    if (taken) {
        ssize_t got             = pread(fd, text, sizeof text - 1, 0);
        text[got > 0 ? got : 0] = '\0';
        if (strtol(text, NULL, 10) > 0)
            snprintf(holder, sizeof holder, " (process %ld)", strtol(text, NULL, 10));
        snprintf(why, KT_LEDGER_WHY,
                 "another coordinator%s works on the ledger '%.200s': stop it first, or name another ledger in"
                 " DATABASE_URL",
                 holder, self->path);
    } else {
        snprintf(why, KT_LEDGER_WHY, "the lock file '%.200s' cannot be locked (%s)", path, strerror(errno));
    }
    close(fd);
    return taken ? KT_ELOCKED : KT_EIO;
}

void
kt_sqlite_unlock(kt_sqlite_t *self)
{
    if (self->lock_fd < 0)
        return;
    if (ftruncate(self->lock_fd, 0))
        errno = 0;  // the number is a courtesy; the lock ends with the descriptor
    close(self->lock_fd);
    self->lock_fd = -1;
}
