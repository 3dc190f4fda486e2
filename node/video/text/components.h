// kt_components -- connected parts (8 neighbours) of the points of a map above a level, after dilation by a block of
// 2 x 2, as runs of points in rows. Pure; any thread.
#pragma once

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

// Points from .. to of a row.
typedef struct kt_run {
    int32_t  y, from, to;
    uint32_t component;
} kt_run_t;

typedef struct kt_components {
    kt_run_t *runs;   // by component, then in the order of rows; free with kt_components_fini
    size_t   *first;  // [n + 1]: index of each component's first run
    size_t    n;
} kt_components_t;

// KT_ENOMEM.
KT_MUST_USE kt_err_t kt_components_find(kt_components_t *out, const float *map, size_t rows, size_t cols, float level);
void                 kt_components_fini(kt_components_t *self);
