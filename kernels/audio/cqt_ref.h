// The reference of a constant-Q octave: each bin of each frame by its own sum, in double.
#pragma once

#include "kernels/audio/cqt_basis.h"

// Adds to out, [frames][12], the magnitudes of the 36 wavelets, class by class, times gain. Frame t covers pcm[t * hop
// .. t * hop + n_fft).
void kt_cqt_octave_ref(const kt_cqt_basis_t *basis, void *scratch, const float *pcm, size_t hop, size_t frames,
                       float gain, float *out);
