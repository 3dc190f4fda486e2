// Detrended fluctuation analysis of the level, after S. Streich and P. Herrera, "Detrended Fluctuation Analysis of
// Music Signals: Danceability Estimation and further Semantic Characterization" (AES 118, 2005), with the parameters of
// Essentia's Danceability: standard deviations of 10 ms blocks, their mean taken off, cumulated; for scales from 310 ms
// to 8.8 s (each 1.1 times the last) blocks of that length, a fiftieth apart, and the mean square left by a straight
// line. The exponent is the mean slope of log F over log scale. Regular beats bend F down: a small exponent dances.
//
// Two deviations: samples are those at the analysis rate, and of files past one segment F is taken over all segments.
// A line's residual is computed from running sums of y, i * y and y * y, so a block costs the same at any length.
#include "node/audio/perceptual/perceptual.h"

#include <stdlib.h>

enum { A_SECOND = 100, LEAST_SCALES = 8 };
static const double SOUND = 1e-4;

static size_t
scale_of(int j)
{
    return (size_t)(31 * pow(1.1, j));
}

static double
block_deviation(const float *x, size_t n)
{
    double sum[4] = {0}, square[4] = {0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t lane = 0; lane < 4; lane++) {
            sum[lane] += x[i + lane];
            square[lane] += (double)x[i + lane] * x[i + lane];
        }
    for (; i < n; i++) {
        sum[0] += x[i];
        square[0] += (double)x[i] * x[i];
    }
    double total = sum[0] + sum[1] + sum[2] + sum[3];
    double power = square[0] + square[1] + square[2] + square[3] - total * total / (double)n;
    return n > 1 && power > 0 ? sqrt(power / (double)(n - 1)) : 0;
}

// Running sums of the cumulated level: of y, i * y and y * y before index i.
typedef struct level_sums {
    double y, iy, yy;
} level_sums_t;

// Returns the seconds of sound.
static double
cumulate_level(const float *samples, uint32_t rate_hz, size_t blocks, level_sums_t *sums)
{
    double mean = 0, y = 0, sounding = 0;
    for (size_t k = 0; k < blocks; k++) {
        size_t from = k * rate_hz / A_SECOND, to = (k + 1) * rate_hz / A_SECOND;
        sums[k + 1].y = block_deviation(samples + from, to - from);  // the level, until it is cumulated
        mean += sums[k + 1].y / (double)blocks;
        sounding += sums[k + 1].y > SOUND;
    }
    sums[0] = (level_sums_t){0, 0, 0};
    for (size_t k = 0; k < blocks; k++) {
        y += sums[k + 1].y - mean;
        sums[k + 1] = (level_sums_t){sums[k].y + y, sums[k].iy + (double)k * y, sums[k].yy + y * y};
    }
    return sounding / A_SECOND;
}

// Mean square of what a straight line leaves of the m values from `at`.
static double
residual(const level_sums_t *sums, size_t at, size_t m)
{
    const level_sums_t *a = &sums[at], *b = &sums[at + m];
    double              n = (double)m, y = b->y - a->y, yy = b->yy - a->yy;
    double              xy = b->iy - a->iy - ((double)at + (n - 1) / 2) * y;  // about the middle of the block
    double              xx = n * (n * n - 1) / 12;
    return fmax(yy - y * y / n - xy * xy / xx, 0) / n;
}

kt_err_t
kt_fluctuation_fold(kt_fluctuation_t *self, const kt_segment_t *segment)
{
    uint32_t      rate_hz = kt_plan_opts(kt_segment_plan(segment))->rate_hz;
    size_t        n;
    const float  *samples = kt_segment_samples(segment, &n);
    size_t        blocks  = n * A_SECOND / rate_hz;
    level_sums_t *sums    = calloc(blocks + 1, sizeof *sums);
    if (!sums)
        return KT_ENOMEM;
    self->sounding += cumulate_level(samples, rate_hz, blocks, sums);
    for (int j = 0; j < KT_FLUCTUATION_SCALES; j++) {
        size_t m = scale_of(j), jump = m / 50 > 1 ? m / 50 : 1;
        for (size_t at = 0; at + m <= blocks; at += jump) {
            self->residual[j] += residual(sums, at, m);
            self->blocks[j]++;
        }
    }
    free(sums);
    return KT_OK;
}

double
kt_fluctuation_exponent(const kt_fluctuation_t *self)
{
    double slope = 0;
    int    n     = 0;
    for (int j = 0; j + 1 < KT_FLUCTUATION_SCALES && self->blocks[j + 1] > 0; j++) {
        double before = self->residual[j] / self->blocks[j], after = self->residual[j + 1] / self->blocks[j + 1];
        if (!(before > 0 && after > 0))
            return NAN;
        slope += 0.5 * log(after / before) / log((double)(scale_of(j + 1) + 3) / (double)(scale_of(j) + 3));
        n++;
    }
    return n >= LEAST_SCALES ? slope / n : NAN;
}
