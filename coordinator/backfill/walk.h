// kt_walk -- the files below a folder in a fixed order, going on after any of them: folders are read in the order of
// their names' bytes, files and folders mixed. Of a folder with very many names a part is kept in memory and the folder
// read again for the next, so that memory is bounded whatever the folder holds. Hidden names are left out; links to
// folders are not followed, links to files are. One thread; blocks as long as the file system does.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_WALK_NAMES = 131072, KT_WALK_DEPTH = 256, KT_WALK_CURSOR = 3 * 4096 };

typedef struct kt_walk kt_walk_t;
typedef struct kt_walk_file {
    const char *path;             // below the folder, raw bytes; valid until the next call
    int64_t     bytes, mtime_ns;  // 0 when the file is not there (a link that leads nowhere)
} kt_walk_file_t;

// folder: absolute. cursor: "" for the beginning, or the result of kt_walk_cursor after a file. all: also what is no
// media by its name. names: the most that are held (KT_WALK_NAMES; tests take few). KT_ENOFILE, KT_EACCESS, KT_EIO (the
// folder itself), KT_EINVAL (the cursor), KT_ENOMEM.
KT_MUST_USE kt_err_t kt_walk_new(kt_walk_t **self_p, const char *folder, const char *cursor, bool all, size_t names);
void                 kt_walk_destroy(kt_walk_t **self_p);
// The next file; false at the end. A folder below that cannot be read, or is too deep, is counted and left out.
// KT_ENOMEM, KT_EIO: the end is not reached.
KT_MUST_USE kt_err_t kt_walk_next(kt_walk_t *self, kt_walk_file_t *out, bool *more);
void     kt_walk_cursor(const kt_walk_t *self, char out[KT_WALK_CURSOR]);  // of the last file, printable ASCII
uint64_t kt_walk_left_out(const kt_walk_t *self);                          // by their names; since new
uint64_t kt_walk_unreadable(const kt_walk_t *self);
