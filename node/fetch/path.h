// kt_fetch -- from a path to an open descriptor of a regular file, beneath the media roots. A link or ".."
// that leads out of a root is refused by the kernel (openat2), not by a check of the text; of a link to an absolute
// path, which the kernel refuses too, the place of what was found is checked. Constant after new: any thread.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_fetch kt_fetch_t;

enum { KT_FETCH_WHY = 256, KT_FETCH_ROOTS = 64 };

// roots: as of kt_paths; of one that cannot be opened there is a warning: it may come later. NULL or "" with any_path:
// every path may be opened; without it: none. With any_path a relative path counts from the current folder. KT_EINVAL
// (more than KT_FETCH_ROOTS), KT_ENOMEM.
KT_MUST_USE kt_err_t kt_fetch_new(kt_fetch_t **self_p, const char *roots, bool any_path);
void                 kt_fetch_destroy(kt_fetch_t **self_p);

// path: a text as of kt_paths. A regular, non-empty file, opened for reading: the descriptor (the caller's) and its
// size. Does not wait on pipes or devices. KT_EROOT, KT_ENOFILE, KT_ENAME, KT_EACCESS, KT_EDIRECTORY, KT_ENOTREGULAR,
// KT_EEMPTY, KT_EIO, KT_ENOMEM, KT_ESYSTEM, with a sentence part in why.
KT_MUST_USE kt_err_t kt_fetch_open(const kt_fetch_t *self, const char *path, int *fd, uint64_t *size_bytes,
                                   char why[KT_FETCH_WHY]);

// What an errno of open or openat2 means for this path.
kt_err_t kt_fetch_error(int error, const char *path);
