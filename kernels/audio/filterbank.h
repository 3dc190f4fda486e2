// kt_filterbank -- frames to bands of a spectrum: Fourier transform, power or magnitude, sparse triangles, logarithm.
// What the front ends of audio models have in common. Single precision: rounding is 1e-7 of a frame's loudest bin.
// Every value is finite: NaN and what is below the floor become the floor. Constant after new; any thread.
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

// A value is gain * ln(max(floor, scale * x + offset)); half: x is rounded to float16 first, and at most 65504.
typedef struct kt_filterbank_opts {
    uint32_t                    n;  // samples of a frame: see kt_filterbank_fits
    bool                        magnitude, half;
    float                       scale, offset, floor, gain;
    size_t                      n_bands;
    const kt_filterbank_band_t *bands;
    const float                *weights;
    size_t                      n_weights;
} kt_filterbank_opts_t;

// A power of two from 256 to 16384, or a product of two factors that are at most KT_FILTERBANK_FACTOR.
bool                 kt_filterbank_fits(uint32_t n);
KT_MUST_USE kt_err_t kt_filterbank_new(kt_filterbank_t           **self_p,
                                       const kt_filterbank_opts_t *opts);  // KT_EINVAL, KT_ENOMEM
void                 kt_filterbank_destroy(kt_filterbank_t **self_p);
// Floats from frame to frame: n up to a multiple of 8, the rest zeros.
size_t kt_filterbank_stride(uint32_t n);

typedef struct kt_filterbank_ops {
    size_t (*scratch_bytes)(const kt_filterbank_t *self);  // 64-byte aligned, for each thread
    // frames: [count][stride], windowed; out: [count][n_bands]. A frame's values depend on its samples alone.
    void (*rows)(const kt_filterbank_t *self, void *scratch, const float *frames, size_t count, float *out);
} kt_filterbank_ops_t;

// One table per instruction set (kernels/isa.h chooses).
extern const kt_filterbank_ops_t kt_filterbank_ops_ref, kt_filterbank_ops_base;
#ifdef KT_HAVE_AVX
extern const kt_filterbank_ops_t kt_filterbank_ops_avx2, kt_filterbank_ops_avx512;
#endif
