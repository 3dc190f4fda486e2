// kt_meters -- hypotheses of beat and bar: a period and a meter each, scored together, since the bars distinguish a
// tempo from its double, its half and its two thirds.
//
// Periods: peaks of the autocorrelation summed over one to four beats (comb, as in Percival and Tzanetakis 2014), and
// their simple ratios; where no onsets repeat, of that of the changes of the harmony too (bowed strings, choirs). Each
// is combined with 2, 3, 4, 5 and 7 beats per bar and with 6 (two beats of three parts). The score is linear in the
// features of weights.def (likeness at the beat, its parts and multiples; contrast of the bar's multiples with other
// beats', after Cozens and Godsill 2023; a mild prior of tempo, bar and meter); a softmax over all hypotheses makes it
// a probability.
#pragma once

#include "node/audio/rhythm/activation_meters.h"
#include "node/audio/rhythm/evidence.h"

enum { KT_METER_KINDS = 6, KT_METER_PERIODS = 48, KT_METER_HYPOTHESES = KT_METER_PERIODS * KT_METER_KINDS };

enum {
#define KT_WEIGHT(name, weight, meaning) KT_METER_FEATURE_##name,
#include "node/audio/rhythm/weights.def"
#undef KT_WEIGHT
    KT_METER_FEATURES
};

typedef struct kt_meter {
    double period;     // seconds per beat
    int    signature;  // 2, 3, 4, 5, 6, 7
    double feature[KT_METER_FEATURES];
    double activation[KT_ACTIVATIONS];  // zeros without a model of beats
    double probability;
} kt_meter_t;

static inline int
kt_meter_beats(int signature)
{
    return signature == 6 ? 2 : signature;
}

typedef struct kt_tempo {
    double period, other_period;       // seconds; other_period 0: there is no runner-up
    double period_share, meter_share;  // probability of the period; of the meter among those of this period
    int    signature;
    double clarity;  // kt_tempo_clarity
} kt_tempo_t;

// Of an evidence after kt_evidence_compare. The hypotheses with their probabilities, at most KT_METER_HYPOTHESES, and
// their number: 0 where nothing repeats. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_meters_gather(const kt_evidence_t *evidence, kt_meter_t *meters, size_t *count);
// The largest likeness of the groups at one to seven beats, 0 .. 1: in an uneven bar no beat is like the next one. Or,
// where no onsets repeat, the regularity of the changes of the harmony.
double kt_tempo_clarity(const kt_evidence_t *evidence, double period);
