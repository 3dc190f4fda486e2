// kt_shot -- one shot of a film: where it begins, and what leads to it. Plain data.
#pragma once

#include <stdint.h>

typedef enum kt_transition { KT_CUT, KT_FADE, KT_DISSOLVE, KT_WIPE } kt_transition_t;

typedef struct kt_shot {
    uint64_t        index;            // of its first picture
    double          begin_s, from_s;  // first picture of the shot; of the transition that leads to it (a cut: begin_s)
    kt_transition_t transition;       // that leads to it; the first shot: KT_CUT
} kt_shot_t;
