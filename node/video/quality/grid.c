// Blockiness: codecs that transform blocks of 8 x 8 (or 4 and 16) pixels leave steps at the edges of blocks and smooth
// what is between. |difference| of neighbours is averaged along each line of pixels, of a column or row; the lines are
// taken by their phase in a period of 8, and per phase the mean of the middle half of them counts, so that single edges
// of the content have no weight. The phase with the largest mean is compared with those half a block away, but for the
// phase of 4 x 4 blocks. What chance gives (the deviation of the mean) is subtracted. A grid that was scaled has
// another period and is not found.
#include "node/video/quality/measures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PERIOD = 8, CLIP = 24, LINES = 160, LEAST_LINES = 6 * PERIOD, STRIP = 64 };
#define CHANCE 2.0

static int
by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct phase {
    double mean, variance;  // of the mean
} phase_t;

// values: sorted in place.
static phase_t
phase_of(double *values, size_t n)
{
    qsort(values, n, sizeof *values, by_value);
    const size_t cut = n / 4, kept = n - 2 * cut;
    const double spread = (values[n - 1 - cut] - values[cut]) / 1.35;  // deviation, if the distribution is normal
    double       sum    = 0;
    for (size_t i = cut; i < n - cut; i++)
        sum += values[i];
    return (phase_t){sum / (double)kept, spread * spread * 1.2 / (double)n};
}

// sums: of `count` clipped differences each, in the order of the lines.
static double
excess(const uint32_t *sums, size_t n, double scale, double *values)
{
    static const size_t INSIDE[] = {2, 3, 5, 6};
    phase_t             phases[PERIOD];
    double              best = 0;
    for (size_t k = 0; k < PERIOD; k++) {
        size_t m = 0;
        for (size_t i = k; i < n; i += PERIOD)
            values[m++] = sums[i] * scale;
        phases[k] = phase_of(values, m);
    }
    for (size_t k = 0; k < PERIOD; k++) {
        double inside = 0, variance = phases[k].variance;
        for (size_t i = 0; i < sizeof INSIDE / sizeof *INSIDE; i++) {
            inside += phases[(k + INSIDE[i]) % PERIOD].mean / 4;
            variance += phases[(k + INSIDE[i]) % PERIOD].variance / 16;
        }
        best = fmax(best, (phases[k].mean - inside - CHANCE * sqrt(variance)) / (inside + 1));
    }
    return best;
}

// Of bytes, and sums of as many as 16 bits hold: loops that the compiler vectorises.
static inline uint8_t
clipped(uint8_t a, uint8_t b)
{
    const uint8_t d = (uint8_t)(a > b ? a - b : b - a);
    return d < CLIP ? d : CLIP;
}

static double
columns_excess(const kt_plane_t *plane, kt_defect_room_t *room)
{
    const size_t step = kt_plane_step(plane->height, LINES), n = plane->width - 1;
    size_t       rows = 0;
    memset(room->line, 0, n * sizeof *room->line);
    for (size_t y = 0; y < plane->height; y += step, rows++) {  // fewer than 2 * LINES
        const uint8_t *row  = plane->at + y * plane->stride;
        uint16_t      *sums = room->line;
        for (size_t x = 0; x < n; x++)
            sums[x] = (uint16_t)(sums[x] + clipped(row[x], row[x + 1]));
    }
    for (size_t x = 0; x < n; x++)
        room->sums[x] = room->line[x];
    return excess(room->sums, n, plane->gain / (double)rows, room->values);
}

static uint32_t
strip_sum(const uint8_t *row, const uint8_t *below, size_t n)
{
    uint16_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum = (uint16_t)(sum + clipped(row[i], below[i]));
    return sum;
}

static double
rows_excess(const kt_plane_t *plane, kt_defect_room_t *room)
{
    const size_t every = STRIP * kt_plane_step(plane->width, LINES), n = plane->height - 1;
    size_t       columns = 0;
    for (size_t x = 0; x < plane->width; x += every)
        columns += plane->width - x < STRIP ? plane->width - x : STRIP;
    for (size_t y = 0; y < n; y++) {
        const uint8_t *row = plane->at + y * plane->stride, *below = row + plane->stride;
        uint32_t       sum = 0;
        for (size_t x = 0; x < plane->width; x += every)
            sum += strip_sum(row + x, below + x, plane->width - x < STRIP ? plane->width - x : STRIP);
        room->sums[y] = sum;
    }
    return excess(room->sums, n, plane->gain / (double)columns, room->values);
}

double
kt_defect_blockiness(const kt_plane_t *plane, bool rows, kt_defect_room_t *room)
{
    if (plane->width <= LEAST_LINES || plane->height <= LEAST_LINES)
        return NAN;
    const double columns = columns_excess(plane, room);
    return rows ? (columns + rows_excess(plane, room)) / 2 : columns;
}
