// kt_out_names -- where `analyze` writes the files that it makes of a media file: DIR/NAME, and DIR/FOLDER/NAME where
// the media lie in several folders, from the folder that they have in common on. A name so long that no suffix fits
// behind it is cut, with a digest of the whole one. Constant after new: any thread.
#pragma once

#include "common/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum { KT_OUT_SUFFIX = 48 };  // bytes behind the name

typedef struct kt_out_names {
    char base[PATH_MAX];  // of the folders that are mirrored, without links; "": none are
} kt_out_names_t;

// Of the paths of a command line. mirror: also where they name one folder (which is walked).
void kt_out_names_init(kt_out_names_t *self, char *const *paths, size_t n, bool mirror);
// DIR/[FOLDER/]NAME for a media file. KT_EINVAL: it does not fit.
KT_MUST_USE kt_err_t kt_out_names_stem(const kt_out_names_t *self, const char *dir, const char *path,
                                       char out[PATH_MAX]);
// The missing folders above a stem. As kt_file_make_folders, but for everyone whom the umask leaves.
KT_MUST_USE kt_err_t kt_out_names_make_folders(const char *stem);
