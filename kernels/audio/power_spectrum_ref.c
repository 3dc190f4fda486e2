#include "kernels/audio/power_spectrum_ref.h"

#include "kernels/audio/fft_ref.h"
#include "kernels/audio/plan.h"

void
kt_power_spectra_ref(const kt_plan_t *plan, void *scratch, const kt_span_t *span, size_t bins, float *out)
{
    double *work      = scratch;
    float  *magnitude = (float *)(work + 2 * (size_t)plan->opts.n_fft);
    for (size_t f = 0; f < span->frames; f++, out += bins) {
        kt_magnitudes_ref(plan, span->pcm + f * plan->opts.hop, work, magnitude);
        for (size_t k = 0; k < bins; k++)
            out[k] = magnitude[k] * magnitude[k];
    }
}
