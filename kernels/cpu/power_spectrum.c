#include "kernels/cpu/batch.h"
#include "kernels/cpu/fft.h"
#include "kernels/cpu/kernels.h"

#include <stdbool.h>

// The step from the complex to the real spectrum; the same two values give bin j (mirror false) and n_fft / 2 - j.
KT_INLINE vw_t
power_at(const kt_plan_t *plan, const vw_t *z, uint32_t j, bool mirror)
{
    const uint32_t points = plan->points;
    const vw_t    *a = z + 2 * (size_t)plan->place[j], *b = z + 2 * (size_t)plan->place[j ? points - j : 0];
    const float    c = plan->unpack_f32[2 * j], s = plan->unpack_f32[2 * j + 1];
    const vw_t     er = a[0] + b[0], ei = a[1] - b[1], dr = a[0] - b[0], di = a[1] + b[1];
    const vw_t     tr = di * c - dr * s, ti = dr * c + di * s;
    const vw_t     re = mirror ? er - tr : er + tr, im = mirror ? ei + ti : ei - ti;
    return re * re + im * im;
}

void
KT_NAME(kt_power_spectra)(const kt_plan_t *plan, void *scratch, const kt_span_t *span, size_t bins, float *out)
{
    const uint32_t points = plan->points, middle = points / 2;
    const size_t   low   = bins < middle + 1 ? bins : middle + 1;
    vw_t          *z     = scratch;
    kt_batch_t     batch = {.plan = plan, .spans = span, .n = 1};
    while (kt_batch_next(&batch, KT_WIDE)) {
        float *to = out + batch.frame[0] * bins;  // a batch of one span is a run of frames
        KT_NAME(kt_fft_f32)(plan, batch.lane, z);
        for (size_t k = 0; k < bins; k++) {
            const vw_t p =
                k < low ? power_at(plan, z, (uint32_t)k, false) : power_at(plan, z, points - (uint32_t)k, true);
            for (size_t lane = 0; lane < batch.count; lane++)
                to[lane * bins + k] = p[lane];
        }
    }
}
