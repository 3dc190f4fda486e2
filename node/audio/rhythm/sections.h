// kt_sections -- the parts of a stream in which the path of tempo and meter (path.h) continues. Where one follows the
// other is known to a quarter of a minute by the windows; so the frames of neighbours overlap, and the beats decide;
// those on both sides of one without a beat do not.
#pragma once

#include "node/audio/rhythm/path.h"

typedef struct kt_section {
    size_t                begin, end;  // frames of the envelope that its beats may have
    int                   signature;   // 0: there is no beat
    const kt_path_step_t *steps;       // borrowed: those of its windows
    size_t                n_steps;
    size_t                first_centre, hop;  // frames: the centre of its first window, from one to the next
} kt_section_t;

// Of windows whose steps are given, up to frame `end`. free() *sections. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_sections_of(const kt_window_t *windows, const kt_path_step_t *steps, size_t n, size_t hop,
                                    size_t end, kt_section_t **sections, size_t *count);
// Seconds per beat at a frame: straight between the centres of windows, beyond them that of the first or last.
double kt_section_period(const kt_section_t *self, size_t frame);
