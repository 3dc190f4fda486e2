// kt_power_spectra -- power spectra of frames of any length, for what looks at single partials and not at the bands of
// the analysis (key). The frames have a plan of their own; single precision, as in the second pass of the device:
// rounding is 1e-14 of the power of the frame's loudest bin. One thread.
#pragma once

#include "common/err.h"
#include "kernels/audio/ops.h"

#include <stddef.h>
#include <stdint.h>

typedef struct kt_power_spectra kt_power_spectra_t;

// The plan of such frames: nothing but the transform's tables is used of it, so its bands are as few as a plan may
// have.
static inline kt_frontend_opts_t
kt_power_spectra_opts(uint32_t rate_hz, uint32_t n_fft, uint32_t hop)
{
    return (kt_frontend_opts_t){
        .rate_hz = rate_hz, .n_fft = n_fft, .hop = hop, .n_mels = 1, .n_mfcc = 1, .n_chroma = 12};
}
// ops: borrowed, of one instruction set. n_fft: a power of two from 256 to 16384. KT_EINVAL, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_power_spectra_new(kt_power_spectra_t **self_p, const kt_cpu_ops_t *ops, uint32_t rate_hz,
                                          uint32_t n_fft, uint32_t hop);
void                 kt_power_spectra_destroy(kt_power_spectra_t **self_p);
// The first `bins` (at most n_fft / 2 + 1) of |X|^2 of each frame under a periodic Hann window, row-major
// [frames][bins]. Frame i covers pcm[i * hop .. i * hop + n_fft); nothing is centred or padded here. A frame's values
// depend on its samples alone.
void kt_power_spectra_rows(kt_power_spectra_t *self, const float *pcm, size_t frames, size_t bins, float *out);
