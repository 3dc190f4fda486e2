// Matrices of noise whose columns' statistics a device computes.
#pragma once

#include "kernels/gpu/gpus.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Statistics of three matrices of noise, 8 + 3 + 14 columns; gpus NULL: the processor's.
enum { TABLE_COLUMNS = 25, TABLE_QUANTILES = 33 };
typedef struct table {
    kt_column_moments_t moments[TABLE_COLUMNS];
    float               quantile[TABLE_COLUMNS * TABLE_QUANTILES];
    kt_device_info_t    info;
} table_t;

static inline void
table_run(table_t *self, size_t frames, kt_gpus_t *gpus)
{
    static const size_t WIDTHS[] = {8, 3, 14};
    kt_columns_matrix_t matrices[3];
    kt_device_t        *device = NULL;
    uint32_t            state  = 7;
    float              *values = calloc(frames * TABLE_COLUMNS, sizeof *values), *at = values;
    cr_assert(values);
    // Every third value is one of a few.
    for (size_t i = 0; i < frames * TABLE_COLUMNS; i++) {
        state     = state * 1664525u + 1013904223u;
        values[i] = state % 3 ? (float)(int32_t)state * 1e-6f : (float)(state >> 30) - 1;
    }
    for (size_t m = 0; m < 3; at += frames * WIDTHS[m++])
        matrices[m] = (kt_columns_matrix_t){at, WIDTHS[m]};
    const kt_column_set_t columns = {matrices, 3, frames, TABLE_QUANTILES};
    cr_assert_eq(gpus ? kt_device_gpu(&device, gpus, NULL) : kt_device_cpu(&device, NULL), KT_OK);
    cr_assert_eq(kt_device_columns(device, &columns, self->moments, self->quantile), KT_OK);
    kt_device_info(device, &self->info);
    kt_device_destroy(&device);
    free(values);
}

// Ranks to the last bit; sums within `limit` of the largest value, of its square times the frames.
static inline void
table_same(const table_t *a, const table_t *b, size_t frames, double limit)
{
    for (size_t c = 0; c < TABLE_COLUMNS; c++) {
        const kt_column_moments_t *x = &a->moments[c], *y = &b->moments[c];
        const double               most = fmax(fabs(x->min), fabs(x->max));
        cr_assert(x->min == y->min && x->max == y->max && x->median == y->median, "column %zu", c);
        cr_assert(fabs(x->mean - y->mean) <= limit * most, "column %zu: %.17g and %.17g", c, x->mean, y->mean);
        cr_assert(fabs(x->m2 - y->m2) <= limit * most * most * (double)frames, "column %zu: %.17g and %.17g", c, x->m2,
                  y->m2);
    }
    cr_assert_eq(memcmp(a->quantile, b->quantile, sizeof a->quantile), 0);
}
