#include "kernels/audio/filterbank_tables.h"

#include <float.h>
#include <math.h>

static const double PI = 3.14159265358979323846;

static size_t
scratch_bytes(const kt_filterbank_t *self)
{
    return (2 * (size_t)self->opts.n + self->bins) * sizeof(double);
}

// To the nearest float16, ties to even, at most its largest; x >= 0.
static double
round_half(double x)
{
    int exponent = 0;
    frexp(x, &exponent);
    const double unit = ldexp(1, exponent < -13 ? -24 : exponent - 11);  // of the last place
    return fmin(65504, rint(x / unit) * unit);
}

// The sum that defines the transform, in double; turns: [n] cos, sin of 2 pi i / n.
static double
bin_power(const float *frame, uint32_t n, const double *turns, uint32_t k)
{
    double re = 0, im = 0;
    for (uint32_t i = 0, at = 0; i < n; i++, at = (at + k) % n) {
        re += frame[i] * turns[2 * at];
        im += frame[i] * turns[2 * at + 1];
    }
    return re * re + im * im;
}

static void
rows(const kt_filterbank_t *self, void *scratch, const float *frames, size_t count, float *out)
{
    const kt_filterbank_opts_t *opts  = &self->opts;
    double                     *turns = scratch, *power = turns + 2 * (size_t)opts->n;
    for (uint32_t i = 0; i < opts->n; i++) {
        turns[2 * i]     = cos(2 * PI * i / opts->n);
        turns[2 * i + 1] = sin(2 * PI * i / opts->n);
    }
    for (size_t f = 0; f < count; f++, frames += kt_filterbank_stride(opts->n)) {
        for (uint32_t k = 0; k < self->bins; k++) {
            power[k] = bin_power(frames, opts->n, turns, k);
            power[k] = opts->magnitude ? sqrt(power[k]) : power[k];
        }
        for (size_t b = 0; b < opts->n_bands; b++) {
            const kt_filterbank_band_t *band = &opts->bands[b];
            double                      sum  = 0;
            for (uint32_t i = 0; i < band->count; i++)
                sum += opts->weights[band->offset + i] * power[band->first + i];
            sum    = fmax(0, sum);  // which NaN becomes
            sum    = opts->half ? round_half(sum) : sum;
            *out++ = (float)(opts->gain * log(fmin(FLT_MAX, fmax(opts->floor, opts->scale * sum + opts->offset))));
        }
    }
}

const kt_filterbank_ops_t kt_filterbank_ops_ref = {.scratch_bytes = scratch_bytes, .rows = rows};
