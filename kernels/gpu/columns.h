// Statistics of columns: what the kind columns shares with the backend, and what a request of it holds.
//
// Config: kt_gpu_columns_config_t. An item is KT_GPU_ITEM_COLUMNS neighbouring columns; its input is [frames][8] float.
// Rows that are kept on the device are read there: of one matrix, of whose rows each takes a multiple of 8 floats.
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
    uint32_t columns, floats;  // floats: from one kept row to the next; 0: the host brings the items
} kt_gpu_columns_args_t;

typedef struct kt_gpu_columns {
    const kt_column_set_t *columns;
    size_t                 width;  // kt_column_set_width
    kt_column_moments_t   *moments;
    float                 *quantile;
    const size_t          *place;       // of each matrix: the first of its columns among these results
    kt_gpu_kept_t         *kept;        // has the rows of the only matrix; NULL: the request brings them
    size_t                 at, floats;  // byte of `kept` at which they begin; from one of them to the next
} kt_gpu_columns_t;

// Rows that a GPU keeps; `rows` is where the caller has them, or would.
typedef struct kt_gpu_kept_rows {
    const float   *rows;
    kt_gpu_kept_t *kept;
    size_t         at, floats;
} kt_gpu_kept_rows_t;
enum { KT_GPU_KEPT_ROWS = 3 };

typedef struct kt_gpu kt_gpu_t;
// columns.c: posts requests of all columns and waits. n: at most KT_GPU_KEPT_ROWS. KT_ENOMEM, and as kt_gpu_run.
KT_MUST_USE kt_err_t kt_gpu_columns_run(kt_gpu_t *gpu, const kt_column_set_t *columns, const kt_gpu_kept_rows_t *there,
                                        size_t n, kt_column_moments_t *moments, float *quantile);

// Of an item.
static inline size_t
kt_gpu_columns_in_bytes(size_t frames)
{
    return KT_GPU_ITEM_COLUMNS * sizeof(float) * frames;
}
