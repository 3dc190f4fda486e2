// kt_gradual -- dissolves, wipes and fades: the evidence and the decision of one moment. A dissolve or wipe is found by
// its middle: a picture that is a mixture (mixture.h) of an earlier and a later one that have little in common, while
// the pictures before the one and after the other change less. A fade is found by its flat picture: the contrast falls
// to nothing before it or rises from nothing after it, step by step. Pure; any thread.
#pragma once

#include "node/video/shots/mixture.h"
#include "node/video/shots/samples.h"

#include <stdbool.h>

typedef struct kt_gradual_evidence {
    double   window_s;
    uint64_t from, middle, to;         // samples
    float    share, spread, residual;  // of the mixture
    float    rise;                     // of the share, from the first quarter to the third
    float    change;                   // kt_shot_difference of the ends
    float    sides;                    // the larger of those before `from` and after `to`, over half the window
    float    halves;                   // the smaller of those to the middle
    float    colour;                   // of the ends
    float    steps, moved;             // means of kt_shot_picture_t.change and .moved of the samples behind `from`
    float    contrast;                 // of the middle to the smaller one of the ends, logarithm: mixtures have less
} kt_gradual_evidence_t;

// Samples of the shot that the middle lies in, as far as it is known.
typedef struct kt_gradual_span {
    uint64_t first, last;
} kt_gradual_span_t;

enum { KT_GRADUAL_WINDOWS = 5 };
#define KT_GRADUAL_REACH_S 1.75  // a decision uses samples up to this long after its middle, and enters nothing before

// False: there is none in this window (0..KT_GRADUAL_WINDOWS - 1) around `middle`, or its score is not above `least`.
bool  kt_gradual_evidence(const kt_shot_samples_t *samples, const kt_gradual_span_t *span, uint64_t middle, int window,
                          float least, kt_gradual_evidence_t *out);
float kt_gradual_score(const kt_gradual_evidence_t *evidence);  // log odds
// Narrows from and to down to the samples between which the share rises, by a line through a quarter and three
// quarters.
void kt_gradual_narrow(const kt_shot_samples_t *samples, kt_gradual_evidence_t *evidence);
