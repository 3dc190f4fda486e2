// kt_pointer -- beats and their places in the bar from activations: the most probable path of a bar pointer
// (Whiteley, Cemgil, Godsill 2006) in the state space of Krebs, Boeck and Widmer (ISMIR 2015). A pointer moves through
// the bar, one part of a beat per frame; the interval from beat to beat is a whole number of frames and changes at
// beats alone, with the density exp(-change * |next / last - 1|).
//
// Observations: in the first sixteenth of a beat the probability of a beat (of a downbeat in the bar's first beat, of
// one that is none in the others), elsewhere that of neither, spread over the other fifteen.
//
// Between two beats nothing is to be decided, so a state is a frame with a beat, its place in the bar and the interval
// before it: the path is exact. Pure; time and memory: frames * beats * intervals.
#pragma once

#include "node/audio/rhythm/activations.h"

#include <stdint.h>

enum { KT_POINTER_INTERVALS = 250 };  // of one search

typedef struct kt_pointer_opts {
    double shortest_s, longest_s;  // intervals
    double change;                 // 0 .. 1000; 100 is usual
    int    beats;                  // in a bar, 1 .. 12; 1: no bars, all beats are alike
} kt_pointer_opts_t;

typedef struct kt_pointer_path {
    size_t   count;
    size_t  *frame;     // of each beat, ascending; free() it
    uint8_t *place;     // of each in its bar: 0 is the downbeat; free() it
    double   evidence;  // log-probability of the path and the activations per frame
} kt_pointer_path_t;

// No beats where the activations are shorter than two intervals. KT_EINVAL: options; KT_ENOMEM.
KT_MUST_USE kt_err_t kt_pointer_decode(const kt_activations_t *activations, const kt_pointer_opts_t *opts,
                                       kt_pointer_path_t *out);
void                 kt_pointer_fini(kt_pointer_path_t *self);
