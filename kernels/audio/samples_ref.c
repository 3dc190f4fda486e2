#include "kernels/audio/samples.h"

#include <math.h>

static void
samples_groups(const float *x, size_t n, kt_sample_group_t *out)
{
    for (size_t g = 0; g < n; g++, x += KT_GROUP_SAMPLES) {
        kt_sample_group_t group   = {.low = x[0], .high = x[0]};
        double            squares = 0, bends = 0, sum[KT_GROUP_SUMS] = {0};
        for (ptrdiff_t i = 0; i < KT_GROUP_SAMPLES; i++) {
            const float before = x[i] - x[i - 1], after = x[i] - x[i + 1], bend = x[i] - (x[i - 1] + x[i + 1]) / 2;
            const float spike = before * after > 0 ? fminf(fabsf(before), fabsf(after)) : 0;
            group.low         = fminf(group.low, x[i]);
            group.high        = fmaxf(group.high, x[i]);
            group.spike       = fmaxf(group.spike, spike);
            group.zeros += x[i] == 0;
            squares += (double)x[i] * x[i];
            bends += fabsf(bend);
            sum[i * KT_GROUP_SUMS / KT_GROUP_SAMPLES] += x[i];
        }
        group.squares = (float)squares;
        group.bends   = (float)bends;
        for (size_t s = 0; s < KT_GROUP_SUMS; s++)
            group.sum[s] = (float)sum[s];
        out[g] = group;
    }
}

static double
samples_product(const float *left, const float *right, size_t n)
{
    double out = 0;
    for (size_t i = 0; i < n * KT_GROUP_SAMPLES; i++)
        out += (double)left[i] * right[i];
    return out;
}

static void
samples_split(const float *pcm, size_t frames, uint32_t channels, float *first, float *second)
{
    for (size_t i = 0; i < frames; i++) {
        first[i] = pcm[i * channels];
        if (channels > 1)
            second[i] = pcm[i * channels + 1];
    }
}

static uint64_t
samples_reach(const float *x, float sign, float least)
{
    uint64_t out = 0;
    for (size_t i = 0; i < KT_GROUP_SAMPLES; i++)
        out |= (uint64_t)(sign * x[i] >= least) << i;
    return out;
}

static void
samples_lowpass(const float *taps, const float *x, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t k = 0; k < KT_LOWPASS_TAPS; k++)
            sum += (double)taps[k] * x[i * KT_GROUP_SUMS + k];
        out[i] = (float)sum;
    }
}

const kt_samples_ops_t kt_samples_ops_ref = {samples_groups, samples_product, samples_split, samples_reach,
                                             samples_lowpass};
