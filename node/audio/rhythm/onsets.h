// kt_onsets -- the beginnings of notes: peaks of the envelope's rise that are 0.6 dB above the mean of 100 ms on both
// sides and are the largest within 30 ms, their place found between frames by a parabola, less the envelope's delay.
#pragma once

#include "node/audio/rhythm/envelope.h"

// Seconds from the envelope's begin, ascending, 30 ms apart at least. free() *times. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_onsets_find(const kt_envelope_t *envelope, double **times, size_t *count);
