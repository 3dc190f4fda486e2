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
void KT_NAME(kt_fft_values_f64)(const kt_plan_t *plan, vd_t *z);
void KT_NAME(kt_fft_values_f32)(const kt_plan_t *plan, vw_t *z);
