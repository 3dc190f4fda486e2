// kt_bars -- where in the tracked pulse the beat and the bar begin. A tracker may follow the off-beats, and has no
// notion of bars. So each interval is cut into twelve parts, and each metrical position of a bar gets a linear score of
// how well it is a downbeat, its successors are beats, and the parts between them are not: levels of the rises in four
// frequency ranges, of the amplitude in two, and changes of harmony over a short and a long reach, against their mean
// (metrical_positions.def).
// Scores are taken per group of bars; the best sequence of positions may change from group to group at a cost. Where
// the pulses begin anew, what costs nothing is that the beats go on as they were.
#pragma once

#include "node/audio/rhythm/beats.h"
#include "node/audio/rhythm/evidence.h"

#include <stdbool.h>

enum {
    KT_POSITION_PARTS    = 12,  // of a beat
    KT_POSITION_CHANNELS = 8,
    KT_POSITION_ROLES    = 6,  // downbeat, beat, least beat, alternation of beats, half or thirds, last third
    KT_POSITION_FEATURES = KT_POSITION_CHANNELS * KT_POSITION_ROLES,
    KT_POSITION_MOST     = 7 * KT_POSITION_PARTS,
};

// A grid of KT_POSITION_PARTS values per interval of the pulse, for each channel.
typedef struct kt_positions {
    size_t parts;  // values: intervals * KT_POSITION_PARTS
    float *level[KT_POSITION_CHANNELS];
    void  *memory;
} kt_positions_t;

// pulse: n > 1 frames of the envelope. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_positions_new(kt_positions_t *self, const kt_evidence_t *evidence, const size_t *pulse,
                                      size_t n);
void                 kt_positions_fini(kt_positions_t *self);
// Features of each of the beats * KT_POSITION_PARTS positions of a bar, from the parts begin .. end: whole bars.
void kt_positions_features(const kt_positions_t *self, int signature, size_t begin, size_t end,
                           double features[KT_POSITION_MOST][KT_POSITION_FEATURES]);

typedef struct kt_beat {
    double time;       // seconds of the envelope
    size_t pulse;      // that it is at, or behind
    int    signature;  // beats per bar
    bool   down;       // begins a bar
    bool   begins;     // a grid: the interval before it is none
} kt_beat_t;

// The first beat of a bar is at part `place` of the grid, counted from a pulse: 0 .. beats * KT_POSITION_PARTS - 1.
// before: that of the first pulse, which is decided, so that the path begins there; -1: none is.
typedef struct kt_bars_opts {
    int  signature;
    int  before;
    bool opens;  // beats may lie up to one interval before the first pulse
} kt_bars_opts_t;

// Beats on the best positions of the pulses of one section, moved to onsets within 30 ms; without a whole bar none
// begins a bar. places: [n], of each pulse; or NULL. n > 1. free() *beats. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_bars_find(const kt_evidence_t *evidence, const kt_bars_opts_t *opts, const kt_pulse_t *pulse,
                                  size_t n, kt_beat_t **beats, size_t *n_beats, int *places);
