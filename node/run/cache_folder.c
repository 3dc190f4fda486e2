#include "node/run/cache_folder.h"

#include "common/digest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// ORPHAN_S: a half-written file of this age has lost its writer. ENTRIES_MAX: in one folder; a full one loses an entry
// for each new one.
enum { PATH = 4096 + 128, ORPHAN_S = 600, ENTRIES_MAX = 65536, BLOCK = 64 << 10 };
static const char PARTIAL[] = "new-";

typedef struct file {
    char            name[80];
    uint64_t        bytes;
    struct timespec asked;
} file_t;

static void
folder_of(const char *dir, const char *name, char out[PATH])
{
    snprintf(out, PATH, "%s/%.2s", dir, name);
}

static kt_err_t
error_of_errno(int number)
{
    return number == ENOENT ? KT_ENOTFOUND : number == ENOSPC || number == EDQUOT ? KT_EDISK : KT_EIO;
}

kt_err_t
kt_cache_folder_read(const char *dir, const char *name, kt_buf_t *out)
{
    char folder[PATH], path[PATH + 128];
    folder_of(dir, name, folder);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return error_of_errno(errno);

    struct stat st;
    bool        regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    char       *block   = regular ? malloc(BLOCK) : NULL;
    ssize_t     n       = block ? 1 : -1;
    while (n > 0 && !out->err) {
        n = read(fd, block, BLOCK);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0)
            kt_buf_add(out, block, (size_t)n);
    }
    kt_err_t err = regular && !block ? KT_ENOMEM : n < 0 ? KT_EIO : out->err;
    free(block);
    // The time of modification is that of the last request. Where it cannot be set, age counts instead.
    (void)futimens(fd, (struct timespec[]){{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}});
    close(fd);
    return err;
}

static int
order_by_age(const void *a, const void *b)
{
    const file_t *x = a, *y = b;
    if (x->asked.tv_sec != y->asked.tv_sec)
        return x->asked.tv_sec < y->asked.tv_sec ? -1 : 1;
    return (x->asked.tv_nsec > y->asked.tv_nsec) - (x->asked.tv_nsec < y->asked.tv_nsec);
}

// Also removes half-written files whose writer has ended.
static size_t
list_files(int folder, DIR *stream, file_t *files)
{
    size_t      n   = 0;
    time_t      now = time(NULL);
    struct stat st;
    for (struct dirent *entry; n < ENTRIES_MAX && (entry = readdir(stream));) {
        if (fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode) ||
            strlen(entry->d_name) >= sizeof files->name)
            continue;
        if (strncmp(entry->d_name, PARTIAL, sizeof PARTIAL - 1) == 0 && now - st.st_mtim.tv_sec > ORPHAN_S) {
            (void)unlinkat(folder, entry->d_name, 0);
            continue;
        }
        files[n] = (file_t){.bytes = (uint64_t)st.st_size, .asked = st.st_mtim};
        memcpy(files[n].name, entry->d_name, strlen(entry->d_name) + 1);
        n++;
    }
    return n;
}

// Makes room for `want` bytes more. Other processes may remove the same files at the same time.
static kt_err_t
trim_folder(const char *path, uint64_t want, uint64_t share_bytes)
{
    uint64_t bytes  = want;
    DIR     *stream = opendir(path);
    if (!stream)
        return KT_EIO;
    file_t *files = calloc(ENTRIES_MAX, sizeof *files);
    size_t  n     = files ? list_files(dirfd(stream), stream, files) : 0;
    for (size_t i = 0; i < n; i++)
        bytes += files[i].bytes;
    bool full = bytes > share_bytes || n == ENTRIES_MAX;
    if (full)
        qsort(files, n, sizeof *files, order_by_age);
    for (size_t i = 0; i < n && (bytes > share_bytes || n - i == ENTRIES_MAX); i++) {
        (void)unlinkat(dirfd(stream), files[i].name, 0);
        bytes -= files[i].bytes;
    }
    kt_err_t err = files ? KT_OK : KT_ENOMEM;
    free(files);
    closedir(stream);
    return err;
}

kt_err_t
kt_cache_folder_write(const char *dir, const char *name, const kt_buf_t *entry, uint64_t share_bytes)
{
    char unique[40], folder[PATH], partial[PATH + 128], path[PATH + 128];
    int  fd = -1;
    if (entry->length > share_bytes)
        return KT_EFULL;
    folder_of(dir, name, folder);
    if ((mkdir(dir, 0700) && errno != EEXIST) || (mkdir(folder, 0700) && errno != EEXIST))
        return error_of_errno(errno);
    snprintf(partial, sizeof partial, "%s/%s%s", folder, PARTIAL, kt_uuid_random(unique));
    snprintf(path, sizeof path, "%s/%s", folder, name);
    kt_err_t err = trim_folder(folder, entry->length, share_bytes);
    if (!err && (fd = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0)
        err = error_of_errno(errno);
    for (size_t done = 0; done < entry->length && !err;) {
        ssize_t n = write(fd, entry->bytes + done, entry->length - done);
        if (n < 0 && errno != EINTR)
            err = error_of_errno(errno);
        done += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0 && close(fd) && !err)
        err = error_of_errno(errno);
    if (!err && rename(partial, path))
        err = error_of_errno(errno);
    if (err)
        (void)unlink(partial);
    return err == KT_ENOTFOUND ? KT_EIO : err;
}
