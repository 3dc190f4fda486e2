// kt_column_set -- statistics of each column of some matrices, over all their rows: moments, median and quantiles of
// equal ranks. Pure; any thread.
#pragma once

#include "common/err.h"

#include <stddef.h>

typedef struct kt_columns_matrix {
    const float *rows;  // [frames][width]
    size_t       width;
} kt_columns_matrix_t;

// Columns are numbered through all matrices, in their order. No value may be NaN.
typedef struct kt_column_set {
    const kt_columns_matrix_t *matrices;
    size_t                     n, frames, quantiles;  // 1 or more frames, 2 or more quantiles
} kt_column_set_t;

// m2: sum of squared deviations from the mean, of the doubles of the values.
typedef struct kt_column_moments {
    double mean, m2, min, max, median;
} kt_column_moments_t;

size_t kt_column_set_width(const kt_column_set_t *self);  // columns of all matrices
// moments[width], quantile[width][quantiles]: quantile q is at rank q / (quantiles - 1) * (frames - 1), linear between
// two values. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_column_set_ref(const kt_column_set_t *self, kt_column_moments_t *moments, float *quantile);
