#include "kernels/audio/filterbank_tables.h"

#include <float.h>
#include <math.h>

static const double PI = 3.14159265358979323846;

static size_t
scratch_bytes(const kt_filterbank_t *self)
{
    return (3 * (size_t)self->opts.n + self->bins) * sizeof(double);
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

// The frame, and zeros up to n.
static void
make_frame(const kt_filterbank_t *self, const float *pcm, double *frame)
{
    const kt_filterbank_opts_t *opts = &self->opts;
    double                      mean = 0;
    for (uint32_t i = 0; opts->offset && i < opts->length; i++)
        mean += (double)pcm[i] / opts->length;
    for (uint32_t i = 0; i < opts->length; i++)
        frame[i] = self->window[i] * (pcm[i] - mean - opts->preemphasis * (pcm[i ? i - 1 : 0] - mean));
    for (uint32_t i = opts->length; i < opts->n; i++)
        frame[i] = 0;
}

// The sum that defines the transform; turns: [n] cos, sin of 2 pi i / n.
static double
bin_power(const double *frame, uint32_t n, const double *turns, uint32_t k)
{
    double re = 0, im = 0;
    for (uint32_t i = 0, at = 0; i < n; i++, at = (at + k) % n) {
        re += frame[i] * turns[2 * at];
        im += frame[i] * turns[2 * at + 1];
    }
    return re * re + im * im;
}

static float
value_of(const kt_filterbank_opts_t *opts, double sum)
{
    const float band = (float)fmin(FLT_MAX, fmax(0, sum));  // NaN becomes 0
    const float x    = opts->half ? (float)round_half(band) : band;
    return (float)(opts->gain * log(fmin(FLT_MAX, fmax(opts->floor, (double)opts->factor * x + opts->term))));
}

static void
rows(const kt_filterbank_t *self, void *scratch, const float *pcm, size_t count, float *out)
{
    const kt_filterbank_opts_t *opts  = &self->opts;
    double                     *turns = scratch, *frame = turns + 2 * (size_t)opts->n, *power = frame + opts->n;
    for (uint32_t i = 0; i < opts->n; i++) {
        turns[2 * i]     = cos(2 * PI * i / opts->n);
        turns[2 * i + 1] = sin(2 * PI * i / opts->n);
    }
    for (size_t f = 0; f < count; f++, pcm += opts->hop) {
        make_frame(self, pcm, frame);
        for (uint32_t k = 0; k < self->bins; k++) {
            power[k] = bin_power(frame, opts->n, turns, k);
            power[k] = opts->magnitude ? sqrt(power[k]) : power[k];
        }
        for (size_t b = 0; b < opts->n_bands; b++) {
            const kt_filterbank_band_t *band = &opts->bands[b];
            double                      sum  = 0;
            for (uint32_t i = 0; i < band->count; i++)
                sum += (double)opts->weights[band->offset + i] * power[band->first + i];
            *out++ = value_of(opts, sum);
        }
    }
}

const kt_filterbank_ops_t kt_filterbank_ops_ref = {.scratch_bytes = scratch_bytes, .rows = rows};
