// kt_evidence -- the data that tempo, beats and bars of a part of a stream are derived from: the envelope, its
// autocorrelation at lags up to ten seconds, and the harmony and the bass some twenty times per second.
#pragma once

#include "node/audio/rhythm/harmony.h"
#include "node/audio/rhythm/rows.h"

// Autocorrelation over windows of twenty seconds, 1 at lag 0 (all 0: no signal).
typedef struct kt_likeness {
    float *value;
    size_t lags;
    double rate_hz;
} kt_likeness_t;

// At a lag in seconds, straight between the values; 0 beyond the last.
double kt_likeness_at(const kt_likeness_t *self, double lag);
// The largest of nine values within lag * (1 - spread) .. lag * (1 + spread); 0 where lag is beyond the last.
double kt_likeness_near(const kt_likeness_t *self, double lag, double spread);

typedef struct kt_evidence {
    kt_envelope_t    envelope;
    double          *onsets;  // seconds
    size_t           n_onsets;
    kt_harmony_t     harmony;  // chroma
    kt_harmony_t     bass;
    float           *change;  // [harmony.frames] of the harmony, with a reach of 0.2 s
    kt_activations_t activations;

    // The rest is that of kt_evidence_compare. Rises above the mean of 0.2 s on both sides: of the full envelope, where
    // one loud onset is capped, of its groups, and of the amplitude in its ranges.
    float *above_full, *above[KT_ENVELOPE_GROUPS], *above_loud[KT_ENVELOPE_RANGES];
    // of the full envelope, of all its groups, of the lowest, of the two at 370 to 1600 Hz, of the two above, of the
    // amplitude in its ranges
    kt_likeness_t full, groups, low, middle, high, loud[KT_ENVELOPE_RANGES];
    kt_likeness_t changes;     // of `change`
    double        unheard;     // 0 .. 1: 1 where the harmony changes and no onsets repeat, as slow attacks have none
    double        harmonic;    // 0 .. 1: how much the harmony changes within a second; drums alone have little
    double        percussive;  // the largest likeness of the amplitude above 2400 Hz at a quarter of a second to two
} kt_evidence_t;

// Of frames begin .. end of the envelope, and the harmony at their times; all times count from frame begin. begin <
// end. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_evidence_new(kt_evidence_t *self, const kt_rhythm_rows_t *rows, size_t begin, size_t end);
KT_MUST_USE kt_err_t kt_evidence_compare(kt_evidence_t *self);  // what tempo and meter are judged by. KT_ENOMEM
void                 kt_evidence_fini(kt_evidence_t *self);
