#include "node/audio/key/pitch_classes.h"

#include "kernels/audio/power_spectrum.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// Frames of about 0.37 s, half overlapping: two semitones are distinguished from 60 Hz on. Every local maximum of a
// frame's power spectrum between 25 and 2000 Hz within 40 dB of its largest (above, there is little but overtones and
// percussion) is a peak; its frequency and power p are those of a parabola through the decibels. It counts p^0.3, its
// loudness by Stevens' law, for its own pitch and, with shares of 0.6 and 0.36, for the pitches whose second and third
// harmonic it could be (Gomez 2006, section 3.2). A frame is divided by the square root of its sum, so that loud
// passages count more, but not in proportion.
//
// All of it is counted in cents of the octave; at the end of a segment the tuning is known, and each semitone
// takes the cents within half a semitone around it under a cos^2 window.
static const double FRAME_S = 0.372, LOW_HZ = 25, HIGH_HZ = 2000, SHARE = 0.6, STEVENS = 0.3;
static const float  RANGE = 1e-4f, FLOOR = 1e-6f;  // of the frame's largest power; a sine of full scale has n_fft^2/16

enum { CENTS = 1200, SEMITONE = 100, HARMONICS = 3, BATCH = 32, LEAST_HZ = 8000 };

struct kt_pitch_classes {
    uint32_t            rate_hz, n_fft, hop;
    size_t              first, bins;  // bins that may be peaks: first .. bins - 2
    kt_power_spectra_t *powers;
    float              *rows;  // [BATCH][bins]
    float              *tail;  // the last frame, filled with zeros
    double              harmonic_cents[HARMONICS];
    double              segment[CENTS], segment_own[CENTS], segment_tuning[SEMITONE];  // own: without harmonics
    double              classes[KT_PITCH_CLASSES], own[KT_PITCH_CLASSES], tuning[SEMITONE];
    uint64_t            peaks;
};

kt_err_t
kt_pitch_classes_new(kt_pitch_classes_t **self_p, const kt_cpu_ops_t *ops, uint32_t rate_hz)
{
    kt_err_t err = KT_ENOMEM;
    if (rate_hz < LEAST_HZ)
        return KT_EINVAL;
    kt_pitch_classes_t *self = calloc(1, sizeof *self);
    if (!self)
        goto fail;
    uint32_t n_fft = 256;
    while (n_fft < 16384 && n_fft * M_SQRT2 < FRAME_S * rate_hz)
        n_fft *= 2;
    double bin_hz = (double)rate_hz / n_fft;
    self->rate_hz = rate_hz;
    self->n_fft   = n_fft;
    self->hop     = n_fft / 2;
    self->first   = (size_t)fmax(2, ceil(LOW_HZ / bin_hz));
    self->bins    = (size_t)fmin(n_fft / 4.0, HIGH_HZ / bin_hz + 2);
    for (int h = 0; h < HARMONICS; h++)
        self->harmonic_cents[h] = CENTS * log2(h + 1);

    self->rows = calloc(BATCH * self->bins, sizeof *self->rows);
    self->tail = calloc(self->n_fft, sizeof *self->tail);
    if (!self->rows || !self->tail || (err = kt_power_spectra_new(&self->powers, ops, rate_hz, self->n_fft, self->hop)))
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_pitch_classes_destroy(&self);
    return err;
}

void
kt_pitch_classes_destroy(kt_pitch_classes_t **self_p)
{
    kt_pitch_classes_t *self = *self_p;
    if (!self)
        return;
    kt_power_spectra_destroy(&self->powers);
    free(self->rows);
    free(self->tail);
    free(self);
    *self_p = NULL;
}

typedef struct peak {
    double cents;   // above A4 = 440 Hz
    double weight;  // loudness
} peak_t;

// The parabola through three neighbours in logarithms.
static peak_t
peak_at(const kt_pitch_classes_t *self, const float *power, size_t k)
{
    double before = log2((double)power[k - 1] + FLOOR), at = log2((double)power[k] + FLOOR),
           after = log2((double)power[k + 1] + FLOOR);
    double curve = before - 2 * at + after;
    double shift = curve < 0 ? (before - after) / (2 * curve) : 0;
    double top   = at - (before - after) * shift / 4;
    double hz    = ((double)k + shift) * self->rate_hz / self->n_fft;
    return (peak_t){CENTS * log2(hz / 440), exp2(STEVENS * top)};
}

static size_t
wrapped_index(double cents, size_t n)
{
    double at = cents - floor(cents / (double)n) * (double)n;
    size_t i  = (size_t)at;
    return i < n ? i : n - 1;
}

static void
add_frame_peaks(kt_pitch_classes_t *self, const float *power)
{
    enum { MOST_PEAKS = 2048 };
    static const double C_CENTS = SEMITONE * 9.0;
    peak_t              peaks[MOST_PEAKS];
    float               largest = 0;
    for (size_t k = self->first; k + 1 < self->bins; k++)
        largest = power[k] > largest ? power[k] : largest;
    float  least = largest * RANGE > FLOOR ? largest * RANGE : FLOOR;
    size_t n     = 0;
    for (size_t k = self->first; k + 1 < self->bins && n < MOST_PEAKS; k++)
        if (power[k] > least && power[k] > power[k - 1] && power[k] >= power[k + 1])
            peaks[n++] = peak_at(self, power, k);

    double total = 0;
    for (size_t i = 0; i < n; i++)
        total += peaks[i].weight;
    double scale = total > 0 ? 1 / sqrt(total) : 0;
    self->peaks += n;
    for (size_t i = 0; i < n; i++) {
        double weight = peaks[i].weight * scale;
        self->segment_tuning[wrapped_index(peaks[i].cents + SEMITONE / 2.0, SEMITONE)] += weight;
        self->segment_own[wrapped_index(peaks[i].cents + C_CENTS, CENTS)] += weight;
        for (int h = 0; h < HARMONICS; h++, weight *= SHARE)
            self->segment[wrapped_index(peaks[i].cents + C_CENTS - self->harmonic_cents[h], CENTS)] += weight;
    }
}

