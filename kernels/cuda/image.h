// kt_cuda_images -- statistics of many pictures of one size (kernels/image/stats.h), one after the other in device
// memory. As all launchers (kt_cuda.h): neither allocates nor synchronises.
#pragma once

#include "common/err.h"
#include "kernels/image/stats.h"

#include <cuda_runtime.h>

#ifdef __cplusplus
extern "C" {
#endif
// rgb: n packed pictures in order of time; before: the picture before the first, or NULL. out[n] must be zero before:
// blocks add to it. KT_EINVAL: sides of 0 or above KT_IMAGE_MOST_SIDE, too many pictures; KT_EIO.
KT_MUST_USE kt_err_t kt_cuda_images(const uint8_t *rgb, const uint8_t *before, size_t n, uint32_t width,
                                    uint32_t height, kt_image_stats_t *out, cudaStream_t stream);
#ifdef __cplusplus
}
#endif
