// kt_activation_positions -- what the activations say of where in the tracked pulse the beat and the bar begin: their
// means at the metrical positions of a bar (bars.h).
#pragma once

#include "node/audio/rhythm/bars.h"

enum {
#define KT_ACTIVATION_POSITION(role, weight, meaning) KT_ACTIVATION_##role,
#include "node/audio/rhythm/activation_positions.def"
#undef KT_ACTIVATION_POSITION
    KT_ACTIVATION_ROLES
};

// Probabilities at each part of the pulse; [parts], 0 without a model.
typedef struct kt_activation_grid {
    size_t parts;
    float *beat, *downbeat;
} kt_activation_grid_t;

// pulse: n > 1 frames of the envelope. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_activation_grid_new(kt_activation_grid_t *self, const kt_evidence_t *evidence,
                                            const size_t *pulse, size_t n);
void                 kt_activation_grid_fini(kt_activation_grid_t *self);
// Features of each of the beats * KT_POSITION_PARTS positions of a bar, from the parts begin .. end: whole bars.
void kt_activation_positions(const kt_activation_grid_t *self, int beats, size_t begin, size_t end,
                             double features[KT_POSITION_MOST][KT_ACTIVATION_ROLES]);
// Their weighted sum.
double kt_activation_position_score(const double feature[KT_ACTIVATION_ROLES]);
