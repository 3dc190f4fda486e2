// kt_beats -- one beat after the other through the sections of a stream, at about their tempo, which may drift.
//
// The decoding of a bar-pointer model (Whiteley, Cemgil, Godsill 2006; Krebs, Boeck, Widmer 2015) whose tempo changes
// at beats alone: then a state is a frame with a beat and the interval before it, a handful of predecessors each, and
// the best path is exact. The salience of a beat is the envelope there (all bands and the lowest two groups) less its
// mean, in units of four means; an interval costs 30 times its relative difference from the one before and twice its
// relative difference from the period. At a price the grid begins anew, half to one and a half beats after the last
// one: within a section, where music was cut, and once from each section to the next, where the tempo changes.
#pragma once

#include "node/audio/rhythm/envelope.h"
#include "node/audio/rhythm/sections.h"

typedef struct kt_pulse {
    size_t frame;    // of the envelope
    size_t section;  // which it belongs to
    bool   begins;   // a grid: the interval before it is none
    bool   opens;    // no section before it leads to it
} kt_pulse_t;

// A beat that is known, and the interval before it, frames: the first one of the first section. NULL: the stream
// begins. free() *pulses. KT_ENOMEM.
typedef struct kt_pulse_seed {
    size_t frame, interval;
} kt_pulse_seed_t;
KT_MUST_USE kt_err_t kt_beats_track(const kt_envelope_t *envelope, const kt_section_t *sections, size_t n_sections,
                                    const kt_pulse_seed_t *seed, kt_pulse_t **pulses, size_t *count);
