// kt_cuda_bass -- rows of the bass (kernels/audio/bass.h), in two launches: low values of the samples, and rows of the
// power spectra of those, which kt_cuda_power_spectra makes between the two. As all launchers (kt_cuda.h): neither
// allocates nor synchronises.
#pragma once

#include "kernels/gpu/bass.h"

#include <cuda_runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

// in: [(values + KT_BASS_STEPS - 1) * step], 16-byte aligned; tap: [KT_BASS_SUMS][step] of kt_bass_tables.
typedef struct kt_cuda_bass_low {
    const float *in, *tap;
    float       *low;  // [values]
    uint32_t     values, step;
} kt_cuda_bass_low_t;

// KT_EINVAL: a step that is no multiple of four or too long, or more values than a grid has; KT_EIO.
KT_MUST_USE kt_err_t kt_cuda_bass_low(const kt_cuda_bass_low_t *self, cudaStream_t stream);

typedef struct kt_cuda_bass_rows {
    const float   *power;        // [rows][past]
    const uint8_t *pitch_class;  // [past] of kt_bass_tables
    uint16_t      *out;          // [rows][KT_BASS_WIDTH]
    uint32_t       rows, first, past;
} kt_cuda_bass_rows_t;

// KT_EINVAL: too many bins; KT_EIO.
KT_MUST_USE kt_err_t kt_cuda_bass_rows(const kt_cuda_bass_rows_t *self, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
