#include "kernels/audio/loudness.h"

#include <math.h>

static void
loudness_planes(const float *pcm, size_t frames, uint32_t channels, float *out, size_t stride)
{
    for (uint32_t c = 0; c < channels; c++)
        for (size_t i = 0; i < frames; i++)
            out[c * stride + i] = pcm[i * channels + c];
}

static void
loudness_energy(const kt_kweight_t *weight, kt_kweight_state_t state[2], const float *const plane[2], size_t n,
                double out[2])
{
    const double *b = weight->shelf_b, *a = weight->shelf_a, *h = weight->high_a;
    for (int c = 0; c < 2; c++)
        for (size_t i = 0; i < n; i++) {
            // Both sections as their difference equations.
            const kt_kweight_state_t s = state[c];
            const double             x = plane[c][i];
            const double             y = b[0] * x + b[1] * s.x[0] + b[2] * s.x[1] - a[0] * s.y[0] - a[1] * s.y[1];
            const double             z = y - 2 * s.y[0] + s.y[1] - h[0] * s.z[0] - h[1] * s.z[1];
            state[c]                   = (kt_kweight_state_t){{x, s.x[0]}, {y, s.y[0]}, {z, s.z[0]}};
            out[c] += z * z;
        }
}

static void
loudness_peaks(const kt_interpolation_t *between, const float *x, size_t n, kt_peaks_t *out)
{
    for (size_t i = KT_PEAK_MARGIN; i < n + KT_PEAK_MARGIN; i++) {
        out->sample = fmaxf(out->sample, fabsf(x[i]));
        out->squares += (double)x[i] * x[i];
    }
    for (size_t s = 0; s < n; s++)
        for (uint32_t p = 0; p < between->phases; p++) {
            double sum = 0;
            for (size_t k = 0; k < KT_PEAK_TAPS; k++)
                sum += (double)between->taps[p][k] * x[s + k];
            out->between = fmaxf(out->between, (float)fabs(sum));
        }
}

const kt_loudness_ops_t kt_loudness_ops_ref = {loudness_planes, loudness_energy, loudness_peaks};
