#include "kernels/cpu/kernels.h"

enum { MOST = 176 };  // 2 % of the 8193 bins of the longest transform, and some

// The n smallest of x by insertion into a sorted list held in registers (n is a constant where this is expanded): each
// value pushes the larger one on. With `largest`, of the negated values.
KT_INLINE vf_t
extreme_mean(const vf_t *x, uint32_t count, uint32_t n, int largest)
{
    vf_t list[MOST];
    vf_t sum = {0};
    for (uint32_t j = 0; j < n; j++)
        list[j] = (vf_t){0} + (largest ? -INFINITY : INFINITY);
    for (uint32_t i = 0; i < count; i++) {
        vf_t value = x[i];
#pragma GCC unroll 16
        for (uint32_t j = 0; j < n; j++) {
            const vf_t kept = largest ? vf_max(value, list[j]) : vf_min(value, list[j]);
            value           = largest ? vf_min(value, list[j]) : vf_max(value, list[j]);
            list[j]         = kept;
        }
    }
    for (uint32_t j = 0; j < n; j++)  // upwards and in float, as the reference
        sum += list[largest ? n - 1 - j : j];
    return sum / (float)n;
}

KT_INLINE vf_t
band_mean(const vf_t *x, const kt_contrast_band_t *band, int largest)
{
    x += band->first;
    switch (band->extremes) {  // the counts of n_fft 2048 at 22,050 Hz are among these
    case 1: return extreme_mean(x, band->count, 1, largest);
    case 2: return extreme_mean(x, band->count, 2, largest);
    case 3: return extreme_mean(x, band->count, 3, largest);
    case 6: return extreme_mean(x, band->count, 6, largest);
    case 9: return extreme_mean(x, band->count, 9, largest);
    default: return extreme_mean(x, band->count, band->extremes, largest);
    }
}

void
KT_NAME(kt_peak)(const kt_plan_t *plan, const vf_t *x, vf_t *out)
{
    for (int i = 0; i < KT_BANDS; i++)
        out[i] = band_mean(x, &plan->contrast[i], 1);
}

void
KT_NAME(kt_valley)(const kt_plan_t *plan, const vf_t *x, vf_t *out)
{
    for (int i = 0; i < KT_BANDS; i++)
        out[i] = band_mean(x, &plan->contrast[i], 0);
}
