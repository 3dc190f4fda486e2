// kt_cuda_columns -- statistics of columns (kernels/audio/columns.h). As all launchers (kt_cuda.h): neither allocates
// nor synchronises.
#pragma once

#include "kernels/gpu/columns.h"

#include <cuda_runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kt_cuda_columns {
    uint32_t frames, quantiles, columns;
    // Columns 8 i .. 8 i + 7 of frame t are at rows + i * item_floats + t * frame_floats; aligned to 16 bytes.
    const float         *rows;
    size_t               item_floats, frame_floats;
    uint32_t            *keys, *other;  // [columns / 8, rounded up][frames][8], scratch; other: may be `rows`
    kt_column_moments_t *moments;       // [columns]
    float               *quantile;      // [columns][quantiles]
} kt_cuda_columns_t;

// KT_EINVAL: no frames, fewer than two quantiles, more frames or columns than a grid has; KT_EIO.
KT_MUST_USE kt_err_t kt_cuda_columns(const kt_cuda_columns_t *self, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
