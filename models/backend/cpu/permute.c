// Copies with another order of dimensions.
#include "models/backend/cpu/build.h"

#include <stdlib.h>
#include <string.h>

enum { TILE = 16 };

// y [rows][columns] from x with these strides, in square tiles, so that both sides use whole cache lines.
static void
plane(float *y, const float *x, int64_t rows, int64_t columns, int64_t row, int64_t column)
{
    if (column == 1) {
        for (int64_t r = 0; r < rows; r++)
            memcpy(y + r * columns, x + r * row, (size_t)columns * sizeof *y);
        return;
    }
    for (int64_t r_0 = 0; r_0 < rows; r_0 += TILE)
        for (int64_t c_0 = 0; c_0 < columns; c_0 += TILE)
            for (int64_t r = r_0; r < rows && r < r_0 + TILE; r++)
                for (int64_t c = c_0; c < columns && c < c_0 + TILE; c++)
                    y[r * columns + c] = x[r * row + c * column];
}

void
kt_permute(const kt_permute_t *p, float *y, const float *x)
{
    const int     outer = p->rank - 2;
    const int64_t rows = p->dims[outer], columns = p->dims[outer + 1];
    int64_t       at[KT_GRAPH_RANK] = {0};
    for (;;) {
        const float *from = x;
        for (int i = 0; i < outer; i++)
            from += at[i] * p->strides[i];
        plane(y, from, rows, columns, p->strides[outer], p->strides[outer + 1]);
        y += rows * columns;
        int i = outer - 1;
        while (i >= 0 && ++at[i] == p->dims[i])
            at[i--] = 0;
        if (i < 0)
            return;
    }
}

static kt_err_t
permute_run(const kt_cpu_step_t *self, const kt_cpu_run_t *run)
{
    kt_permute(self->data, kt_cpu_at(run, self->places[0]), kt_cpu_at(run, self->places[1]));
    return KT_OK;
}

// Without dimensions of 1, with neighbours joined that are neighbours in x, too; rank at least 2.
static kt_permute_t
simplified(const kt_permute_t *p)
{
    kt_permute_t out = {.rank = 0};
    for (int i = 0; i < p->rank; i++) {
        if (p->dims[i] == 1)
            continue;
        const int last = out.rank - 1;
        if (last >= 0 && out.strides[last] == p->dims[i] * p->strides[i]) {
            out.dims[last] *= p->dims[i];
            out.strides[last] = p->strides[i];
            continue;
        }
        out.dims[out.rank]      = p->dims[i];
        out.strides[out.rank++] = p->strides[i];
    }
    while (out.rank < 2) {
        memmove(out.dims + 1, out.dims, (size_t)out.rank * sizeof out.dims[0]);
        memmove(out.strides + 1, out.strides, (size_t)out.rank * sizeof out.strides[0]);
        out.strides[0] = out.rank ? 0 : 1;
        out.dims[0]    = 1;
        out.rank++;
    }
    return out;
}

kt_err_t
kt_step_permute(kt_builder_t *b, const kt_permute_t *permute, kt_place_t out, kt_place_t in)
{
    kt_permute_t *data = malloc(sizeof *data);
    if (!data)
        return KT_ENOMEM;
    *data = simplified(permute);
    return kt_step(
        b, &(kt_cpu_step_t){.name = "permute", .run = permute_run, .data = data, .n_places = 2, .places = {out, in}});
}
