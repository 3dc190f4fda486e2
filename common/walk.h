// kt_walk -- the media files below a folder in a fixed order, going on after any of them: folders are read in the order
// of their names' bytes, files and folders mixed. What is media, and what is left out and counted, is the table
// media_names.def; of a name that says nothing the first bytes decide. Of a folder with very many names a part is kept
// in memory and the folder read again for the next, so that memory is bounded whatever the folder holds. One thread;
// blocks as long as the file system does.
//
// A link to a folder is followed once per real folder, by device and inode. One that leads to a place below the walked
// folder, or above it, is not followed: its files come without it, or there would be a loop. A walk that goes on from a
// cursor first walks to it again, through folders alone, to learn what links led to before.
#pragma once

#include "common/err.h"
#include "common/folder_set.h"
#include "common/media_names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// LINKED: folders behind links that are remembered; past that number links are counted as unreadable.
// SHARED: folders in a set of several walks; past that number a folder may come again.
enum { KT_WALK_NAMES = 131072, KT_WALK_DEPTH = 256, KT_WALK_CURSOR = 3 * 4096, KT_WALK_LINKED = 65536 };
enum { KT_WALK_SHARED = 1 << 20 };

typedef struct kt_walk kt_walk_t;
typedef struct kt_walk_file {
    const char *path;             // below the folder, raw bytes; valid until the next call
    const char *real;             // behind a link to a folder: where the file really is, absolute; else NULL
    int64_t     bytes, mtime_ns;  // 0 when the file is not there (a link that leads nowhere)
} kt_walk_file_t;

typedef struct kt_walk_opts {
    const char *cursor;  // NULL or "" for the beginning, or the result of kt_walk_cursor after a file
    bool        all;     // also what is no media by its name or content; not hidden files and system folders
    size_t      names;   // the most that are held; 0: KT_WALK_NAMES (tests take few)
    // Whether a link to this folder (absolute, without links) may be followed; NULL: every one.
    bool (*may_follow)(void *context, const char *real);
    // A folder below that cannot be read, or is too deep (KT_EACCESS, KT_EIO, KT_EINVAL). NULL: it is only counted.
    void (*unreadable)(void *context, const char *path, kt_err_t err);
    void *context;
    // All folders that several walks enter: each one once, whichever walk comes first. The caller's, longer than the
    // walks; NULL: this walk is alone, and remembers only what links lead to.
    kt_folder_set_t *shared;
} kt_walk_opts_t;

// folder: absolute, or relative to the working directory. KT_ENOFILE, KT_EACCESS, KT_EIO (the folder itself), KT_EINVAL
// (the cursor), KT_ENOMEM.
KT_MUST_USE kt_err_t kt_walk_new(kt_walk_t **self_p, const char *folder, const kt_walk_opts_t *opts);
void                 kt_walk_destroy(kt_walk_t **self_p);
// The next file; false at the end, or at once where the folder is in the shared set. A folder below that cannot be
// read, or is too deep, is counted and left out. KT_ENOMEM, KT_EIO: the end is not reached.
KT_MUST_USE kt_err_t kt_walk_next(kt_walk_t *self, kt_walk_file_t *out, bool *more);
void kt_walk_cursor(const kt_walk_t *self, char out[KT_WALK_CURSOR]);  // of the last file, printable ASCII
const kt_left_out_t *kt_walk_left_out(const kt_walk_t *self);          // since new
