// kt_folders -- the absolute paths of a command line, and the media roots derived from them: each folder, and the
// folder of each file. One thread.
#pragma once

#include "common/err.h"

#include <stddef.h>

typedef struct kt_folders {
    char **paths;
    size_t n;
    char  *roots;  // joined by ':'
} kt_folders_t;

// why (512 bytes): the path that is missing, or that contains ':' and so cannot be a root. KT_ENOFILE, KT_EINVAL,
// KT_ENOMEM.
KT_MUST_USE kt_err_t kt_folders_take(kt_folders_t *self, char *const *paths, size_t n, char why[512]);
void                 kt_folders_fini(kt_folders_t *self);  // idempotent
