// kt_tensor -- values with dimensions, and their NumPy files (.npy, version 1, little-endian, row-major). One thread.
#pragma once

#include "models/format/ktm.h"

enum { KT_TENSOR_WHY = KT_KTM_WHY };

typedef struct kt_tensor {
    int     rank;
    int64_t dims[KT_KTM_RANK];
    size_t  count;
    float  *values;  // 64-byte aligned
} kt_tensor_t;

// Zeros. KT_EINVAL: rank, a dimension or the number of elements (2^31 - 1) is out of range. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_tensor_new(kt_tensor_t *out, int rank, const int64_t *dims);
void                 kt_tensor_fini(kt_tensor_t *self);  // idempotent
// Appends `rows` times the rest of the dimensions along the first one; an empty tensor (rank 0) takes over `dims`.
// KT_EINVAL: too many; KT_ENOMEM.
KT_MUST_USE kt_err_t kt_tensor_append(kt_tensor_t *self, int rank, const int64_t *dims, const float *values);
// "[12, 50]" into out; returns out.
const char *kt_tensor_shape(const kt_tensor_t *self, char out[128]);

// 8-bit or float32 elements of a file, the former as whole numbers. bytes: KT_EFORMAT for other elements. KT_ENOFILE,
// KT_EACCESS, KT_EIO, KT_EFORMAT, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_tensor_read(kt_tensor_t *out, const char *path, bool bytes, char why[KT_TENSOR_WHY]);
KT_MUST_USE kt_err_t kt_tensor_write(const kt_tensor_t *self, const char *path);  // KT_EIO, KT_EWRITE, KT_EDISK
