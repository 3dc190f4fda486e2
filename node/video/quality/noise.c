// Immerkaer's estimate (1996): the mean of |L|, L the difference of two Laplacians, which a plane and straight edges
// leave 0; for white noise of deviation s it is 6 s sqrt(2 / pi). Taken in cells of 8 x 8 pixels. Noise is a floor
// under the whole picture, so that many cells are little above the lowest ones, while the values of texture spread
// widely: the low quantile of the cells is the noise, as far as the share of cells below SPREAD times it is larger than
// texture has it (SHARE_TEXTURE to SHARE_NOISE; pictures of real clips have .05 to .2, the same with added noise .45 to
// .9). The quantile of cells of pure noise is below their mean: BIAS, from simulation (the test). Nearly black cells
// are left out, where most files have no noise.
#include "node/video/quality/measures.h"

#include <math.h>
#include <string.h>

enum { CELL = 8, ROWS = 16, BLACK = 8, RESOLUTION = 32, BINS = 64 * RESOLUTION, LEAST_CELLS = 40 };
#define QUANTILE 0.05
#define BIAS 0.78
#define SPREAD 1.7
#define SHARE_TEXTURE 0.2
#define SHARE_NOISE 0.45

typedef uint8_t bytes_t __attribute__((vector_size(CELL)));
typedef int16_t row_t __attribute__((vector_size(2 * CELL)));

static inline row_t
load(const uint8_t *at)
{
    bytes_t row;
    memcpy(&row, at, sizeof row);
    return __builtin_convertvector(row, row_t);
}

// Sum of |L| over the cell. 16 bits hold the sum of a column: at most 8 * 16 * 255.
static uint32_t
laplacians(const uint8_t *at, size_t stride, uint32_t *mean)
{
    row_t    sums = {0}, light = {0};
    uint32_t sum = 0, all = 0;
    for (size_t y = 0; y < CELL; y++, at += stride) {
        const uint8_t *above = at - stride, *below = at + stride;
        const row_t corners = load(above - 1) + load(above + 1) + load(below - 1) + load(below + 1), middle = load(at);
        const row_t sides = load(above) + load(below) + load(at - 1) + load(at + 1);
        const row_t value = corners - 2 * sides + 4 * middle, negative = value < 0;
        sums += (value ^ negative) - negative;
        light += middle;
    }
    for (int x = 0; x < CELL; x++) {
        sum += (uint16_t)sums[x];
        all += (uint16_t)light[x];
    }
    *mean = all / (CELL * CELL);
    return sum;
}

// Of the n values in the bins.
static double
quantile_of(const uint32_t *bins, double n, double q)
{
    double   rest = n * q;
    uint32_t bin  = 0;
    for (; rest > bins[bin]; bin++)
        rest -= bins[bin];
    return (bin + rest / bins[bin]) / RESOLUTION;
}

static double
share_below(const uint32_t *bins, double n, double value)
{
    double   sum = 0;
    uint32_t bin = 0;
    for (; bin < BINS && bin + 1 <= value * RESOLUTION; bin++)
        sum += bins[bin];
    return (sum + (bin < BINS ? bins[bin] * (value * RESOLUTION - bin) : 0)) / n;
}

double
kt_defect_noise(const kt_plane_t *plane)
{
    uint32_t     bins[BINS] = {0}, n = 0;
    const size_t step  = CELL * kt_plane_step(plane->height / CELL, ROWS);
    const double black = plane->gain > 1 ? 16 + BLACK : BLACK;
    const double scale = sqrt(M_PI_2) / 6 * plane->gain / (CELL * CELL) / BIAS;
    for (size_t y = 1; y + CELL < plane->height; y += step)
        for (size_t x = 1; x + CELL < plane->width; x += CELL) {
            uint32_t     mean;
            const double sigma = scale * laplacians(plane->at + y * plane->stride + x, plane->stride, &mean);
            if (mean < black)
                continue;
            bins[sigma * RESOLUTION < BINS ? (size_t)(sigma * RESOLUTION) : BINS - 1]++;
            n++;
        }
    if (n < LEAST_CELLS)
        return NAN;
    const double floor = quantile_of(bins, n, QUANTILE), share = share_below(bins, n, SPREAD * floor);
    return floor * fmin(1, fmax(0, (share - SHARE_TEXTURE) / (SHARE_NOISE - SHARE_TEXTURE)));
}
