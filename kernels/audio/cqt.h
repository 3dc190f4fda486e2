// kt_cqt -- chroma of a constant-Q transform, and the tonal centroids (tonnetz) made from it, as librosa 0.11's
// chroma_cqt and tonnetz: seven octaves from C1, 36 bins per octave, periodic Hann wavelets, basis sparsified at 1 %.
// The same 36 wavelets serve every octave: between octaves the rate is halved behind libsoxr's HQ filter, as there. The
// samples run through that cascade in short blocks, so the memory is a few blocks whatever their number. One thread.
//
// Sources: Schoerkhuber and Klapuri 2010 (the recursive transform); Harte, Sandler, Gasser 2006 (tonnetz); librosa
// 0.11's constantq.py, filters.py.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_CQT_CLASSES = 12, KT_CQT_PER_OCTAVE = 36, KT_TONNETZ = 6 };

typedef struct kt_cqt kt_cqt_t;
struct kt_cpu_ops;  // kernels/audio/ops.h

// True if it is defined: the highest wavelet lies below half the rate (8,412 Hz and up), the hop can be halved six
// times, and the longest wavelet of the top octave fits 16,384 samples.
bool kt_cqt_is_defined(uint32_t rate_hz, uint32_t hop);

// ops: borrowed, of one instruction set. KT_EINVAL: not defined; KT_ENOMEM.
KT_MUST_USE kt_err_t kt_cqt_new(kt_cqt_t **self_p, const struct kt_cpu_ops *ops, uint32_t rate_hz, uint32_t hop);
void                 kt_cqt_destroy(kt_cqt_t **self_p);

// Chroma of the first `frames` (at most 1 + n / hop) frames centred at t * hop, with zeros around the samples; out is
// [frames][12] from C, each frame divided by its largest value (a frame of zeros stays zero). tuning: fraction of a bin
// of which there are 36 per octave, [-0.5, 0.5) (kt_spectral_peaks_tuning). Samples are finite. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_cqt_chroma(kt_cqt_t *self, double tuning, const float *pcm, size_t n, size_t frames,
                                   float *out);

// [frames][12] chroma to [frames][6] tonal centroids: fifths, minor thirds, major thirds, sine and cosine of each. A
// frame of zeros gives zeros. Pure.
void kt_tonnetz(const float *chroma, size_t frames, float *out);
