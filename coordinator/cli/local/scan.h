// kt_scan -- the files below some paths, one at a time, in the order of their names, with memory for one path and the
// folders above it. Hidden files and folders are left out; links to folders are not followed (they may lead in a
// circle), links to files are. One thread.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_scan kt_scan_t;

// paths: n folders or files, absolute. all: also what is no media by its name (pictures, checksums).
KT_MUST_USE kt_err_t kt_scan_new(kt_scan_t **self_p, char *const *paths, size_t n, bool all);
void                 kt_scan_destroy(kt_scan_t **self_p);
// The next file, valid until the next call; NULL at the end. A folder that cannot be read is counted and passed over.
const char *kt_scan_next(kt_scan_t *self);
uint64_t    kt_scan_skipped(const kt_scan_t *self);     // left out by their names
uint64_t    kt_scan_unreadable(const kt_scan_t *self);  // folders
