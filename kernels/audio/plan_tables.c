#include "kernels/audio/plan.h"

#include <math.h>
#include <stdlib.h>

static const double PI = 3.14159265358979323846;

// --- the transform

kt_err_t
kt_plan_fill_transform(kt_plan_t *self)
{
    const uint32_t n = self->opts.n_fft, points = self->points;
    self->window      = calloc(n, sizeof *self->window);
    self->twiddle     = calloc(2 * (size_t)points, sizeof *self->twiddle);
    self->twiddle_f32 = calloc(2 * (size_t)points, sizeof *self->twiddle_f32);
    self->place       = calloc(points, sizeof *self->place);
    self->unpack      = calloc(points + 2, sizeof *self->unpack);
    self->unpack_f32  = calloc(points + 2, sizeof *self->unpack_f32);
    if (!self->window || !self->twiddle || !self->twiddle_f32 || !self->place || !self->unpack || !self->unpack_f32)
        return KT_ENOMEM;
    for (uint32_t i = 0; i < n; i++)
        self->window[i] = 0.5 - 0.5 * cos(2 * PI * i / n);

    // Index of frequency k after the radix-4 passes (the last one is radix 2 if a factor of two is left).
    for (uint32_t k = 0; k < points; k++) {
        uint32_t rest = k, len = points;
        for (; len >= 4; len /= 4, rest /= 4)
            self->place[k] += rest % 4 * (len / 4);
        self->place[k] += rest;
    }

    for (uint32_t k = 0; k <= points / 2; k++) {
        self->unpack[2 * k]     = cos(2 * PI * k / n);
        self->unpack[2 * k + 1] = sin(2 * PI * k / n);
    }
    for (uint32_t i = 0; i < points + 2; i++)
        self->unpack_f32[i] = (float)self->unpack[i];

    size_t at = 0;
    for (uint32_t len = points; len >= 4; len /= 4)
        for (uint32_t j = 0; j < len / 4; j++)
            for (uint32_t power = 1; power <= 3; power++, at += 2) {
                const double angle        = -2 * PI * (double)(j * power) / len;
                self->twiddle[at]         = cos(angle);
                self->twiddle[at + 1]     = sin(angle);
                self->twiddle_f32[at]     = (float)self->twiddle[at];
                self->twiddle_f32[at + 1] = (float)self->twiddle[at + 1];
            }
    return KT_OK;
}

// --- mel

// Slaney: linear below 1000 Hz, 15 mel; above, 27 mel for each factor of 6.4.
static const double MEL_HZ = 200.0 / 3;

// Corner i of the triangles: n_mels + 2 points equally spaced in mel up to half the rate.
static double
mel_corner(const kt_plan_t *self, uint32_t i)
{
    const double log_step = log(6.4) / 27, top = self->opts.rate_hz / 2.0;
    const double top_mel = top < 1000 ? top / MEL_HZ : 15 + log(top / 1000) / log_step;
    const double mel     = i * (top_mel / (self->opts.n_mels + 1));
    return mel < 15 ? mel * MEL_HZ : 1000 * exp(log_step * (mel - 15));
}

// Rounded to float before and after the area is normalised, as librosa's table is.
static float
mel_weight(double low, double mid, double high, double hz)
{
    const float weight = (float)fmax(0, fmin((hz - low) / (mid - low), (high - hz) / (high - mid)));
    return (float)(weight * (2 / (high - low)));
}

kt_err_t
kt_plan_fill_mel(kt_plan_t *self)
{
    // A bin is inside two triangles at most; the rounding of a corner may add one more.
    const size_t capacity = 2 * (size_t)self->bins + self->opts.n_mels;
    self->mel             = calloc(self->opts.n_mels, sizeof *self->mel);
    self->mel_weight      = calloc(capacity, sizeof *self->mel_weight);
    if (!self->mel || !self->mel_weight)
        return KT_ENOMEM;
    size_t offset = 0;
    for (uint32_t i = 0; i < self->opts.n_mels; i++) {
        const double   low = mel_corner(self, i), mid = mel_corner(self, i + 1), high = mel_corner(self, i + 2);
        kt_mel_band_t *band = &self->mel[i];
        *band               = (kt_mel_band_t){.offset = offset};
        for (uint32_t k = 0; k < self->bins; k++) {
            const float weight = mel_weight(low, mid, high, k * kt_plan_bin_hz(self));
            if (weight <= 0 || offset >= capacity)
                continue;
            if (band->count++ == 0)
                band->first = k;
            self->mel_weight[offset++] = weight;
        }
    }
    return KT_OK;
}

// --- DCT-II, orthonormal

kt_err_t
kt_plan_fill_dct(kt_plan_t *self)
{
    const uint32_t n = self->opts.n_mels, rows = self->opts.n_mfcc;
    self->dct_stride = (rows + 15) / 16 * 16;
    self->dct        = aligned_alloc(64, (size_t)n * self->dct_stride * sizeof *self->dct);
    if (!self->dct)
        return KT_ENOMEM;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t c = 0; c < self->dct_stride; c++) {
            const double scale                          = sqrt((c == 0 ? 1.0 : 2.0) / n);
            self->dct[(size_t)i * self->dct_stride + c] = c < rows ? scale * cos(PI * c * (2 * i + 1) / (2.0 * n)) : 0;
        }
    return KT_OK;
}

// --- contrast and pitch: ranges of bins

// Bins with low <= f <= high, the one before (except in the first band), and in the last band all above; then all bands
// except the last lose their last bin. `extremes` counts before that. No contrast where librosa has an error: a band
// without a bin, or with none left.
void
kt_plan_fill_contrast(kt_plan_t *self)
{
    const double hz  = 1.0 / (self->opts.n_fft * (1.0 / self->opts.rate_hz));  // as numpy.fft.rfftfreq rounds it
    double       low = 0, high = 200;
    self->has_contrast = true;
    for (uint32_t k = 0; k < KT_BANDS && self->has_contrast; k++, low = high, high *= 2) {
        uint32_t first = 0;
        while (first < self->bins && first * hz < low)
            first++;
        uint32_t end = first;
        while (end < self->bins && end * hz <= high)
            end++;
        self->has_contrast = low < self->opts.rate_hz / 2.0 && first < end;
        if (!self->has_contrast)
            return;

        first -= k > 0;
        end                    = k == KT_BANDS - 1 ? self->bins : end;
        const uint32_t members = end - first;
        self->contrast[k]      = (kt_contrast_band_t){
                 .first = first, .count = members - (k < KT_BANDS - 1), .extremes = (uint32_t)fmax(1, rint(0.02 * members))};
        self->has_contrast = self->contrast[k].count > 0;
    }
}

void
kt_plan_fill_pitch(kt_plan_t *self)
{
    const double hz = kt_plan_bin_hz(self), top = fmin(4000, self->opts.rate_hz / 2.0);
    self->pitch_begin = 1;  // the first bin is never a peak
    while (self->pitch_begin * hz < 150)
        self->pitch_begin++;
    self->pitch_end = self->pitch_begin;
    while (self->pitch_end < self->bins - 1 && self->pitch_end * hz < top)
        self->pitch_end++;
}
