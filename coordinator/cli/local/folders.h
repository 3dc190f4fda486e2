// kt_folders -- the absolute paths of a command line, and the media roots derived from them: each folder, the folder of
// each file, and the folders elsewhere that links below them lead to. One thread.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct kt_folders {
    char **paths;
    size_t n;
    char  *roots;  // as of kt_paths
} kt_folders_t;

// why (512 bytes): the path that is missing. KT_ENOFILE, KT_ENOMEM.
// The first LINKS folders elsewhere that links lead to become roots too; this walks through all folders once.
enum { KT_FOLDERS_LINKS = 256 };
KT_MUST_USE kt_err_t kt_folders_take(kt_folders_t *self, char *const *paths, size_t n, char why[512]);
// Whether a folder, absolute and without links, is beneath the roots. Context: kt_folders_t; as of kt_walk_opts_t.
bool kt_folders_may_follow(void *folders, const char *real);
void kt_folders_fini(kt_folders_t *self);  // idempotent
