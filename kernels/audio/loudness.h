// Loudness kernels -- energy after K-weighting and the peak between the samples (ITU-R BS.1770-4, annexes 1 and 2). The
// plain reference (loudness_ref.c) is the definition; cpu/loudness.c is compiled once for each instruction set. Pure
// functions on the caller's state; any thread.
#pragma once

#include <stddef.h>
#include <stdint.h>

// The K-weighting at one rate: a shelf (+4 dB above 1.7 kHz), then a high-pass at 38 Hz whose numerator is 1, -2, 1.
typedef struct kt_kweight {
    double shelf_b[3], shelf_a[2], high_a[2];
} kt_kweight_t;

enum { KT_KWEIGHT_MIN_HZ = 4000 };  // the shelf's frequency must be below half the rate

// State of one channel's filters: the last two values before, between and behind the two sections.
typedef struct kt_kweight_state {
    double x[2], y[2], z[2];
} kt_kweight_state_t;

// Interpolation by a Kaiser-windowed sinc: value s of phase p is the sum of taps[p][k] * x[s + k] and lies between
// samples s + KT_PEAK_TAPS / 2 - 1 and s + KT_PEAK_TAPS / 2. The samples themselves are the phase that is left out.
enum {
    KT_PEAK_TAPS   = 24,
    KT_PEAK_GROUP  = 64,  // values that are computed or left out together
    KT_PEAK_MARGIN = 32,  // samples that the kernel reads beyond the last value
    KT_PEAK_PHASES = 3,
};
typedef struct kt_interpolation {
    uint32_t phases;  // between two samples: 3 (four times the rate), 1 (twice) or 0
    float    taps[KT_PEAK_PHASES][KT_PEAK_TAPS];
    float    bound;  // a value is at most this many times the largest |sample| under the taps
} kt_interpolation_t;

typedef struct kt_peaks {
    float  sample;   // largest |sample|
    float  between;  // largest |value| between samples, where it is above `sample`
    double squares;  // sum of the samples' squares
} kt_peaks_t;

typedef struct kt_loudness_ops {
    // Interleaved into planes: plane c begins at planes + c * stride.
    void (*planes)(const float *pcm, size_t frames, uint32_t channels, float *planes, size_t stride);
    // n samples of two channels side by side; adds the energy behind the K-weighting to energy[2].
    void (*energy)(const kt_kweight_t *weight, kt_kweight_state_t state[2], const float *const plane[2], size_t n,
                   double energy[2]);
    // Values 0 .. n - 1 (n a multiple of KT_PEAK_GROUP) from n + KT_PEAK_MARGIN samples, of which all but the first
    // KT_PEAK_MARGIN are counted as samples. Groups that cannot raise the peak are left out.
    void (*peaks)(const kt_interpolation_t *between, const float *x, size_t n, kt_peaks_t *peaks);
} kt_loudness_ops_t;

void kt_kweight_design(kt_kweight_t *out, double rate_hz);
void kt_interpolation_design(kt_interpolation_t *out, double rate_hz);  // by the rate: 4 times, from 96 kHz 2, 192 none

// One table per instruction set (kernels/isa.h chooses).
extern const kt_loudness_ops_t kt_loudness_ops_ref, kt_loudness_ops_base;
#ifdef KT_HAVE_AVX
extern const kt_loudness_ops_t kt_loudness_ops_avx2, kt_loudness_ops_avx512;
#endif
