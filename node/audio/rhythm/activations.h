// kt_activations -- what a model of beats (KT_MODELS_BEATS) says of a stream: the probability of a beat and that of a
// downbeat, some fifty times per second. It is one more evidence of tempo, meter and phase; where no such model is
// installed there are no rows, and everything is as without it.
#pragma once

#include "node/audio/models/models.h"

// Rows of the whole stream, borrowed from the models: row t is centred at t / rate_hz.
typedef struct kt_activation_rows {
    const float *values;  // [rows][width]; NULL: there are none
    size_t       rows, width;
    size_t       beat, downbeat;  // columns
    double       rate_hz;
} kt_activation_rows_t;

// Those of a part of a stream.
typedef struct kt_activations {
    size_t frames;    // 0: there are none
    double rate_hz;   // frame t is centred at t / rate_hz of the part
    float *beat;      // probability of a beat, whether it begins a bar or not
    float *downbeat;  // of one that does
} kt_activations_t;

// After the models are closed. Zeros where there is no model, or where it failed.
kt_activation_rows_t kt_activation_rows_of(const kt_audio_models_t *models);

// From `begin_s` on, for `seconds`. Past the last row they are 0. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_activations_new(kt_activations_t *self, const kt_activation_rows_t *rows, double begin_s,
                                        double seconds);
// One of the two rows at a time between two frames; 0 outside.
double kt_activation_at(const kt_activations_t *self, const float *row, double second);
void   kt_activations_fini(kt_activations_t *self);
