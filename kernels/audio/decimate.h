// kt_halving -- every second sample of a signal, behind the low-pass filter that libsoxr's HQ recipe (librosa's
// "soxr_hq") has at this ratio: 379 symmetric taps, read once from libsoxr's answer to an impulse. Overlap-save on the
// batched transform, several blocks side by side: six octaves of a minute of sound take 1.2 ms with AVX-512, 2 with
// AVX2, where libsoxr takes 5.5. Constant after init; any number of threads share it.
#pragma once

#include "common/err.h"
#include "kernels/audio/plan.h"

enum {
    KT_HALVING_REACH         = 189,   // taps on either side of the middle
    KT_HALVING_LEAD          = 192,   // samples before a block's first one that it reads
    KT_HALVING_N_FFT         = 2048,  // samples that a block reads in all
    KT_HALVING_STEP          = 1664,  // samples from block to block
    KT_HALVING_OUT           = KT_HALVING_STEP / 2,
    KT_HALVING_SCRATCH_BYTES = 3 * KT_HALVING_N_FFT / 2 * 64,
};

typedef struct kt_halving {
    kt_plan_t *whole, *half;               // transforms of N_FFT and N_FFT / 2 real samples, under a window of ones
    float      tap[KT_HALVING_REACH + 1];  // from the middle outwards
    float      response[KT_HALVING_N_FFT / 4 + 1];  // up to the new Nyquist frequency, with the transforms' scale
} kt_halving_t;

// KT_ENOMEM. A zeroed struct may be finished.
KT_MUST_USE kt_err_t kt_halving_init(kt_halving_t *self);
void                 kt_halving_fini(kt_halving_t *self);

// The reference: out[j], j in [0, blocks * OUT), is the filter at in[LEAD + 2 * j]. A block reads in[i * STEP .. i *
// STEP + N_FFT). scratch: 64-byte aligned, KT_HALVING_SCRATCH_BYTES.
void kt_halve_ref(const kt_halving_t *self, void *scratch, const float *in, size_t blocks, float *out);
