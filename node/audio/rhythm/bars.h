// kt_bars -- where in the tracked pulse the beat and the bar begin. A tracker may sit on the off-beats, and says
// nothing of bars. So each interval is cut into twelve parts, and for each of the places in a bar a linear score asks
// how well it is a downbeat, its successors are beats, and what lies between them is not: levels of the rises in four
// ranges and changes of harmony over a short and a long reach, there against their mean (rhythm_places.def). Scores are
// taken in groups of bars, and the best sequence of places may change from group to group at a cost.
#pragma once

#include "node/audio/rhythm/evidence.h"

enum {
    KT_PLACE_PARTS    = 12,  // of a beat
    KT_PLACE_CHANNELS = 6,
    KT_PLACE_ROLES    = 5,  // downbeat, beat, half or thirds, last third or quarters, middle of the bar
    KT_PLACE_CLUES    = KT_PLACE_CHANNELS * KT_PLACE_ROLES,
    KT_PLACE_MOST     = 7 * KT_PLACE_PARTS,
};

// A grid of KT_PLACE_PARTS values an interval of the pulse, for each channel.
typedef struct kt_places {
    size_t parts;  // values: intervals * KT_PLACE_PARTS
    float *level[KT_PLACE_CHANNELS];
    void  *memory;
} kt_places_t;

// pulse: n > 1 frames of the envelope. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_places_new(kt_places_t *self, const kt_evidence_t *evidence, const size_t *pulse, size_t n);
void                 kt_places_fini(kt_places_t *self);
// Clues of each of the beats * KT_PLACE_PARTS places of a bar, from the parts begin .. end (whole bars of them).
void kt_places_clues(const kt_places_t *self, int signature, size_t begin, size_t end,
                     double clues[KT_PLACE_MOST][KT_PLACE_CLUES]);

// Beats and downbeats in seconds of the envelope, on the best places of the pulse, drawn to onsets within 30 ms.
// n_downs of them begin a bar. free() both. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_bars_find(const kt_evidence_t *evidence, int signature, const size_t *pulse, size_t n,
                                  double **beats, size_t *n_beats, double **downs, size_t *n_downs);
