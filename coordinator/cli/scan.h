// kt_scan -- the files of a command line: each file that is named, and the media below each folder, as of kt_walk
// (common/walk.h). A folder that is given twice, or below another one, is taken once, and so is a file that is named
// and lies in one of the folders. Memory is bounded whatever the folders hold. One thread.
#pragma once

#include "common/err.h"
#include "common/media_names.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct kt_scan kt_scan_t;

typedef struct kt_scan_opts {
    char *const *paths;  // n folders or files; borrowed
    size_t       n;
    bool         all;                                     // also what is no media by its name or content
    bool (*may_follow)(void *context, const char *real);  // as of kt_walk_opts_t
    void *context;
} kt_scan_opts_t;

KT_MUST_USE kt_err_t kt_scan_new(kt_scan_t **self_p, const kt_scan_opts_t *opts);
void                 kt_scan_destroy(kt_scan_t **self_p);
// The next file, valid until the next call; NULL at the end. Behind a link to a folder it is the real path. A folder
// that cannot be read is reported on standard error, counted, and left out. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_scan_next(kt_scan_t *self, const char **path);
const kt_left_out_t *kt_scan_left_out(kt_scan_t *self);  // so far
// The count line, on standard error: "left out: 3 playlists, 1 hidden", or nothing; as JSON one object in any case.
void kt_scan_report(kt_scan_t *self, bool json);
