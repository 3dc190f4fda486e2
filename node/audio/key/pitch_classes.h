// kt_pitch_classes -- how much of each pitch class a recording has: a harmonic pitch class profile (Gomez 2006, "Tonal
// description of music audio signals") of the spectral peaks of long frames, each segment in its own tuning; and
// how the peaks deviate from the semitones. State: a few kilobytes whatever the length. One thread.
#pragma once

#include "common/err.h"
#include "kernels/audio/ops.h"

#include <stddef.h>
#include <stdint.h>

enum { KT_PITCH_CLASSES = 12 };

typedef struct kt_pitch_classes kt_pitch_classes_t;

// ops: borrowed. KT_EINVAL: a rate at which nothing of this is defined (below 8000 Hz); KT_ENOMEM.
KT_MUST_USE kt_err_t kt_pitch_classes_new(kt_pitch_classes_t **self_p, const kt_cpu_ops_t *ops, uint32_t rate_hz);
void                 kt_pitch_classes_destroy(kt_pitch_classes_t **self_p);

// The samples of one segment, finite. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_pitch_classes_fold(kt_pitch_classes_t *self, const float *samples, size_t n);

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
