// kt_tempi -- what the beats of a stream say of its tempo: the one that holds longest, how stable it is, and where it
// changes. Pure.
//
// Local tempo: of runs of 16 beats that no cut interrupts. The tempo is the median of those within 4 % of the one that
// most time is near to, each weighted with 1 - d / 8 %, d its deviation. The stability is the mean of this weight about
// the tempo: 1 is constant, 0 where the local tempo is 8 % and more away all the time.
//
// Changes: intervals from beat to beat, cut into pieces of constant tempo such that the squared deviations (of their
// logarithms, in units of their usual spread) plus a price for each piece are least (optimal partitioning; Jackson et
// al. 2005). A meter that changes begins a piece. Pieces that differ by less than 2.5 % are one.
#pragma once

#include "node/audio/rhythm/bars.h"

typedef struct kt_tempo_change {
    double time, bpm;  // of the first beat; from there on
    int    signature;
} kt_tempo_change_t;

typedef struct kt_tempi {
    double             bpm, stability;
    kt_tempo_change_t *changes;  // the first one is the first beat's
    size_t             n_changes;
} kt_tempi_t;

// n > 1 beats. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_tempi_of(kt_tempi_t *self, const kt_beat_t *beats, size_t n);
void                 kt_tempi_fini(kt_tempi_t *self);
