// kt_cuda_cqt -- chroma of the constant-Q transform (kernels/audio/cqt.h) of many parts of streams at once. As all
// launchers (kt_cuda.h): neither allocates nor synchronises.
#pragma once

#include "kernels/gpu/cqt.h"

#include <cuda_runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

// A part as kernels/gpu/cqt.h describes it: byte offset of its input, offset in floats of its octaves below the first
// in `octaves`, first of its rows.
typedef struct kt_cuda_cqt_part {
    uint64_t in, octaves, row;
    uint32_t first, frames, samples, reserved;
} kt_cuda_cqt_part_t;

typedef struct kt_cuda_cqt {
    uint32_t                  n_fft, hop;
    const kt_cuda_cqt_part_t *parts;
    uint32_t                  n;        // parts, at most 65,535
    uint32_t                  longest;  // frames
    uint32_t                  rows;     // of all parts
    const void               *in;
    float                    *octaves;  // kt_cuda_cqt_octaves of each part
    float                    *sums;     // [7][rows][12]
    float                    *out;      // [rows][12]
} kt_cuda_cqt_t;

// Floats that a part takes in `octaves`.
uint64_t kt_cuda_cqt_octaves(uint32_t n_fft, uint32_t hop, uint32_t frames);
// KT_EINVAL: a transform of another size than 512
// to 4096; KT_EIO.
KT_MUST_USE kt_err_t kt_cuda_cqt(const kt_cuda_cqt_t *self, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
