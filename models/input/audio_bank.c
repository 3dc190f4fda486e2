#include "models/input/audio_bank.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct triangle {
    double low, mid, high;
} triangle_t;

// --- mel: Slaney's is linear below 1000 Hz, 15 mel; above, 27 mel for each factor of 6.4.

static double
slaney_mel(double hz)
{
    return hz < 1000 ? hz * 3 / 200 : 15 + log(hz / 1000) * 27 / log(6.4);
}

static double
slaney_hz(double mel)
{
    return mel < 15 ? mel * 200 / 3 : 1000 * exp((mel - 15) * log(6.4) / 27);
}

static double
kaldi_mel(double hz)
{
    return 1127 * log(1 + hz / 700);
}

// Rounded to float before and after the area is normalised, as librosa's table is.
static float
slaney_weight(const triangle_t *t, double hz)
{
    const float weight = (float)fmax(0, fmin((hz - t->low) / (t->mid - t->low), (t->high - hz) / (t->high - t->mid)));
    return (float)(weight * (2 / (t->high - t->low)));
}

static float
kaldi_weight(const triangle_t *t, double hz)
{
    const double mel = kaldi_mel(hz);
    return (float)fmax(0, fmin((mel - t->low) / (t->mid - t->low), (t->high - mel) / (t->high - t->mid)));
}

static triangle_t
mel_triangle(const kt_audio_spec_t *spec, uint32_t i)
{
    const bool   slaney = spec->bands == KT_BANDS_MEL_SLANEY;
    const double low    = slaney ? slaney_mel(spec->low_hz) : kaldi_mel(spec->low_hz);
    const double high   = slaney ? slaney_mel(spec->high_hz) : kaldi_mel(spec->high_hz);
    const double step   = (high - low) / (spec->count + 1);
    triangle_t   out    = {low + i * step, low + (i + 1) * step, low + (i + 2) * step};
    if (slaney)
        out = (triangle_t){slaney_hz(out.low), slaney_hz(out.mid), slaney_hz(out.high)};
    return out;
}

// Kaldi's has no weight at half the rate.
static void
fill_mel(kt_audio_bank_t *self, const kt_audio_spec_t *spec, size_t capacity)
{
    const bool     slaney = spec->bands == KT_BANDS_MEL_SLANEY;
    const uint32_t bins   = slaney ? spec->fft / 2 + 1 : spec->fft / 2;
    for (; self->n_bands < spec->count; self->n_bands++) {
        const triangle_t      t    = mel_triangle(spec, (uint32_t)self->n_bands);
        kt_filterbank_band_t *band = &self->bands[self->n_bands];
        *band                      = (kt_filterbank_band_t){.offset = self->n_weights};
        for (uint32_t k = 0; k < bins && self->n_weights < capacity; k++) {
            const double hz     = (double)k * spec->rate_hz / spec->fft;
            const float  weight = slaney ? slaney_weight(&t, hz) : kaldi_weight(&t, hz);
            if (weight <= 0)
                continue;
            if (band->count++ == 0)
                band->first = k;
            self->weights[self->n_weights++] = weight;
        }
    }
}

// --- madmom's logarithmic bands: triangles over the bins that are nearest to frequencies equally spaced in pitch

// Bins of the frequencies between low_hz and high_hz, each once. madmom counts floor(fft / 2) bins and spaces them as
// if the transform had twice as many points.
static size_t
log_bins(const kt_audio_spec_t *spec, uint32_t *bins)
{
    const uint32_t count = spec->fft / 2;
    const double   per = spec->per_octave, step = spec->rate_hz / (2.0 * count);
    const double   from = floor(log2(spec->low_hz / spec->reference_hz) * per);
    const double   to   = ceil(log2(spec->high_hz / spec->reference_hz) * per);
    size_t         n    = 0;
    for (double k = from; k < to; k++) {
        const double hz = spec->reference_hz * exp2(k / per);
        if (hz < spec->low_hz || hz > spec->high_hz)
            continue;
        const uint32_t above = (uint32_t)fmin(fmax(ceil(hz / step), 1), count - 1);
        const uint32_t bin   = hz - (above - 1) * step < above * step - hz ? above - 1 : above;
        if (n == 0 || bins[n - 1] != bin)
            bins[n++] = bin;
    }
    return n;
}

static void
fill_log(kt_audio_bank_t *self, const uint32_t *bins, size_t n)
{
    for (; self->n_bands + 2 < n && self->n_bands < KT_FILTERBANK_BANDS; self->n_bands++) {
        const uint32_t        first = bins[self->n_bands], rise = bins[self->n_bands + 1] - first;
        const uint32_t        count = bins[self->n_bands + 2] - first, fall = count - rise;
        float                *weight = self->weights + self->n_weights;
        double                sum    = 0;
        kt_filterbank_band_t *band   = &self->bands[self->n_bands];
        *band = (kt_filterbank_band_t){.first = first, .count = count, .offset = self->n_weights};
        for (uint32_t i = 0; i < count; i++) {
            weight[i] = (float)(i < rise ? (double)i / rise : 1 - (double)(i - rise) / fall);
            sum += (double)weight[i];
        }
        for (uint32_t i = 0; i < count; i++)
            weight[i] = (float)((double)weight[i] / sum);
        self->n_weights += count;
    }
}

kt_err_t
kt_audio_bank_init(kt_audio_bank_t *self, const kt_audio_spec_t *spec, char why[KT_KTM_WHY])
{
    // A bin is inside two triangles at most; the rounding of a corner may add one more.
    const size_t capacity = spec->fft + (size_t)KT_FILTERBANK_BANDS + 2;
    kt_err_t     err      = KT_ENOMEM;
    *self                 = (kt_audio_bank_t){.bands   = calloc(KT_FILTERBANK_BANDS, sizeof *self->bands),
                                              .weights = calloc(capacity, sizeof *self->weights)};
    uint32_t *bins        = calloc(spec->fft / 2 + 1, sizeof *bins);
    if (!self->bands || !self->weights || !bins)
        goto fail;
    if (spec->bands == KT_BANDS_LOG)
        fill_log(self, bins, log_bins(spec, bins));
    else
        fill_mel(self, spec, capacity);
    err = KT_EMODEL;
    if (self->n_bands == 0) {
        snprintf(why, KT_KTM_WHY, "input.bands: there is no band between these frequencies");
        goto fail;
    }
    free(bins);
    return KT_OK;
fail:
    free(bins);
    kt_audio_bank_fini(self);
    return err;
}

void
kt_audio_bank_fini(kt_audio_bank_t *self)
{
    free(self->bands);
    free(self->weights);
    *self = (kt_audio_bank_t){0};
}
