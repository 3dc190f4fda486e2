// Rows of the bass: what the kind bass shares with the backend, and what a request of it holds.
//
// Config: kt_gpu_bass_config_t. An item is a row; input of a part: the samples of its rows' windows. One section:
// uint16_t [items][KT_BASS_WIDTH].
#pragma once

#include "kernels/audio/bass.h"
#include "kernels/gpu/samples.h"

typedef struct kt_gpu_bass_config {
    uint32_t rate_hz, row;  // as in kt_bass_shape_t, whose other sizes follow from them
} kt_gpu_bass_config_t;

typedef struct kt_gpu_bass {
    kt_bass_t       *bass;
    kt_bass_span_t   span;
    uint16_t        *out;      // [rows][KT_BASS_WIDTH]
    kt_gpu_samples_t samples;  // first: of the span's first sample
} kt_gpu_bass_t;

// Samples of a window.
static inline size_t
kt_gpu_bass_window(const kt_bass_shape_t *shape)
{
    return (size_t)(shape->points + KT_BASS_STEPS - 1) * shape->step;
}

// What a block of the kernels has room for.
enum { KT_GPU_BASS_STEP_MOST = 64, KT_GPU_BASS_BINS_MOST = 192 };

// Whether the kernels have these sizes; else the processor computes the rows, and nothing is refused.
static inline bool
kt_gpu_bass_has(const kt_bass_shape_t *shape)
{
    return shape->is_whole && shape->step % 4 == 0 && shape->step <= KT_GPU_BASS_STEP_MOST &&
           shape->past <= KT_GPU_BASS_BINS_MOST && shape->points >= 512 && shape->points <= 4096;
}
