#include "kernels/audio/chroma_ref.h"

#include "kernels/audio/fft_ref.h"
#include "kernels/audio/plan.h"

#include <math.h>

static void
chroma_frame(const kt_plan_t *plan, const float *bank, const float *magnitude, float *out)
{
    const uint32_t n       = plan->opts.n_chroma;
    double         largest = 0;
    for (uint32_t c = 0; c < n; c++) {
        double sum = 0;
        for (uint32_t k = 0; k < plan->bins; k++)
            sum += (double)bank[(size_t)k * n + c] * (magnitude[k] * magnitude[k]);
        out[c]  = (float)sum;
        largest = fmax(largest, out[c]);
    }
    for (uint32_t c = 0; c < n && largest >= 1.17549435e-38; c++)
        out[c] = (float)(out[c] / largest);
}

void
kt_chroma_ref(const kt_plan_t *plan, const float *bank, void *scratch, const kt_span_t *spans, size_t n,
              float *const *out)
{
    const uint32_t width     = plan->opts.n_chroma;
    double        *work      = scratch;
    float         *magnitude = (float *)(work + 2 * (size_t)plan->opts.n_fft);
    for (size_t i = 0; i < n; i++)
        for (size_t f = 0; f < spans[i].frames; f++) {
            float *to = out[i] + f * width;
            if (kt_magnitudes_ref(plan, spans[i].pcm + f * plan->opts.hop, work, magnitude))
                chroma_frame(plan, bank, magnitude, to);
            else
                for (uint32_t c = 0; c < width; c++)
                    to[c] = NAN;
        }
}
