// Filling kt_spectral_peaks_t: shared by the reference and the fast kernels, so that both give the same bins.
#pragma once

#include "kernels/audio/rows.h"

// One peak at `bin` of a spectrum, from its value and its neighbours', by librosa's widths of float; deviations are
// from a grid of per_octave pitches. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_spectral_peaks_add(kt_spectral_peaks_t *self, const kt_plan_t *plan, unsigned per_octave,
                                           uint32_t bin, float before, float at, float after);
// A peak whose frequency and height are known already.
KT_MUST_USE kt_err_t kt_spectral_peaks_append(kt_spectral_peaks_t *self, unsigned per_octave, float magnitude,
                                              float pitch_hz);
