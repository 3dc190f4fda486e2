// Pictures of one size: what the kind image shares with the backend. A request's work is kt_image_span_t and the place
// of its statistics.
//
// Input of a part: room for the picture before its first one (has_before: it is there), then its pictures, packed. One
// section: kt_image_stats_t [items], zeroed before.
#pragma once

#include "kernels/image/stats.h"

typedef struct kt_gpu_image_config {
    uint32_t width, height;
} kt_gpu_image_config_t;

typedef struct kt_gpu_image_args {
    uint32_t has_before;
} kt_gpu_image_args_t;

typedef struct kt_gpu_images {
    const kt_image_span_t *span;
    kt_image_stats_t      *stats;  // [span->n]
} kt_gpu_images_t;
