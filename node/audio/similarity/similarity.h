// The parts of the similarity module: raw values of a recording that neither its level nor its key nor its length
// changes much. The tables of scale.c bring them to one scale. One thread.
#pragma once

#include "node/audio/segment.h"

enum {
    KT_SIM_BANDS     = 32,  // each the sum of four of 128 mel bands
    KT_SIM_CEPSTRA   = 19,
    KT_SIM_TIMBRE    = 3 * KT_SIM_CEPSTRA,
    KT_SIM_GROUPS    = 8,   // of four bands
    KT_SIM_OCTAVES   = 7,   // of modulation: 10.8-21.5 Hz down to 0.17-0.34 Hz
    KT_SIM_LAGS      = 32,  // of the onset envelope's autocorrelation
    KT_SIM_INTERVALS = 6 + 5 * 12,
    KT_SIM_PATTERN   = KT_SIM_GROUPS * KT_SIM_OCTAVES + KT_SIM_LAGS + KT_SIM_INTERVALS,
    KT_SIM_COMBINED  = KT_SIM_TIMBRE + KT_SIM_PATTERN,
    KT_SIM_EMBEDDING = 512,  // at most, of a model
};

// Bands of each frame of a segment in log2(1 + 10^4 * power / mean power of the segment): levels 40 dB below the
// mean or less (noise, losses of a codec) count little. out: [frames][KT_SIM_BANDS]. False: silence.
bool kt_similarity_bands(const kt_segment_t *segment, float *out);

// timbre.c -- mean, deviation and mean change of the cepstrum of the bands, without its level.
typedef struct kt_timbre {
    uint64_t frames, changes;
    double   sum[KT_SIM_CEPSTRA], squares[KT_SIM_CEPSTRA], change[KT_SIM_CEPSTRA];
} kt_timbre_t;
void kt_timbre_fold(kt_timbre_t *self, const float *bands, size_t frames);
void kt_timbre_add(kt_timbre_t *self, const kt_timbre_t *more);
void kt_timbre_values(const kt_timbre_t *self, double out[KT_SIM_TIMBRE]);  // frames > 0

// pattern.c -- modulation of the bands, autocorrelation of the onsets, intervals of the chroma over time.
typedef struct kt_pattern {
    double   energy[KT_SIM_GROUPS][KT_SIM_OCTAVES];
    uint64_t pairs[KT_SIM_OCTAVES];
    double   onset_power, onset_lag[KT_SIM_LAGS];
    double   interval[6][12];
} kt_pattern_t;
// chroma: [frames][12]. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_pattern_fold(kt_pattern_t *self, const float *bands, const float *chroma, size_t frames);
void                 kt_pattern_add(kt_pattern_t *self, const kt_pattern_t *more);
void                 kt_pattern_values(const kt_pattern_t *self, double out[KT_SIM_PATTERN]);

// scale.c -- mean and deviation of every raw value over real tracks, and how stable it is when a
// track is cut and encoded again; timbre first.
typedef struct kt_similarity_scale {
    float mean, deviation, weight;
} kt_similarity_scale_t;
extern const kt_similarity_scale_t kt_similarity_scales[KT_SIM_COMBINED];
