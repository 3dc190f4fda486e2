// Statistics of columns: what the kind columns shares with the backend, and what a request of it holds.
//
// Config: kt_gpu_columns_config_t. An item is KT_GPU_ITEM_COLUMNS neighbouring columns; its input is [frames][8] float.
// Rows that are kept on the device are read there: of columns of one matrix, whose number is a multiple of 8.
// Args: kt_gpu_columns_args_t. Sections: kt_column_moments_t [items][8], then float [items][8][quantiles]; both are
// undefined of columns that do not exist.
#pragma once

#include "kernels/audio/columns.h"
#include "kernels/gpu/samples.h"

#include <stdint.h>

enum { KT_GPU_ITEM_COLUMNS = 8 };  // a sector of the device's memory per frame

typedef struct kt_gpu_columns_config {
    uint32_t frames, quantiles;
} kt_gpu_columns_config_t;

// Of a part: how many of its items' columns exist; the others are the last ones.
typedef struct kt_gpu_columns_args {
    uint32_t columns, width;  // width: of the kept rows; 0: the host brings the items
} kt_gpu_columns_args_t;

typedef struct kt_gpu_columns {
    const kt_column_set_t *columns;
    size_t                 width;  // kt_column_set_width
    kt_column_moments_t   *moments;
    float                 *quantile;
    kt_gpu_kept_t         *kept;  // the rows of the only matrix; NULL: the request brings them
} kt_gpu_columns_t;

// Of an item.
static inline size_t
kt_gpu_columns_in_bytes(size_t frames)
{
    return KT_GPU_ITEM_COLUMNS * sizeof(float) * frames;
}
