#include "kernels/audio/autocorrelation.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

// Real and imaginary parts are separate arrays, so that the compiler vectorises the butterflies. Frequencies stay in
// the bit-reversed order of the forward passes; the inverse passes start from it, and nothing between depends on the
// order.
typedef struct transform {
    size_t points;         // a power of two
    float *re, *im;        // the values
    float *cosine, *sine;  // of the passes one after the other, the longest first
    float *power;          // sums of |.|^2
    void  *memory;
} transform_t;

static kt_err_t
transform_open(transform_t *self, size_t points)
{
    float *memory = calloc(5 * points, sizeof *memory);
    if (!memory)
        return KT_ENOMEM;
    *self         = (transform_t){.points = points,
                                  .re     = memory,
                                  .im     = memory + points,
                                  .cosine = memory + 2 * points,
                                  .sine   = memory + 3 * points,
                                  .power  = memory + 4 * points,
                                  .memory = memory};
    float *cosine = self->cosine, *sine = self->sine;
    for (size_t half = points / 2; half >= 1; cosine += half, sine += half, half /= 2)
        for (size_t j = 0; j < half; j++) {
            cosine[j] = (float)cos(PI * (double)j / (double)half);
            sine[j]   = (float)-sin(PI * (double)j / (double)half);
        }
    return KT_OK;
}

// Decimation in frequency of one block: sums in the first half, rotated differences in the second.
static void
transform_split(size_t half, float *restrict re, float *restrict im, float *restrict re2, float *restrict im2,
                const float *restrict cosine, const float *restrict sine)
{
    for (size_t j = 0; j < half; j++) {
        float a = re[j] - re2[j], b = im[j] - im2[j];
        re[j] += re2[j];
        im[j] += im2[j];
        re2[j] = a * cosine[j] - b * sine[j];
        im2[j] = a * sine[j] + b * cosine[j];
    }
}

// The inverse: rotated back, then sum and difference.
static void
transform_join(size_t half, float *restrict re, float *restrict im, float *restrict re2, float *restrict im2,
               const float *restrict cosine, const float *restrict sine)
{
    for (size_t j = 0; j < half; j++) {
        float a = re2[j] * cosine[j] + im2[j] * sine[j];
        float b = im2[j] * cosine[j] - re2[j] * sine[j];
        re2[j]  = re[j] - a;
        im2[j]  = im[j] - b;
        re[j] += a;
        im[j] += b;
    }
}

static void
transform_add_power(transform_t *self)
{
    const float *cosine = self->cosine, *sine = self->sine;
    for (size_t half = self->points / 2; half >= 1; cosine += half, sine += half, half /= 2)
        for (size_t at = 0; at < self->points; at += 2 * half)
            transform_split(half, self->re + at, self->im + at, self->re + at + half, self->im + at + half, cosine,
                            sine);
    for (size_t i = 0; i < self->points; i++)
        self->power[i] += self->re[i] * self->re[i] + self->im[i] * self->im[i];
}

// The power of all windows, each without its mean. The autocorrelation of x + iy has that of x plus that of y as its
// real part: windows go in pairs.
static void
transform_add_windows(transform_t *self, const float *const *rows, size_t count, size_t n, size_t window)
{
    const size_t step = window / 2 ? window / 2 : 1;
    bool         half = false;
    for (size_t row = 0; row < count; row++)
        for (size_t at = 0; at + window <= n; at += step) {
            const float *from = rows[row] + at;
            float       *to   = half ? self->im : self->re;
            double       sum  = 0;
            for (size_t i = 0; i < window; i++)
                sum += from[i];
            const float mean = (float)(sum / (double)window);
            for (size_t i = 0; i < window; i++)
                to[i] = from[i] - mean;
            memset(to + window, 0, (self->points - window) * sizeof *to);
            if (half)
                transform_add_power(self);
            half = !half;
        }
    if (half) {
        memset(self->im, 0, self->points * sizeof *self->im);
        transform_add_power(self);
    }
}

kt_err_t
kt_autocorrelate(const float *const *rows, size_t count, size_t n, size_t window, size_t lags, float *out)
{
    memset(out, 0, lags * sizeof *out);
    window = window < n ? window : n;
    if (window == 0 || count == 0)
        return KT_OK;
    size_t points = 2;
    while (points < window + (lags < window ? lags : window))
        points *= 2;
    transform_t self;
    kt_err_t    err = transform_open(&self, points);
    if (err)
        return err;

    transform_add_windows(&self, rows, count, n, window);
    memcpy(self.re, self.power, points * sizeof *self.re);
    memset(self.im, 0, points * sizeof *self.im);
    for (size_t half = 1; half < points; half *= 2) {
        const size_t offset = points - 2 * half;  // of the pass of this length in the tables
        for (size_t at = 0; at < points; at += 2 * half)
            transform_join(half, self.re + at, self.im + at, self.re + at + half, self.im + at + half,
                           self.cosine + offset, self.sine + offset);
    }

    for (size_t lag = 0; lag < lags && lag < window; lag++) {
        const double left = (double)(window - lag) / (double)window;
        out[lag]          = (float)(self.re[lag] / (double)points / (left > 0.25 ? left : 0.25));
    }
    free(self.memory);
    return KT_OK;
}
