// kt_cuda_rises -- rises of mel rows (kernels/audio/rises.h). As all launchers (kt_cuda.h): neither allocates nor
// synchronises.
#pragma once

#include "kernels/audio/rises.h"

#include <cuda_runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kt_cuda_rises {
    const float *mel;  // [KT_RISE_LAG + frames][bands]
    uint16_t    *out;  // [frames][KT_RISE_WIDTH]
    uint32_t     frames, bands;
    float        floor, unit;
    uint32_t     begins;  // the rows before the first frame's are not read: they are those of silence
} kt_cuda_rises_t;

// KT_EINVAL: no bands, or more frames than a grid has; KT_EIO.
KT_MUST_USE kt_err_t kt_cuda_rises(const kt_cuda_rises_t *self, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
