// The inside of kt_plan: every table of one configuration, computed once in double, constant afterwards, shared by all
// threads. Only the files of kernels/ include it. Sources: librosa 0.11 (filters.mel, filters.chroma,
// spectral_contrast).
#pragma once

#include "kernels/audio/rows.h"

enum { KT_BANDS = 7, KT_PITCH_BINS = 100 };

// One mel band: the run of bins whose weight is not zero.
typedef struct kt_mel_band {
    uint32_t first, count;
    size_t   offset;  // into mel_weight
} kt_mel_band_t;

// One band of spectral contrast: its bins, and how many of the smallest and largest are averaged.
typedef struct kt_contrast_band {
    uint32_t first, count, extremes;
} kt_contrast_band_t;

struct kt_plan {
    kt_frontend_opts_t opts;
    uint32_t           bins;    // n_fft/2 + 1
    uint32_t           points;  // n_fft/2: size of the complex transform
    double            *window;  // [n_fft] periodic Hann

    // Complex transform of `points` values, radix 4, decimation in frequency: for each pass (points, points/4, ... 8)
    // and each j below a quarter of its length, w^j, w^2j, w^3j as (re, im). place[k] is where frequency k ends up.
    double   *twiddle;
    float    *twiddle_f32;
    uint32_t *place;   // [points]
    double   *unpack;  // [points/2 + 1][2] cos, sin of 2 pi k / n_fft: from the complex to the real transform
    float    *unpack_f32;

    kt_mel_band_t     *mel;         // [n_mels]
    float             *mel_weight;  // all bands' weights, one after the other
    bool               has_contrast;
    kt_contrast_band_t contrast[KT_BANDS];
    uint32_t           dct_stride;              // n_mfcc rounded up to 16, so that a row of the table is whole vectors
    double            *dct;                     // [n_mels][dct_stride], zero beyond n_mfcc
    uint32_t           pitch_begin, pitch_end;  // bins of piptrack's 150 to 4000 Hz
};

static inline double
kt_plan_bin_hz(const kt_plan_t *self)
{
    return (double)self->opts.rate_hz / self->opts.n_fft;
}

// For a transform without bands: a plan of n_fft with a rectangular window, and otherwise the smallest options that a
// plan accepts. As kt_plan_new.
KT_MUST_USE kt_err_t kt_plan_new_transform(kt_plan_t **self_p, uint32_t n_fft);

// plan_tables.c; each fills its part of the plan. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_plan_fill_transform(kt_plan_t *self);
KT_MUST_USE kt_err_t kt_plan_fill_mel(kt_plan_t *self);
KT_MUST_USE kt_err_t kt_plan_fill_dct(kt_plan_t *self);
void                 kt_plan_fill_contrast(kt_plan_t *self);
void                 kt_plan_fill_pitch(kt_plan_t *self);

// chroma_bank.c: bank is [bins][n_chroma], float as librosa's, for a tuning in fractions of a chroma bin.
void kt_chroma_bank(const kt_plan_t *self, double tuning, float *bank);
// The same as bumps instead of a matrix, for a device that computes weights where it needs them: [3][bins] step within
// the octave, sharpness, scale. The weight of bin k for class c, counted from A, is scale * exp(-sharpness * d^2), d
// the distance step - c folded into [-rint(n/2), n - rint(n/2)); class 0 of the output is 3 * (n/12) classes above A.
void kt_chroma_bumps(const kt_plan_t *self, double tuning, float *bumps);
