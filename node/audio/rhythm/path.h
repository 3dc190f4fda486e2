// kt_path -- one tempo and meter for each window, chosen over all of them: the most probable sequence of hypotheses, in
// which a change has a price (Viterbi). So an octave or a meter that windows are unsure of is that of the windows
// around, and what is decided is a change that lasts.
//
// States: periods in steps of 1 %, times meters; and none. A state's score in a window is the logarithm of the
// probability of its period, plus half of that of its meter at this period. From one window to the next the period may
// drift at a price per step; a jump to another period or meter has a price that grows with the distance.
#pragma once

#include "node/audio/rhythm/windows.h"

#include <stdbool.h>

typedef struct kt_path_step {
    double period;                       // seconds; of the window's own hypothesis, or between those of its neighbours
    int    signature;                    // 0: there is no beat here
    bool   jumps;                        // it does not continue that of the window before
    double share, meter_share, clarity;  // of the window: probability of the period, of the meter at it
    double other_period, other_share;    // the most probable other one; 0: there is none
} kt_path_step_t;

// before: the step of the window before the first one, which is decided; NULL: the stream begins. steps: [n], n > 0.
// KT_ENOMEM.
KT_MUST_USE kt_err_t kt_path_find(const kt_window_t *windows, size_t n, double rate_hz, const kt_path_step_t *before,
                                  kt_path_step_t *steps);
