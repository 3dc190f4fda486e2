// Rises of mel bands: what the kind rises shares with the backend, and what a request of it holds.
//
// Config: kt_frontend_opts_t. An item is a frame; input of a part: the samples of its frames and of the KT_RISE_LAG
// frames before. One section: uint16_t [items][KT_RISE_WIDTH].
#pragma once

#include "kernels/audio/rises.h"
#include "kernels/gpu/samples.h"

// Of a part. begins: of its first item, as in kt_rise_opts_t.
typedef struct kt_gpu_rises_args {
    float    floor, unit;
    uint32_t begins, reserved;
} kt_gpu_rises_args_t;

typedef struct kt_gpu_rises {
    const kt_plan_t      *plan;
    const kt_rise_span_t *span;
    uint16_t             *out;      // [frames][KT_RISE_WIDTH]
    kt_gpu_samples_t      samples;  // first: of the span's first frame
} kt_gpu_rises_t;
