// kt_beats -- one beat after the other through a segment, at about a known period that may drift.
//
// The decoding of a bar-pointer model (Whiteley, Cemgil, Godsill 2006; Krebs, Boeck, Widmer 2015) whose tempo changes
// at beats alone: then a state is a frame with a beat and the interval before it, a handful of predecessors each, and
// the best path is exact. The salience of a beat is the envelope there (all bands and the lowest two groups) less its
// mean, in units of four means; an interval costs 30 times its relative difference from the one before and twice its
// relative difference from the period.
#pragma once

#include "node/audio/rhythm/evidence.h"

// Frames of the envelope, ascending, within 18 % of the period (seconds) of each other. free() *frames. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_beats_track(const kt_envelope_t *envelope, double period, size_t **frames, size_t *count);
