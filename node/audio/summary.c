#include "node/audio/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct kt_summary {
    size_t               width, quantiles;
    uint64_t             frames;
    kt_column_moments_t *moments;   // [segment][width]
    float               *quantile;  // [segment][width][quantiles]
    uint64_t            *weight;    // [segment] frames
    size_t               segments, room;
};

kt_err_t
kt_summary_new(kt_summary_t **self_p, size_t width, size_t quantiles)
{
    kt_summary_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->width     = width;
    self->quantiles = quantiles;
    *self_p         = self;
    return KT_OK;
}

void
kt_summary_destroy(kt_summary_t **self_p)
{
    kt_summary_t *self = *self_p;
    if (!self)
        return;
    free(self->moments);
    free(self->quantile);
    free(self->weight);
    free(self);
    *self_p = NULL;
}

static kt_err_t
grow_segments(kt_summary_t *self, size_t segments)
{
    size_t room = 2 * self->room > segments ? 2 * self->room : segments;
    if (segments <= self->room)
        return KT_OK;
    float *table = realloc(self->quantile, room * self->width * self->quantiles * sizeof *table);
    if (!table)
        return KT_ENOMEM;
    self->quantile               = table;
    kt_column_moments_t *moments = realloc(self->moments, room * self->width * sizeof *moments);
    if (!moments)
        return KT_ENOMEM;
    self->moments    = moments;
    uint64_t *weight = realloc(self->weight, room * sizeof *weight);
    if (!weight)
        return KT_ENOMEM;
    self->weight = weight;
    self->room   = room;
    return KT_OK;
}

kt_err_t
kt_summary_fold(kt_summary_t *self, kt_device_t *device, const kt_columns_matrix_t *matrices, size_t n, size_t frames)
{
    if (frames == 0)
        return KT_OK;
    const kt_column_set_t columns = {matrices, n, frames, self->quantiles};
    const size_t          row     = self->segments * self->width;
    kt_err_t              err     = grow_segments(self, self->segments + 1);
    if (!err)
        err = kt_device_columns(device, &columns, self->moments + row, self->quantile + row * self->quantiles);
    if (err)
        return err;
    self->weight[self->segments++] = frames;
    self->frames += frames;
    return KT_OK;
}

kt_err_t
kt_summary_merge(kt_summary_t *self, const kt_summary_t *next)
{
    size_t   row = next->width * next->segments;
    kt_err_t err = next->segments > 0 ? grow_segments(self, self->segments + next->segments) : KT_OK;
    if (err || next->segments == 0)
        return err;
    memcpy(self->moments + self->segments * self->width, next->moments, row * sizeof *self->moments);
    memcpy(self->quantile + self->segments * self->width * self->quantiles, next->quantile,
           row * self->quantiles * sizeof *self->quantile);
    memcpy(self->weight + self->segments, next->weight, next->segments * sizeof *self->weight);
    self->segments += next->segments;
    self->frames += next->frames;
    return KT_OK;
}

// The moments of all segments, merged one after the other (Chan, Golub, LeVeque).
static kt_column_moments_t
column_moments(const kt_summary_t *self, size_t column)
{
    kt_column_moments_t a    = {0};
    uint64_t            seen = 0;
    for (size_t s = 0; s < self->segments; seen += self->weight[s], s++) {
        const kt_column_moments_t *b  = &self->moments[s * self->width + column];
        double                     na = (double)seen, nb = (double)self->weight[s], delta = b->mean - a.mean;
        if (seen == 0) {
            a = *b;
            continue;
        }
        a.mean += delta * nb / (na + nb);
        a.m2 += b->m2 + delta * delta * na * nb / (na + nb);
        a.min = fmin(a.min, b->min);
        a.max = fmax(a.max, b->max);
    }
    return a;
}

typedef struct kt_weighted {
    float  value;
    double weight;
} kt_weighted_t;

static int
compare_weighted(const void *a, const void *b)
{
    const kt_weighted_t *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

// Each of a segment's quantiles represents an equal share of its frames.
static double
weighted_median(const kt_summary_t *self, size_t column, kt_weighted_t *points)
{
    size_t n     = 0;
    double total = 0, below = 0;
    for (size_t s = 0; s < self->segments; s++) {
        const float *quantile = self->quantile + (s * self->width + column) * self->quantiles;
        for (size_t q = 0; q < self->quantiles; q++)
            points[n++] = (kt_weighted_t){quantile[q], (double)self->weight[s]};
        total += (double)self->weight[s] * self->quantiles;
    }
    qsort(points, n, sizeof *points, compare_weighted);
    for (size_t i = 0; i < n; i++) {
        below += points[i].weight;
        if (below >= 0.5 * total)
            return points[i].value;
    }
    return points[n - 1].value;
}

kt_err_t
kt_summary_statistics(const kt_summary_t *self, kt_statistic_t *out)
{
    if (self->frames == 0)
        return KT_ENOTFOUND;
    kt_weighted_t *points = malloc(self->segments * self->quantiles * sizeof *points);
    if (!points)
        return KT_ENOMEM;
    for (size_t c = 0; c < self->width; c++) {
        const kt_column_moments_t moments = column_moments(self, c);
        out[c].mean                       = moments.mean;
        out[c].std                        = sqrt(moments.m2 / (double)self->frames);
        out[c].min                        = moments.min;
        out[c].max                        = moments.max;
        out[c].median                     = self->segments == 1 ? moments.median : weighted_median(self, c, points);
    }
    free(points);
    return KT_OK;
}
