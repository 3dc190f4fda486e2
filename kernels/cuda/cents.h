// kt_cuda_cents -- spectral peaks in cents (kernels/audio/cents.h) of frames of one stretch of samples. As all
// launchers (kt_cuda.h): neither allocates nor synchronises.
#pragma once

#include "kernels/gpu/cents.h"

#include <cuda_runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kt_cuda_cents {
    const float           *pcm;     // [(frames - 1) * hop + n_fft]
    kt_gpu_cents_counts_t *counts;  // what the frames have is added
    uint32_t              *peaks;   // [frames]
    kt_cents_shape_t       shape;
    uint32_t               frames;
} kt_cuda_cents_t;

// KT_EINVAL: a transform of another size than kt_gpu_cents_has, or more frames than a grid has; KT_EIO.
KT_MUST_USE kt_err_t kt_cuda_cents(const kt_cuda_cents_t *self, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
