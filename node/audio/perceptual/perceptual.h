// Descriptors of one file, and the perceptual estimators on them: one function per estimator, each in a file of its own
// with its formula and sources. All are signal methods without training; a model's value may replace them. Pure.
#pragma once

#include "node/audio/segment.h"

#include <math.h>
#include <stdint.h>

// NAN: unknown. An estimator leaves out an unknown term, or returns NAN where it cannot.
typedef struct kt_descriptors {
    double loudness;            // LUFS
    double onset_strength;      // mean, dB
    double centroid, flatness;  // means weighted with the frame's level: Hz; log10
    double mode, key_strength;  // 1 major, -1 minor; 0..1
    double tempo;               // BPM
    double scaling;             // exponent of the detrended fluctuation
} kt_descriptors_t;

double kt_energy(const kt_descriptors_t *descriptors);
double kt_valence(const kt_descriptors_t *descriptors);
double kt_danceability(const kt_descriptors_t *descriptors);
double kt_danceability_essentia(double danceability);  // on the scale of Essentia, 0 to about 3
double kt_acousticness(const kt_descriptors_t *descriptors);

// 0 far below the middle, 1 far above, a half there; `width` is from .5 to .73. Strictly monotone; NAN stays NAN.
static inline double
kt_soft_step(double value, double middle, double width)
{
    return 1 / (1 + exp((middle - value) / width));
}

// Detrended fluctuation of the level (detrended_fluctuation.c): for each time scale the sum of the mean squared
// residuals and their number; and how many seconds there are above -80 dBFS, a constant not counted as sound.
enum { KT_FLUCTUATION_SCALES = 36 };
typedef struct kt_fluctuation {
    double residual[KT_FLUCTUATION_SCALES], blocks[KT_FLUCTUATION_SCALES], sounding;
} kt_fluctuation_t;
KT_MUST_USE kt_err_t kt_fluctuation_fold(kt_fluctuation_t *self, const kt_segment_t *segment);  // KT_ENOMEM
double               kt_fluctuation_exponent(const kt_fluctuation_t *self);  // NAN: too short, or constant
