// kt_filterbank -- frames of samples to bands of a spectrum: window, Fourier transform, power or magnitude, sparse
// triangles, logarithm; what the front ends of audio models have in common. In double up to the bands, in float from
// there. Every value is finite: NaN and what is below the floor become the floor. Constant after new; any thread.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_filterbank kt_filterbank_t;

enum { KT_FILTERBANK_FACTOR = 128, KT_FILTERBANK_BANDS = 1024 };

// Bins first .. first + count - 1 with the weights from `offset` on.
typedef struct kt_filterbank_band {
    uint32_t first, count;
    size_t   offset;
} kt_filterbank_band_t;

// A frame is `length` samples times scale, zeros up to n. A value is gain * ln(max(floor, factor * x + term)).
typedef struct kt_filterbank_opts {
    uint32_t      n;  // points of the transform: see kt_filterbank_fits
    uint32_t      length, hop;
    const double *window;              // [length]
    double        scale, preemphasis;  // that part of the sample before is subtracted; the first's is itself
    bool          offset;              // the frame's mean is subtracted, before that
    bool          magnitude;
    bool          half;  // x is rounded to float16, at most 65504
    float         factor, term, floor, gain;
    size_t        n_bands;
    const kt_filterbank_band_t *bands;
    const float                *weights;
    size_t                      n_weights;
} kt_filterbank_opts_t;

// A power of two from 256 to 16384, or a product of two factors that are at most KT_FILTERBANK_FACTOR.
bool                 kt_filterbank_fits(uint32_t n);
KT_MUST_USE kt_err_t kt_filterbank_new(kt_filterbank_t           **self_p,
                                       const kt_filterbank_opts_t *opts);  // KT_EINVAL, KT_ENOMEM
void                 kt_filterbank_destroy(kt_filterbank_t **self_p);
typedef struct kt_filterbank_ops {
    size_t (*scratch_bytes)(const kt_filterbank_t *self);  // 64-byte aligned, for each thread
    // Frame i covers pcm[i * hop .. i * hop + length); out: [count][n_bands]. A frame's values depend on its samples
    // alone.
    void (*rows)(const kt_filterbank_t *self, void *scratch, const float *pcm, size_t count, float *out);
} kt_filterbank_ops_t;

// One table per instruction set (kernels/isa.h chooses).
extern const kt_filterbank_ops_t kt_filterbank_ops_ref, kt_filterbank_ops_base;
#ifdef KT_HAVE_AVX
extern const kt_filterbank_ops_t kt_filterbank_ops_avx2, kt_filterbank_ops_avx512;
#endif
