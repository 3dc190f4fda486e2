#include "kernels/audio/fft_ref.h"

#include "kernels/audio/plan.h"

#include <float.h>
#include <math.h>

static const double PI = 3.14159265358979323846;

static uint32_t
reversed(uint32_t i, uint32_t n)
{
    uint32_t out = 0;
    for (uint32_t bit = 1; bit < n; bit <<= 1, i >>= 1)
        out = out << 1 | (i & 1);
    return out;
}

// NumPy's |re + i im| in float on a machine with FMA, rounding by rounding: on a flat spectrum the last bits decide
// where there are peaks, and with them the tuning.
static float
magnitude_of(float re, float im)
{
    const float larger = fmaxf(fabsf(re), fabsf(im)), smaller = fminf(fabsf(re), fabsf(im));
    const float ratio = larger > 0 ? smaller / larger : 0;
    return sqrtf(fmaf(ratio, ratio, 1)) * larger;
}

bool
kt_magnitudes_ref(const kt_plan_t *plan, const float *pcm, double *work, float *magnitude)
{
    const uint32_t n     = plan->opts.n_fft;
    double         total = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t at = reversed(i, n);
        work[2 * at]      = plan->window[i] * pcm[i];
        work[2 * at + 1]  = 0;
    }

    // Radix 2, decimation in time, on values that are already in bit-reversed order; (re, im) pairs.
    for (uint32_t half = 1; half < n; half *= 2)
        for (uint32_t j = 0; j < half; j++) {
            const double wr = cos(PI * j / half), wi = -sin(PI * j / half);
            for (uint32_t at = j; at < n; at += 2 * half) {
                double      *a = work + 2 * at, *b = work + 2 * (at + half);
                const double br = b[0] * wr - b[1] * wi, bi = b[0] * wi + b[1] * wr;
                b[0] = a[0] - br, b[1] = a[1] - bi;
                a[0] += br, a[1] += bi;
            }
        }

    for (uint32_t k = 0; k < plan->bins; k++) {
        magnitude[k] = magnitude_of((float)work[2 * k], (float)work[2 * k + 1]);
        total += (double)magnitude[k] * magnitude[k];
    }
    return total <= FLT_MAX;
}
