#include "kernels/cpu/batch.h"
#include "kernels/cpu/fft.h"
#include "kernels/cpu/kernels.h"

#include <stdbool.h>

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
                k < low ? kt_fft_power(plan, z, (uint32_t)k, false) : kt_fft_power(plan, z, points - (uint32_t)k, true);
            for (size_t lane = 0; lane < batch.count; lane++)
                to[lane * bins + k] = p[lane];
        }
    }
}
