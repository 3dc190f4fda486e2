#include "kernels/audio/columns.h"
#include "kernels/audio/sort.h"

#include <stdbool.h>
#include <stdlib.h>

// Columns are gathered a cache line of floats at a time.
enum { COLUMNS = 16 };

size_t
kt_column_set_width(const kt_column_set_t *self)
{
    size_t width = 0;
    for (size_t i = 0; i < self->n; i++)
        width += self->matrices[i].width;
    return width;
}

// Four partial sums, so that an addition need not wait for the one before.
static double
sum_about(const float *x, size_t n, double centre, bool squared)
{
    double sum[4] = {0};
    size_t i      = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t lane = 0; lane < 4; lane++)
            sum[lane] += squared ? (x[i + lane] - centre) * (x[i + lane] - centre) : x[i + lane] - centre;
    for (; i < n; i++)
        sum[i & 3] += squared ? (x[i] - centre) * (x[i] - centre) : x[i] - centre;
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

// The value at a rank between two sorted values is linear between them.
static double
value_at_rank(const float *sorted, size_t n, double rank)
{
    size_t below = (size_t)rank;
    double part  = rank - (double)below;
    return below + 1 < n && part > 0 ? sorted[below] + part * ((double)sorted[below + 1] - sorted[below])
                                     : sorted[below];
}

static void
describe_column(const kt_column_set_t *self, const float *sorted, kt_column_moments_t *moments, float *quantile)
{
    const size_t n   = self->frames;
    *moments         = (kt_column_moments_t){.min = sorted[0], .max = sorted[n - 1]};
    moments->mean    = sum_about(sorted, n, 0, false) / (double)n;
    moments->m2      = sum_about(sorted, n, moments->mean, true);
    moments->median  = value_at_rank(sorted, n, 0.5 * (double)(n - 1));
    const size_t end = self->quantiles - 1;
    for (size_t q = 0; q <= end; q++)
        quantile[q] = (float)value_at_rank(sorted, n, (double)q / (double)end * (double)(n - 1));
}

kt_err_t
kt_column_set_ref(const kt_column_set_t *self, kt_column_moments_t *moments, float *quantile)
{
    const size_t frames  = self->frames;
    float       *columns = malloc(COLUMNS * frames * sizeof *columns);
    float       *scratch = malloc(frames * sizeof *scratch);
    kt_err_t     err     = columns && scratch ? KT_OK : KT_ENOMEM;
    for (size_t m = 0; m < self->n && !err; m++) {
        const kt_columns_matrix_t *matrix = &self->matrices[m];
        for (size_t first = 0; first < matrix->width; first += COLUMNS) {
            const size_t count = matrix->width - first < COLUMNS ? matrix->width - first : COLUMNS;
            for (size_t i = 0; i < frames; i++)
                for (size_t c = 0; c < count; c++)
                    columns[c * frames + i] = matrix->rows[i * matrix->width + first + c];
            for (size_t c = 0; c < count; c++, quantile += self->quantiles) {
                kt_sort_floats(columns + c * frames, scratch, frames);
                describe_column(self, columns + c * frames, moments++, quantile);
            }
        }
    }
    free(columns);
    free(scratch);
    return err;
}
