// kt_rhythm -- the rhythm of one segment: evidence, then tempo and meter, then the pulse, then its bars.
#pragma once

#include "common/err.h"
#include "kernels/device.h"
#include "node/audio/rhythm/tempo.h"
#include "node/audio/segment.h"

typedef struct kt_rhythm {
    double      seconds;
    kt_tempo_t  tempo;                   // period 0: no beat
    const char *why;                     // then: the reason
    double      bpm;                     // by the intervals of the beats
    double     *beats, *downs, *onsets;  // seconds from the stream's start
    size_t      n_beats, n_downs, n_onsets;
} kt_rhythm_t;

// plan: kt_envelope_plan's. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_rhythm_of(kt_rhythm_t *self, kt_device_t *device, const kt_plan_t *plan,
                                  const kt_segment_t *segment);
void                 kt_rhythm_fini(kt_rhythm_t *self);
