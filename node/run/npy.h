// kt_npy -- one float32 matrix as a NumPy .npy file (format 1.0). Any thread.
#pragma once

#include "common/err.h"

#include <stddef.h>

// rows: row-major [frames][width]. The file's shape is (width, frames), as librosa's matrices: the same bytes in
// Fortran order, so nothing is turned over. KT_ENOFILE (no such folder), KT_EWRITE, KT_EDISK, KT_EIO (why in errno),
// KT_EINVAL.
KT_MUST_USE kt_err_t kt_npy_write(const char *path, const float *rows, size_t frames, size_t width);
