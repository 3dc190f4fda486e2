// Peaks in cents: what the kind cents shares with the backend, and what a request of it holds.
//
// Config: kt_gpu_cents_config_t. An item is a frame; input of a part: the samples of its frames. A batch has one part,
// for the counts are of a batch: sums of whole units, whose order does not matter, so that they do not depend on the
// pieces. Sections: kt_gpu_cents_counts_t, once; uint32_t [items], the peaks of each frame.
#pragma once

#include "kernels/audio/cents.h"
#include "kernels/gpu/samples.h"

typedef struct kt_gpu_cents_config {
    uint32_t rate_hz;  // of kt_cents_shape_t, whose other sizes follow from it
} kt_gpu_cents_config_t;

// Of kt_cents_t, in units of 2^-32. A peak counts at most KT_GPU_CENTS_MOST, which needs powers above 1e31.
#define KT_GPU_CENTS_UNIT 0x1p-32
#define KT_GPU_CENTS_MOST 65536.0
typedef struct kt_gpu_cents_counts {
    uint64_t all[KT_CENTS], own[KT_CENTS], deviation[KT_CENTS_SEMITONE];
} kt_gpu_cents_counts_t;

typedef struct kt_gpu_cents {
    kt_cents_counter_t *counter;
    const float        *pcm;  // [n]; outside are zeros
    size_t              n;
    kt_cents_t         *out;  // zeroed before the request; pieces are added
    kt_gpu_samples_t    samples;
} kt_gpu_cents_t;

// Whether the kernels have these sizes; else the processor counts, and nothing is refused.
static inline bool
kt_gpu_cents_has(const kt_cents_shape_t *shape)
{
    return shape->n_fft == 4096 || shape->n_fft == 8192;
}
