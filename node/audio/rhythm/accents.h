// kt_accents -- where in four beats the sound rises: rises folded at four beats of a period, in windows of eight
// seconds or more. They show what alternates (kick and snare), what comes on every beat, and what is between beats.
#pragma once

#include "node/audio/rhythm/evidence.h"

// Means over the windows. The first beat of a window is the place, of twelve per beat, where its four beats have most.
typedef struct kt_accents {
    double opposite;       // -1 .. 1: the lowest group and those at 780 to 3,700 Hz are on alternate beats
    double loud_opposite;  // -1 .. 1: the amplitude at 60 to 270 Hz and above 2400 Hz are
    double thirds;         // rises on both thirds of the beat less those on its half, over their mean
    double last_third;     // on the second third less those on the first, over their mean
    double half;           // 0 .. 1: rises on halves of beats, of those on beats and halves

    // These have the first beat where the low rises have most. 0 .. 1.
    double even, kick_even;  // of two beats that are two apart, both have the same: all rises; those at 60 to 270 Hz
    double kick_least;       // the weakest beat has as much as the mean of all, at 60 to 270 Hz
} kt_accents_t;

// Of an evidence after kt_evidence_compare that has frames. period: seconds per beat, above 0.
kt_accents_t kt_accents_of(const kt_evidence_t *evidence, double period);