// The direction of the mean of all deviations on the circle of one semitone; *focus is its length.
static double
mean_deviation(const double histogram[SEMITONE], double *focus)
{
    double re = 0, im = 0, total = 0;
    for (int i = 0; i < SEMITONE; i++) {
        double angle = 2 * M_PI * ((i + 0.5) / SEMITONE - 0.5);
        re += histogram[i] * cos(angle);
        im += histogram[i] * sin(angle);
        total += histogram[i];
    }
    *focus           = total > 0 ? hypot(re, im) / total : 0;
    double deviation = total > 0 ? atan2(im, re) / (2 * M_PI) : 0;
    return deviation < 0.5 ? deviation : -0.5;
}

static void
add_chroma_frames(kt_pitch_classes_t *self, const float *samples, size_t frames)
{
    kt_power_spectra_rows(self->powers, samples, frames, self->bins, self->rows);
    for (size_t f = 0; f < frames; f++)
        add_frame_peaks(self, self->rows + f * self->bins);
}

kt_err_t
kt_pitch_classes_fold(kt_pitch_classes_t *self, const float *samples, size_t n)
{
    size_t whole = n < self->n_fft ? 0 : 1 + (n - self->n_fft) / self->hop;
    for (size_t at = 0; at < whole; at += BATCH)
        add_chroma_frames(self, samples + at * self->hop, whole - at < BATCH ? whole - at : BATCH);
    size_t rest = n - whole * self->hop;  // shorter than a frame
    if (rest > self->hop || whole == 0) {
        memset(self->tail, 0, self->n_fft * sizeof *self->tail);
        memcpy(self->tail, samples + whole * self->hop, rest * sizeof *self->tail);
        add_chroma_frames(self, self->tail, 1);
    }

    // The segment's cents into twelve classes, and its tuning to that of the whole.
    double focus, tuning = mean_deviation(self->segment_tuning, &focus);
    double classes[KT_PITCH_CLASSES] = {0}, own[KT_PITCH_CLASSES] = {0};
    for (int i = 0; i < CENTS; i++) {
        double at      = (i + 0.5) / SEMITONE - tuning;
        double nearest = floor(at + 0.5);
        double window  = cos(M_PI * (at - nearest));
        int    c       = ((int)nearest % KT_PITCH_CLASSES + KT_PITCH_CLASSES) % KT_PITCH_CLASSES;
        classes[c] += self->segment[i] * window * window;
        own[c] += self->segment_own[i] * window * window;
    }
    for (int c = 0; c < KT_PITCH_CLASSES; c++) {
        self->classes[c] += classes[c];
        self->own[c] += own[c];
    }
    for (int i = 0; i < SEMITONE; i++)
        self->tuning[i] += self->segment_tuning[i];
    memset(self->segment, 0, sizeof self->segment);
    memset(self->segment_own, 0, sizeof self->segment_own);
    memset(self->segment_tuning, 0, sizeof self->segment_tuning);
    return KT_OK;
}

void
kt_pitch_classes_merge(kt_pitch_classes_t *self, const kt_pitch_classes_t *next)
{
    for (int c = 0; c < KT_PITCH_CLASSES; c++) {
        self->classes[c] += next->classes[c];
        self->own[c] += next->own[c];
    }
    for (int i = 0; i < SEMITONE; i++)
        self->tuning[i] += next->tuning[i];
    self->peaks += next->peaks;
}

void
kt_pitch_classes_profile(const kt_pitch_classes_t *self, double out[KT_PITCH_CLASSES])
{
    double total = 0;
    for (int c = 0; c < KT_PITCH_CLASSES; c++)
        total += self->classes[c];
    for (int c = 0; c < KT_PITCH_CLASSES; c++)
        out[c] = total > 0 ? self->classes[c] / total : 0;
}

double
kt_pitch_classes_alone(const kt_pitch_classes_t *self)
{
    double total = 0, most = 0;
    for (int c = 0; c < KT_PITCH_CLASSES; c++) {
        total += self->own[c];
        most = fmax(most, self->own[c]);
    }
    return total > 0 ? most / total : 0;
}

double
kt_pitch_classes_tuning(const kt_pitch_classes_t *self)
{
    double focus;
    return mean_deviation(self->tuning, &focus);
}

double
kt_pitch_classes_focus(const kt_pitch_classes_t *self)
{
    static const double CHANCE = 20;  // n peaks at random have focus^2 * n above x with probability exp(-x) (Rayleigh)
    double              focus;
    (void)mean_deviation(self->tuning, &focus);
    return focus * focus * (double)self->peaks < CHANCE ? 0 : focus;
}
