// CURVE key pairs and their two files. The secret file decides: it appears by link(2), which only one of several
// processes wins, and the public file is derived from it, so that a kill at any point leaves a whole pair or none.
#include "common/curve.h"

#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

enum { KEY_CHARACTERS = KT_CURVE_TEXT - 1, SUFFIX_BYTES = 40 };

static kt_err_t
err_of_errno(void)
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

bool
kt_curve_is_key(const char *text)
{
    static const char z85[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    return strspn(text, z85) == KEY_CHARACTERS && text[KEY_CHARACTERS] == '\0';
}

kt_err_t
kt_curve_new(kt_curve_t *out)
{
    kt_curve_t made;
    if (zmq_curve_keypair(made.public_key, made.secret_key))
        return KT_ESYSTEM;
    *out = made;
    return KT_OK;
}

// One key and a line feed. KT_ENOFILE, KT_EINVAL, KT_EACCESS, KT_EIO.
static kt_err_t
read_key(const char *path, char key[KT_CURVE_TEXT])
{
    char text[KT_CURVE_TEXT + 8];
    int  fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return err_of_errno();
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length < 0)
        return KT_EIO;
    text[length]                 = '\0';
    text[strcspn(text, " \r\n")] = '\0';
    if (!kt_curve_is_key(text))
        return KT_EINVAL;
    memcpy(key, text, KT_CURVE_TEXT);
    return KT_OK;
}

// A new file with the key, on the disk when this returns; its name is path with a random ending, put into temporary.
static kt_err_t
write_temporary(const char *path, const char *key, mode_t mode, char *temporary)
{
    char line[KT_CURVE_TEXT + 1];
    snprintf(temporary, PATH_MAX, "%s.XXXXXX", path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return err_of_errno();
    int      length = snprintf(line, sizeof line, "%s\n", key);
    bool     done   = fchmod(fd, mode) == 0 && write(fd, line, (size_t)length) == length && fsync(fd) == 0;
    kt_err_t err    = done ? KT_OK : err_of_errno();
    if (close(fd) && !err)
        err = KT_EIO;
    if (err)
        unlink(temporary);
    return err;
}

// KT_OK also when another process was first.
static kt_err_t
make_secret(const char *path)
{
    char       temporary[PATH_MAX];
    kt_curve_t made;
    kt_err_t   err = kt_curve_new(&made);
    if (!err)
        err = write_temporary(path, made.secret_key, 0600, temporary);
    if (err)
        return err;
    if (link(temporary, path) && errno != EEXIST)
        err = err_of_errno();
    unlink(temporary);
    return err;
}

// The content follows from the secret, so that several writers at once write the same.
static kt_err_t
make_public(const char *path, const char *key)
{
    char     temporary[PATH_MAX];
    kt_err_t err = write_temporary(path, key, 0644, temporary);
    if (err || rename(temporary, path) == 0)
        return err;
    err = err_of_errno();
    unlink(temporary);
    return err;
}

// Every folder on the way to path's last part.
static kt_err_t
make_folders(const char *path)
{
    char folder[PATH_MAX];
    if (!kt_text_copy(folder, sizeof folder, path))
        return KT_EINVAL;
    for (char *slash = folder; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        if (mkdir(folder, 0700) && errno != EEXIST)
            return err_of_errno();
        *slash = '/';
    }
    return KT_OK;
}

// Makes the new names in path's folder survive a power cut.
static kt_err_t
sync_folder(const char *path)
{
    char        folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_of_errno();
    int failed = fsync(fd);
    close(fd);
    return failed ? KT_EIO : KT_OK;
}

static kt_err_t
load_or_make_secret(const char *path, char key[KT_CURVE_TEXT])
{
    kt_err_t err = read_key(path, key);
    if (err != KT_ENOFILE)
        return err;
    err = make_folders(path);
    if (!err)
        err = make_secret(path);
    return err ? err : read_key(path, key);
}

kt_err_t
kt_curve_load_or_make(const char *path, kt_curve_t *out)
{
    char       secret_path[PATH_MAX], public_path[PATH_MAX], on_disk[KT_CURVE_TEXT];
    kt_curve_t pair;
    if (strlen(path) > PATH_MAX - SUFFIX_BYTES)
        return KT_EINVAL;
    snprintf(secret_path, sizeof secret_path, "%s.secret", path);
    snprintf(public_path, sizeof public_path, "%s.public", path);
    kt_err_t err = load_or_make_secret(secret_path, pair.secret_key);
    if (err)
        return err;
    if (zmq_curve_public(pair.public_key, pair.secret_key))
        return KT_EINVAL;
    err = read_key(public_path, on_disk);
    if (err == KT_ENOFILE) {
        err = make_public(public_path, pair.public_key);
        if (!err)
            err = sync_folder(public_path);
    } else if (!err && strcmp(on_disk, pair.public_key) != 0) {
        err = KT_EINVAL;
    }
    if (!err)
        *out = pair;
    return err;
}
