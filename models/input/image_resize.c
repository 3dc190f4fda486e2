// OpenCV's resize for 8-bit pictures: weights of 11 bits, rows first, then columns, with its ways of rounding. A row of
// the source is scaled once and kept while rows of the result need it.
#include "models/input/image_resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BITS = 11, ONE = 1 << BITS, TAPS = 4, CHANNELS = 3 };

// --- bilinear and bicubic

// What one sample of the result is made of along one side.
typedef struct taps {
    int32_t at[TAPS], weight[TAPS];
} taps_t;

typedef struct resizer {
    const kt_picture_t *picture;
    uint32_t            width, n;  // of the result; taps
    taps_t             *column, *row;
    int32_t            *scaled[TAPS];  // a row of the source, [width][3]
    int64_t             kept[TAPS];    // which; -1: none
} resizer_t;

static int32_t
limit(int64_t x, int64_t low, int64_t high)
{
    return (int32_t)(x < low ? low : x > high ? high : x);
}

static void
cubic_weights(float x, float out[TAPS])
{
    const float A = -0.75F, y = 1 - x;
    out[0] = ((A * (x + 1) - 5 * A) * (x + 1) + 8 * A) * (x + 1) - 4 * A;
    out[1] = ((A + 2) * x - (A + 3)) * x * x + 1;
    out[2] = ((A + 2) * y - (A + 3)) * y * y + 1;
    out[3] = 1 - out[0] - out[1] - out[2];
}

// Outside the picture its border is repeated. OpenCV gives the border all of the weight along rows, and along columns
// adds it twice, which rounds differently.
static taps_t *
taps_new(uint32_t from, uint32_t to, uint32_t n, bool is_row)
{
    taps_t      *out   = calloc(to, sizeof *out);
    const double scale = (double)from / to;
    for (uint32_t i = 0; out && i < to; i++) {
        const float position = (float)((i + 0.5) * scale - 0.5);
        int64_t     first    = (int64_t)floorf(position);
        float       rest     = position - (float)first;
        if (is_row && n == 2 && (first < 0 || first >= (int64_t)from - 1)) {
            first = first < 0 ? 0 : from - 1;
            rest  = 0;
        }
        float weight[TAPS] = {1 - rest, rest};
        if (n == TAPS)
            cubic_weights(rest, weight);
        for (uint32_t k = 0; k < n; k++) {
            out[i].at[k]     = limit(first + k - (n == TAPS), 0, (int64_t)from - 1);
            out[i].weight[k] = (int32_t)lrintf(weight[k] * ONE);
        }
    }
    return out;
}

static const int32_t *
scaled_row(resizer_t *self, int32_t at)
{
    const int slot = at % TAPS;  // the rows of a window follow each other
    int32_t  *out  = self->scaled[slot];
    if (self->kept[slot] == at)
        return out;
    self->kept[slot]   = at;
    const uint8_t *row = self->picture->rgb + (size_t)at * self->picture->stride;
    for (uint32_t x = 0; x < self->width; x++, out += CHANNELS) {
        const taps_t *t = &self->column[x];
        for (int c = 0; c < CHANNELS; c++) {
            int32_t sum = 0;
            for (uint32_t k = 0; k < self->n; k++)
                sum += row[CHANNELS * t->at[k] + c] * t->weight[k];
            out[c] = sum;
        }
    }
    return self->scaled[slot];
}

static void
make_row(resizer_t *self, uint32_t y, uint8_t *out)
{
    const taps_t  *t          = &self->row[y];
    const int32_t *rows[TAPS] = {0};
    for (uint32_t k = 0; k < self->n; k++)
        rows[k] = scaled_row(self, t->at[k]);
    const size_t count = CHANNELS * (size_t)self->width;
    for (size_t i = 0; self->n == 2 && i < count; i++)
        out[i] =
            (uint8_t)((((t->weight[0] * (rows[0][i] >> 4)) >> 16) + ((t->weight[1] * (rows[1][i] >> 4)) >> 16) + 2) >>
                      2);
    for (size_t i = 0; self->n == TAPS && i < count; i++) {
        int64_t sum = 1 << (2 * BITS - 1);
        for (int k = 0; k < TAPS; k++)
            sum += (int64_t)rows[k][i] * t->weight[k];
        out[i] = (uint8_t)limit(sum >> 2 * BITS, 0, 255);
    }
}

static kt_err_t
resize_by_taps(const kt_picture_t *picture, uint32_t width, uint32_t height, uint32_t n, uint8_t *out)
{
    kt_err_t  err  = KT_OK;
    resizer_t self = {.picture = picture,
                      .width   = width,
                      .n       = n,
                      .column  = taps_new(picture->width, width, n, true),
                      .row     = taps_new(picture->height, height, n, false)};
    for (int k = 0; k < TAPS; k++) {
        self.kept[k]   = -1;
        self.scaled[k] = malloc(CHANNELS * (size_t)width * sizeof *self.scaled[k]);
        err            = self.scaled[k] ? err : KT_ENOMEM;
    }
    if (!self.column || !self.row)
        err = KT_ENOMEM;
    for (uint32_t y = 0; !err && y < height; y++)
        make_row(&self, y, out + CHANNELS * (size_t)width * y);
    for (int k = 0; k < TAPS; k++)
        free(self.scaled[k]);
    free(self.column);
    free(self.row);
    return err;
}

// --- area

// The part of source sample i that lies in from .. to.
static double
covered(double from, double to, uint32_t i)
{
    return fmax(0, fmin(to, i + 1.0) - fmax(from, i));
}

static void
average_row(const uint8_t *row, uint32_t from, uint32_t to, double weight, double *sums)
{
    const double scale = (double)from / to;
    for (uint32_t x = 0; x < to; x++, sums += CHANNELS) {
        const double begin = x * scale, end = begin + scale;
        for (uint32_t i = (uint32_t)begin; i < from && i < end; i++) {
            const double w = weight * covered(begin, end, i) / scale;
            for (int c = 0; c < CHANNELS; c++)
                sums[c] += w * row[CHANNELS * i + (uint32_t)c];
        }
    }
}

static kt_err_t
resize_by_area(const kt_picture_t *picture, uint32_t width, uint32_t height, uint8_t *out)
{
    const double scale = (double)picture->height / height;
    const size_t count = CHANNELS * (size_t)width;
    double      *sums  = malloc(count * sizeof *sums);
    if (!sums)
        return KT_ENOMEM;
    for (uint32_t y = 0; y < height; y++, out += count) {
        const double begin = y * scale, end = begin + scale;
        memset(sums, 0, count * sizeof *sums);
        for (uint32_t i = (uint32_t)begin; i < picture->height && i < end; i++)
            average_row(picture->rgb + i * picture->stride, picture->width, width, covered(begin, end, i) / scale,
                        sums);
        for (size_t i = 0; i < count; i++)
            out[i] = (uint8_t)limit(lrint(sums[i]), 0, 255);
    }
    free(sums);
    return KT_OK;
}

kt_err_t
kt_image_resize(kt_image_filter_t filter, const kt_picture_t *picture, uint32_t width, uint32_t height, uint8_t *out)
{
    if (filter == KT_FILTER_AREA)
        return resize_by_area(picture, width, height, out);
    return resize_by_taps(picture, width, height, filter == KT_FILTER_BICUBIC ? TAPS : 2, out);
}
