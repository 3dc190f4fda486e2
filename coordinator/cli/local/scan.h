// kt_scan -- iterates over the files below some paths in the order of their names; memory for one path and the folders
// above it. Skips hidden files and folders; follows links to files, but not to folders (they may form a cycle). One
// thread.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_scan kt_scan_t;

// paths: n folders or files, absolute. all: includes files that are not media by name (pictures, checksums).
KT_MUST_USE kt_err_t kt_scan_new(kt_scan_t **self_p, char *const *paths, size_t n, bool all);
void                 kt_scan_destroy(kt_scan_t **self_p);
// The next file, valid until the next call; NULL at the end. An unreadable folder is counted and skipped.
const char *kt_scan_next(kt_scan_t *self);
uint64_t    kt_scan_skipped(const kt_scan_t *self);     // skipped because of their names
uint64_t    kt_scan_unreadable(const kt_scan_t *self);  // folders
