// kt_verified -- which files of a folder have which SHA-256, so that loading models does not read them whole: a record
// (models.verified, JSON) of path, device, inode, size and time of modification. Whoever changes a file changes its
// time; write access to the record is write access to the models. One thread; processes may share a folder (the last
// write wins, and a lost entry costs one more reading).
#pragma once

#include "common/digest.h"
#include "common/err.h"

#include <stdbool.h>

typedef struct kt_verified kt_verified_t;

enum { KT_VERIFIED_FILES = 4096, KT_VERIFIED_PATH = 256 };

// A missing or damaged record is an empty one. Borrows folder. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_verified_open(kt_verified_t **self_p, const char *folder);
// Writes the record if it has changed; a folder that cannot be written is left as it is.
void kt_verified_close(kt_verified_t **self_p);
// SHA-256 of a file below the folder: from the record, or by reading the file. KT_ENOFILE, KT_EACCESS, KT_EIO,
// KT_ENOTREGULAR, KT_EINVAL (path), KT_ENOMEM.
KT_MUST_USE kt_err_t kt_verified_digest(kt_verified_t *self, const char *path, kt_digest_t *out);
