// kt_half_band -- every second sample of a signal, behind the low-pass filter that libsoxr's HQ recipe (librosa's
// "soxr_hq") has at this ratio: 379 symmetric taps, read once from libsoxr's impulse response. Overlap-save on the
// batched transform, several blocks side by side: six octaves of one minute of sound take 1.2 ms with AVX-512, 2 with
// AVX2, where libsoxr takes 5.5. Constant after init; any number of threads share it.
#pragma once

#include "common/err.h"
#include "kernels/audio/plan.h"

enum {
    KT_HALF_BAND_REACH         = 189,   // taps on either side of the middle
    KT_HALF_BAND_LEAD          = 192,   // samples before a block's first one that it reads
    KT_HALF_BAND_N_FFT         = 2048,  // samples that a block reads in all
    KT_HALF_BAND_STEP          = 1664,  // samples from block to block
    KT_HALF_BAND_OUT           = KT_HALF_BAND_STEP / 2,
    KT_HALF_BAND_BINS          = KT_HALF_BAND_N_FFT / 4 + 1,
    KT_HALF_BAND_SCRATCH_BYTES = 3 * KT_HALF_BAND_N_FFT / 2 * 64,
};

typedef struct kt_half_band {
    kt_plan_t *whole, *half;                 // transforms of N_FFT and N_FFT / 2 real samples, under a window of ones
    float      tap[KT_HALF_BAND_REACH + 1];  // from the middle outwards
    float      response[KT_HALF_BAND_BINS];  // up to the new Nyquist frequency, with the transforms' scale
} kt_half_band_t;

// KT_ENOMEM. A zeroed struct may be finished.
KT_MUST_USE kt_err_t kt_half_band_init(kt_half_band_t *self);
void                 kt_half_band_fini(kt_half_band_t *self);

// The reference: out[j], j in [0, blocks * OUT), is the filter at in[LEAD + 2 * j]. A block reads in[i * STEP .. i *
// STEP + N_FFT). scratch: 64-byte aligned, KT_HALF_BAND_SCRATCH_BYTES.
void kt_half_band_ref(const kt_half_band_t *self, void *scratch, const float *in, size_t blocks, float *out);
