// Sample kernels -- one pass over the samples of a channel, for the measures of sound quality: extremes, sums, isolated
// spikes, zeros. The plain reference (samples_ref.c) is the definition; cpu/samples.c is compiled once for each
// instruction set. Pure functions; any thread.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { KT_GROUP_SAMPLES = 64, KT_GROUP_SUMS = 4, KT_LOWPASS_TAPS = 32 };

// Measures of 64 consecutive samples. The spike of a sample above (or below) both neighbours is its distance from the
// nearer one; 0 for a sample between them. Its bend is its distance from the mean of its neighbours.
typedef struct kt_sample_group {
    float    low, high;           // smallest and largest sample
    float    squares;             // sum
    float    spike;               // largest
    float    bends;               // sum
    float    sum[KT_GROUP_SUMS];  // of each 16 samples
    uint32_t zeros;               // samples that are exactly 0
} kt_sample_group_t;

typedef struct kt_samples_ops {
    // x[-1] .. x[groups * 64] are read.
    void (*groups)(const float *x, size_t groups, kt_sample_group_t *out);
    // Sum of left[i] * right[i] over groups * 64 samples, each group summed in float.
    double (*product)(const float *left, const float *right, size_t groups);
    // The first two channels (one, if there is one) of interleaved samples.
    void (*split)(const float *pcm, size_t frames, uint32_t channels, float *first, float *second);
    // One bit for each of 64 samples, the first lowest: sign * x[i] >= least.
    uint64_t (*reach)(const float *x, float sign, float least);
    // out[i] = sum of taps[k] * x[i * KT_GROUP_SUMS + k], k < KT_LOWPASS_TAPS.
    void (*lowpass)(const float *taps, const float *x, size_t n, float *out);
} kt_samples_ops_t;

// One table per instruction set (kernels/isa.h chooses).
extern const kt_samples_ops_t kt_samples_ops_ref, kt_samples_ops_base;
#ifdef KT_HAVE_AVX
extern const kt_samples_ops_t kt_samples_ops_avx2, kt_samples_ops_avx512;
#endif
