// Statistics of columns on the device against the plain reference's: ranks to the last bit, sums in another order.
#include "kernels/cuda/columns.h"
#include "tests/kernels/check_cuda.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 11, WIDE = KT_GPU_ITEM_COLUMNS, ROOM = 2 * WIDE, QUANTILES = 257 };

typedef struct table {
    float              *values;  // [frames][WIDTH]
    size_t              frames;
    kt_column_moments_t moments[2][WIDTH];  // the reference's, the device's
    float               quantile[2][WIDTH * QUANTILES];
} table_t;

// Columns of their own kind: noise, one value, few values, both zeros and subnormal numbers, infinities, an offset,
// values in order and in the opposite order, large ones; the others are noise, too.
static float
value(size_t column, size_t i, uint32_t *state)
{
    *state            = *state * 1664525U + 1013904223U;
    const float noise = (float)((double)*state / 2147483648.0 - 1);
    switch (column) {
    case 1: return 3.25F;
    case 2: return (float)(*state >> 30);
    case 3: return *state % 3 == 0 ? 0.0F : *state % 3 == 1 ? -0.0F : noise * 1e-39F;
    case 4: return 1000 + noise;
    case 5: return (float)i;
    case 6: return -(float)i;
    case 7: return noise * 1e30F;
    default: return noise;
    }
}

// in_place: of a matrix of ROOM columns, as rows that are kept.
static void
table_launch(table_t *self, bool in_place)
{
    const size_t n  = self->frames;
    float       *in = calloc(ROOM * n, sizeof *in);
    if (!check(in != NULL, "memory"))
        exit(1);
    for (size_t c = 0; c < WIDTH; c++)
        for (size_t f = 0; f < n; f++)
            in[in_place ? f * ROOM + c : (c / WIDE * n + f) * WIDE + c % WIDE] = self->values[f * WIDTH + c];
    float                  *rows    = device_copy(in, ROOM * n * sizeof *in);
    uint32_t               *other   = in_place ? device_new(ROOM * n * sizeof *other) : (uint32_t *)(void *)rows;
    const kt_cuda_columns_t columns = {.frames       = (uint32_t)n,
                                       .quantiles    = QUANTILES,
                                       .columns      = WIDTH,
                                       .rows         = rows,
                                       .item_floats  = in_place ? WIDE : WIDE * n,
                                       .frame_floats = in_place ? ROOM : WIDE,
                                       .keys         = device_new(ROOM * n * sizeof(uint32_t)),
                                       .other        = other,
                                       .moments      = device_new(sizeof self->moments[1]),
                                       .quantile     = device_new(sizeof self->quantile[1])};
    check(kt_cuda_columns(&columns, NULL) == KT_OK, "columns: launch");
    device_read(self->moments[1], columns.moments, sizeof self->moments[1]);
    device_read(self->quantile[1], columns.quantile, sizeof self->quantile[1]);
    void *const all[] = {rows, columns.keys, columns.moments, columns.quantile, in_place ? other : NULL};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        device_free(all[i]);
    free(in);
}

static void
columns_are_right(size_t frames, bool in_place)
{
    table_t *self  = calloc(1, sizeof *self);
    uint32_t state = (uint32_t)frames;
    if (!check(self && (self->values = calloc(frames * WIDTH, sizeof *self->values)), "memory"))
        exit(1);
    self->frames = frames;
    for (size_t i = 0; i < frames * WIDTH; i++)
        self->values[i] = value(i % WIDTH, i / WIDTH, &state);
    const kt_columns_matrix_t matrix  = {self->values, WIDTH};
    const kt_column_set_t     columns = {&matrix, 1, frames, QUANTILES};
    check(kt_column_set_ref(&columns, self->moments[0], self->quantile[0]) == KT_OK, "columns: reference");
    table_launch(self, in_place);
    for (size_t c = 0; c < WIDTH; c++) {
        const kt_column_moments_t *ref = &self->moments[0][c], *got = &self->moments[1][c];
        const double               most = fmax(fabs(ref->min), fabs(ref->max)), limit = tolerance_of(TOLERANCE_MOMENTS);
        check(ref->min == got->min && ref->max == got->max && ref->median == got->median,
              "columns: %zu frames, ranks of column %zu", frames, c);
        check(fabs(ref->mean - got->mean) <= limit * most, "columns: %zu frames, mean of column %zu: %.17g, not %.17g",
              frames, c, got->mean, ref->mean);
        check(fabs(ref->m2 - got->m2) <= limit * most * most * (double)frames,
              "columns: %zu frames, m2 of column %zu: %.17g, not %.17g", frames, c, got->m2, ref->m2);
    }
    check(memcmp(self->quantile[0], self->quantile[1], sizeof self->quantile[0]) == 0, "columns: %zu frames, quantiles",
          frames);
    free(self->values);
    free(self);
}

static void
infinities_have_ranks(void)
{
    const float         values[WIDE] = {INFINITY, 0, -INFINITY};
    kt_cuda_columns_t   columns      = {.frames       = 1,
                                        .quantiles    = 2,
                                        .columns      = 3,
                                        .rows         = device_copy(values, sizeof values),
                                        .frame_floats = WIDE,
                                        .keys         = device_new(sizeof values),
                                        .other        = device_new(sizeof values),
                                        .moments      = device_new(3 * sizeof *columns.moments),
                                        .quantile     = device_new(3 * 2 * sizeof(float))};
    kt_column_moments_t moments[3];
    check(kt_cuda_columns(&columns, NULL) == KT_OK, "columns: launch");
    device_read(moments, columns.moments, sizeof moments);
    check(moments[0].median == INFINITY && moments[1].max == 0 && moments[2].min == -INFINITY, "columns: infinities");
    void *const all[] = {(void *)(uintptr_t)columns.rows, columns.keys, columns.other, columns.moments,
                         columns.quantile};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        device_free(all[i]);
}

void
check_cuda_columns(bool all)
{
    static const size_t few[] = {1, 31, 300}, many[] = {2, 32, 33, 255, 256, 257, 5000};
    for (size_t i = 0; i < sizeof few / sizeof *few; i++)
        columns_are_right(few[i], i % 2);
    infinities_have_ranks();
    if (!all)
        return;
    for (size_t i = 0; i < sizeof many / sizeof *many; i++)
        columns_are_right(many[i], i % 2);
    check(kt_cuda_columns(&(kt_cuda_columns_t){.frames = 0, .quantiles = 2}, NULL) == KT_EINVAL, "columns: no frame");
    check(kt_cuda_columns(&(kt_cuda_columns_t){.frames = 1, .quantiles = 1}, NULL) == KT_EINVAL, "columns: a quantile");
    check(kt_cuda_columns(&(kt_cuda_columns_t){.frames = UINT32_MAX, .quantiles = 2}, NULL) == KT_EINVAL,
          "columns: more frames than there are");
    check(kt_cuda_columns(&(kt_cuda_columns_t){.frames = 1, .quantiles = 2}, NULL) == KT_OK, "columns: none");
}
