// Complex transform of several frames side by side, radix 4, decimation in frequency, in place; results stay in the
// plan's order (place[k]), which costs nothing, as each value is a whole vector. Blocks are finished one after the
// other once they fit the first cache. Real samples are read as complex pairs (even, odd), under the plan's window
// halved, so that the step to the real spectrum needs no division.
#pragma once

#include "kernels/audio/plan.h"
#include "kernels/cpu/simd.h"

// lane: KT_LANES (KT_WIDE) pointers to n_fft samples; z: [points][re, im].
void KT_NAME(kt_fft_f64)(const kt_plan_t *plan, const float *const *lane, vd_t *z);
void KT_NAME(kt_fft_f32)(const kt_plan_t *plan, const float *const *lane, vw_t *z);
// The same of complex values that are already in z, in their natural order, without a window.
void KT_NAME(kt_fft_values_f32)(const kt_plan_t *plan, vw_t *z);

// |X|^2 of bin j: the step from the complex to the real spectrum; the same two values give bin j (mirror false) and
// n_fft / 2 - j.
KT_INLINE vw_t
kt_fft_power(const kt_plan_t *plan, const vw_t *z, uint32_t j, bool mirror)
{
    const uint32_t points = plan->points;
    const vw_t    *a = z + 2 * (size_t)plan->place[j], *b = z + 2 * (size_t)plan->place[j ? points - j : 0];
    const float    c = plan->unpack_f32[2 * j], s = plan->unpack_f32[2 * j + 1];
    const vw_t     er = a[0] + b[0], ei = a[1] - b[1], dr = a[0] - b[0], di = a[1] + b[1];
    const vw_t     tr = di * c - dr * s, ti = dr * c + di * s;
    const vw_t     re = mirror ? er - tr : er + tr, im = mirror ? ei + ti : ei - ti;
    return re * re + im * im;
}
