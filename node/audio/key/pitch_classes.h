// kt_pitch_classes -- how much of each pitch class a recording has: a harmonic pitch class profile (Gomez 2006, "Tonal
// description of music audio signals") of the spectral peaks of its segments (kernels/audio/cents.h), each in its own
// tuning: a semitone takes the cents within half a semitone around it under a cos^2 window. And how the peaks deviate
// from the semitones. A few kilobytes whatever the length. One thread.
#pragma once

#include "kernels/audio/cents.h"

enum { KT_PITCH_CLASSES = 12 };

// Zeroed: nothing yet.
typedef struct kt_pitch_classes {
    double   classes[KT_PITCH_CLASSES], own[KT_PITCH_CLASSES];  // own: without harmonics
    double   tuning[KT_CENTS_SEMITONE];
    uint64_t peaks;
} kt_pitch_classes_t;

// The peaks of one segment.
void kt_pitch_classes_fold(kt_pitch_classes_t *self, const kt_cents_t *cents);
// Appends what `next` has counted of the same stream.
void kt_pitch_classes_merge(kt_pitch_classes_t *self, const kt_pitch_classes_t *next);

// From C; the sum is 1, or all are 0 where there is no peak at all.
void kt_pitch_classes_profile(const kt_pitch_classes_t *self, double out[KT_PITCH_CLASSES]);
// 0 .. 1: how much of the peaks themselves, without what they could be a harmonic of, is of the strongest pitch class;
// 1 for a pure tone and its octaves. 0 where there are none.
double kt_pitch_classes_alone(const kt_pitch_classes_t *self);
// Deviation of the peaks from the semitones of A4 = 440 Hz, in semitones, [-0.5, 0.5); 0 where there are none.
double kt_pitch_classes_tuning(const kt_pitch_classes_t *self);
// 0 .. 1: how closely the peaks keep to one grid of semitones; a synthesiser's nearly do (1), speech hardly (0.03).
// 0 where it could be chance: noise, or too few peaks.
double kt_pitch_classes_focus(const kt_pitch_classes_t *self);
