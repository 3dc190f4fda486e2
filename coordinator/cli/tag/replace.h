// kt_replace -- changes a file by replacing it with a changed copy in the same folder: a reader sees the old file or
// the new one, whatever ends this process. Owner, mode, access control lists and extended attributes are kept. One
// thread per object.
//
// Refused: what is no regular file, read-only files, files with several hard links (the other names would keep the old
// content), and links that lead out of their folder. A program that has the file open for writing is not noticed.
#pragma once

#include "common/err.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

enum { KT_REPLACE_WHY = 256, KT_REPLACE_TEMP = 40 };

typedef struct kt_replace {
    int         folder_fd, fd, copy_fd;  // fd: the file, for reading; -1: none
    char        path[PATH_MAX];          // without links
    const char *name;                    // in path
    struct stat facts;                   // of the file when it was opened
    char        temp[KT_REPLACE_TEMP];   // name of the copy
    bool        named;                   // the copy has that name
} kt_replace_t;

// Opens the file. lock: no other process may open it so at the same time, and what an earlier one left behind is
// removed. KT_ENOFILE, KT_EACCESS, KT_EWRITE (it or its folder is read-only), KT_ENOTREGULAR, KT_EINVAL,
// KT_EAGAIN (another process has it); with why.
KT_MUST_USE kt_err_t kt_replace_open(kt_replace_t *self, const char *path, bool lock, char why[KT_REPLACE_WHY]);
// Makes the copy, copy_fd. KT_EDISK, KT_EIO, KT_EWRITE (its owner or attributes cannot be kept).
KT_MUST_USE kt_err_t kt_replace_copy(kt_replace_t *self, char why[KT_REPLACE_WHY]);
// Called when the copy is on disk; facts: of the copy, as they will be. An error keeps the old file.
typedef kt_err_t kt_replace_fn(void *context, const struct stat *facts);
// The copy takes the place of the file, with the time of change `time`; NULL: now. KT_EAGAIN: the file was changed
// since it was opened; then, and with any other error, it stays as it is.
KT_MUST_USE kt_err_t kt_replace_commit(kt_replace_t *self, const struct timespec *time, kt_replace_fn *before,
                                       void *context, char why[KT_REPLACE_WHY]);
void                 kt_replace_close(kt_replace_t *self);  // idempotent, also after a failed open
