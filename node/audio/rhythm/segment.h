// kt_rhythm -- the rhythm of a part of a stream: evidence, then tempo and meter, then the pulse, then its bars.
#pragma once

#include "common/err.h"
#include "node/audio/rhythm/tempo.h"

typedef struct kt_rhythm {
    double      seconds;
    kt_tempo_t  tempo;                   // period 0: no beat
    const char *why;                     // then: the reason
    double      bpm;                     // by the intervals of the beats
    double     *beats, *downs, *onsets;  // seconds from the stream's start
    size_t      n_beats, n_downs, n_onsets;
} kt_rhythm_t;

// Frames begin .. end of the envelope, of `seconds`. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_rhythm_of(kt_rhythm_t *self, const kt_rhythm_rows_t *rows, size_t begin, size_t end,
                                  double seconds);
void                 kt_rhythm_fini(kt_rhythm_t *self);
