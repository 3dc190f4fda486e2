#include "node/audio/summary.h"

#include "node/audio/sort.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct kt_moments {
    double mean, m2, min, max;
} kt_moments_t;

struct kt_summary {
    size_t        width, quantiles;
    uint64_t      frames;
    kt_moments_t *moments;   // [segment][width]
    float        *quantile;  // [segment][width][quantiles]
    uint64_t     *weight;    // [segment] frames
    size_t        segments, room;
    double       *median;  // [width] of the first segment
};

// Columns are gathered a cache line of floats at a time.
enum { COLUMNS = 16 };

kt_err_t
kt_summary_new(kt_summary_t **self_p, size_t width, size_t quantiles)
{
    kt_summary_t *self = calloc(1, sizeof *self);
    if (!self)
        goto fail;
    self->width     = width;
    self->quantiles = quantiles;
    self->median    = calloc(width, sizeof *self->median);
    if (!self->median)
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_summary_destroy(&self);
    return KT_ENOMEM;
}

void
kt_summary_destroy(kt_summary_t **self_p)
{
    kt_summary_t *self = *self_p;
    if (!self)
        return;
    free(self->moments);
    free(self->median);
    free(self->quantile);
    free(self->weight);
    free(self);
    *self_p = NULL;
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

static kt_err_t
grow_segments(kt_summary_t *self, size_t segments)
{
    size_t room = 2 * self->room > segments ? 2 * self->room : segments;
    if (segments <= self->room)
        return KT_OK;
    float *table = realloc(self->quantile, room * self->width * self->quantiles * sizeof *table);
    if (!table)
        return KT_ENOMEM;
    self->quantile        = table;
    kt_moments_t *moments = realloc(self->moments, room * self->width * sizeof *moments);
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

static void
fold_column(kt_summary_t *self, size_t column, const float *sorted, size_t n)
{
    kt_moments_t *moments = &self->moments[(self->segments - 1) * self->width + column];
    *moments              = (kt_moments_t){.min = sorted[0], .max = sorted[n - 1]};
    moments->mean         = sum_about(sorted, n, 0, false) / (double)n;
    moments->m2           = sum_about(sorted, n, moments->mean, true);
    if (self->segments == 1)
        self->median[column] = value_at_rank(sorted, n, 0.5 * (double)(n - 1));
    float *quantile = self->quantile + ((self->segments - 1) * self->width + column) * self->quantiles;
    for (size_t q = 0; q < self->quantiles; q++)
        quantile[q] = (float)value_at_rank(sorted, n, (double)q / (self->quantiles - 1) * (double)(n - 1));
}

kt_err_t
kt_summary_fold(kt_summary_t *self, const float *rows, size_t frames)
{
    if (frames == 0)
        return KT_OK;
    float   *columns = malloc(COLUMNS * frames * sizeof *columns);
    float   *scratch = malloc(frames * sizeof *scratch);
    kt_err_t err     = columns && scratch ? grow_segments(self, self->segments + 1) : KT_ENOMEM;
    if (!err)
        self->weight[self->segments++] = frames;
    for (size_t first = 0; first < self->width && !err; first += COLUMNS) {
        size_t count = self->width - first < COLUMNS ? self->width - first : COLUMNS;
        for (size_t i = 0; i < frames; i++)
            for (size_t c = 0; c < count; c++)
                columns[c * frames + i] = rows[i * self->width + first + c];
        for (size_t c = 0; c < count; c++) {
            kt_sort_floats(columns + c * frames, scratch, frames);
            fold_column(self, first + c, columns + c * frames, frames);
        }
    }
    if (!err)
        self->frames += frames;
    free(columns);
    free(scratch);
    return err;
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
    if (self->segments == 0)
        memcpy(self->median, next->median, self->width * sizeof *self->median);
    self->segments += next->segments;
    self->frames += next->frames;
    return KT_OK;
}

// The moments of all segments, merged one after the other (Chan, Golub, LeVeque).
static kt_moments_t
column_moments(const kt_summary_t *self, size_t column)
{
    kt_moments_t a    = {0};
    uint64_t     seen = 0;
    for (size_t s = 0; s < self->segments; seen += self->weight[s], s++) {
        const kt_moments_t *b  = &self->moments[s * self->width + column];
        double              na = (double)seen, nb = (double)self->weight[s], delta = b->mean - a.mean;
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
        const kt_moments_t moments = column_moments(self, c);
        out[c].mean                = moments.mean;
        out[c].std                 = sqrt(moments.m2 / (double)self->frames);
        out[c].min                 = moments.min;
        out[c].max                 = moments.max;
        out[c].median              = self->segments == 1 ? self->median[c] : weighted_median(self, c, points);
    }
    free(points);
    return KT_OK;
}

size_t
kt_summary_width(const kt_summary_t *self)
{
    return self->width;
}
