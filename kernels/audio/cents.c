#include "kernels/audio/cents.h"

#include "kernels/audio/power_spectrum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double FRAME_S = 0.372, LOW_HZ = 25, HIGH_HZ = 2000;

enum { BATCH = 32, LEAST_HZ = 8000 };

struct kt_cents_counter {
    kt_cents_shape_t    shape;
    kt_power_spectra_t *powers;
    float              *rows;  // [BATCH][bins]
    float              *tail;  // the last frame, filled with zeros
};

kt_err_t
kt_cents_shape_of(uint32_t rate_hz, kt_cents_shape_t *out)
{
    if (rate_hz < LEAST_HZ)
        return KT_EINVAL;
    uint32_t n_fft = 256;
    while (n_fft < 16384 && n_fft * M_SQRT2 < FRAME_S * rate_hz)
        n_fft *= 2;
    const double bin_hz = (double)rate_hz / n_fft;
    *out                = (kt_cents_shape_t){.rate_hz = rate_hz, .n_fft = n_fft, .hop = n_fft / 2};
    out->first          = (uint32_t)fmax(2, ceil(LOW_HZ / bin_hz));
    out->bins           = (uint32_t)fmin(n_fft / 4.0, HIGH_HZ / bin_hz + 2);
    for (int h = 0; h < KT_CENTS_HARMONICS; h++)
        out->harmonic[h] = KT_CENTS * log2(h + 1);
    return KT_OK;
}

// Frames that need no zeros.
static size_t
whole_frames(const kt_cents_shape_t *self, size_t n)
{
    return n < self->n_fft ? 0 : 1 + (n - self->n_fft) / self->hop;
}

size_t
kt_cents_frames(const kt_cents_shape_t *self, size_t n)
{
    const size_t whole = whole_frames(self, n);
    return whole + (whole == 0 || n - whole * self->hop > self->hop);
}

kt_err_t
kt_cents_counter_new(kt_cents_counter_t **self_p, const kt_cpu_ops_t *ops, uint32_t rate_hz)
{
    kt_cents_shape_t shape;
    kt_err_t         err = kt_cents_shape_of(rate_hz, &shape);
    if (err)
        return err;
    kt_cents_counter_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->shape = shape;
    self->rows  = calloc(BATCH * (size_t)shape.bins, sizeof *self->rows);
    self->tail  = calloc(shape.n_fft, sizeof *self->tail);
    err         = self->rows && self->tail ? kt_power_spectra_new(&self->powers, ops, rate_hz, shape.n_fft, shape.hop)
                                           : KT_ENOMEM;
    if (err) {
        kt_cents_counter_destroy(&self);
        return err;
    }
    *self_p = self;
    return KT_OK;
}

void
kt_cents_counter_destroy(kt_cents_counter_t **self_p)
{
    kt_cents_counter_t *self = *self_p;
    if (!self)
        return;
    kt_power_spectra_destroy(&self->powers);
    free(self->rows);
    free(self->tail);
    free(self);
    *self_p = NULL;
}

const kt_cents_shape_t *
kt_cents_counter_shape(const kt_cents_counter_t *self)
{
    return &self->shape;
}

typedef struct peak {
    double cents;   // above A4 = 440 Hz
    double weight;  // loudness
} peak_t;

// The parabola through three neighbours in logarithms.
static peak_t
peak_at(const kt_cents_counter_t *self, const float *power, size_t k)
{
    double before = log2((double)power[k - 1] + KT_CENTS_FLOOR), at = log2((double)power[k] + KT_CENTS_FLOOR),
           after = log2((double)power[k + 1] + KT_CENTS_FLOOR);
    double curve = before - 2 * at + after;
    double shift = curve < 0 ? (before - after) / (2 * curve) : 0;
    double top   = at - (before - after) * shift / 4;
    double hz    = ((double)k + shift) * self->shape.rate_hz / self->shape.n_fft;
    return (peak_t){KT_CENTS * log2(hz / 440), exp2(KT_CENTS_STEVENS * top)};
}

static size_t
wrapped_index(double cents, size_t n)
{
    double at = cents - floor(cents / (double)n) * (double)n;
    size_t i  = (size_t)at;
    return i < n ? i : n - 1;
}

static void
add_frame_peaks(const kt_cents_counter_t *self, const float *power, kt_cents_t *out)
{
    enum { MOST_PEAKS = 2048 };
    peak_t peaks[MOST_PEAKS];
    float  largest = 0;
    for (size_t k = self->shape.first; k + 1 < self->shape.bins; k++)
        largest = power[k] > largest ? power[k] : largest;
    float  least = largest * KT_CENTS_RANGE > KT_CENTS_FLOOR ? largest * KT_CENTS_RANGE : KT_CENTS_FLOOR;
    size_t n     = 0;
    for (size_t k = self->shape.first; k + 1 < self->shape.bins && n < MOST_PEAKS; k++)
        if (power[k] > least && power[k] > power[k - 1] && power[k] >= power[k + 1])
            peaks[n++] = peak_at(self, power, k);

    double total = 0;
    for (size_t i = 0; i < n; i++)
        total += peaks[i].weight;
    double scale = total > 0 ? 1 / sqrt(total) : 0;
    out->peaks += n;
    for (size_t i = 0; i < n; i++) {
        double weight = peaks[i].weight * scale;
        out->deviation[wrapped_index(peaks[i].cents + KT_CENTS_SEMITONE / 2.0, KT_CENTS_SEMITONE)] += weight;
        out->own[wrapped_index(peaks[i].cents + KT_CENTS_A4, KT_CENTS)] += weight;
        for (int h = 0; h < KT_CENTS_HARMONICS; h++, weight *= KT_CENTS_SHARE)
            out->all[wrapped_index(peaks[i].cents + KT_CENTS_A4 - self->shape.harmonic[h], KT_CENTS)] += weight;
    }
}

static void
add_frames(kt_cents_counter_t *self, const float *samples, size_t frames, kt_cents_t *out)
{
    kt_power_spectra_rows(self->powers, samples, frames, self->shape.bins, self->rows);
    for (size_t f = 0; f < frames; f++)
        add_frame_peaks(self, self->rows + f * self->shape.bins, out);
}

void
kt_cents_count(kt_cents_counter_t *self, const float *samples, size_t n, kt_cents_t *out)
{
    const kt_cents_shape_t *shape = &self->shape;
    const size_t            whole = whole_frames(shape, n), rest = n - whole * shape->hop;
    memset(out, 0, sizeof *out);
    for (size_t at = 0; at < whole; at += BATCH)
        add_frames(self, samples + at * shape->hop, whole - at < BATCH ? whole - at : BATCH, out);
    if (kt_cents_frames(shape, n) == whole)
        return;
    memset(self->tail, 0, shape->n_fft * sizeof *self->tail);
    memcpy(self->tail, samples + whole * shape->hop, rest * sizeof *self->tail);
    add_frames(self, self->tail, 1, out);
}
