// kt_backfill_source -- the paths of a backfill, one page at a time, from its cursor on: of a folder by a
// walk, of a list by reading its spooled chunks. One thread; blocks as long as the file system does.
#pragma once

#include "common/err.h"
#include "coordinator/ledger/backfill.h"

#include <stdbool.h>

typedef struct kt_backfill_source kt_backfill_source_t;

enum { KT_SOURCE_WHY = 512 };

// A chunk of a list, malloc'ed for the caller. KT_ENOTFOUND past the last one.
typedef kt_err_t kt_chunk_fn(void *context, uint64_t chunk, char **bytes, size_t *length);

// roots: ANALYZER_MEDIA_ROOTS. A folder must be beneath them; of files beneath them size and time are read. why:
// a sentence when the folder cannot be listed (KT_EROOT, KT_ENOFILE, KT_EINVAL, KT_EACCESS, KT_EIO). KT_ENOMEM.
KT_MUST_USE kt_err_t kt_backfill_source_new(kt_backfill_source_t **self_p, const kt_backfill_t *b, const char *roots,
                                            kt_chunk_fn *chunk, void *context, char why[KT_SOURCE_WHY]);
void                 kt_backfill_source_destroy(kt_backfill_source_t **self_p);
// The next page: at most KT_BACKFILL_PAGE paths, fewer when a second has passed. Everything in it is the source's and
// valid until the next call. KT_ENOMEM, KT_EIO, or the chunk's error.
KT_MUST_USE kt_err_t kt_backfill_source_page(kt_backfill_source_t *self, kt_backfill_page_t *out,
                                             kt_backfill_path_t **paths);
// SHA-256 of a path's content, if it is beneath the roots and can be read; else it stays zero.
void kt_backfill_source_digest(const kt_backfill_source_t *self, kt_backfill_path_t *path);

// Where a folder really is; KT_EROOT if that is not beneath the roots, KT_ENOFILE, KT_EINVAL (no folder),
// KT_EACCESS, with a sentence. Any thread.
KT_MUST_USE kt_err_t kt_backfill_beneath(const char *roots, const char *folder, char out[KT_JOB_PATH],
                                         char why[KT_SOURCE_WHY]);
