#include "kernels/cpu/batch.h"
#include "kernels/cpu/fft.h"
#include "kernels/cpu/kernels.h"

#include <float.h>

// The second pass runs in float: a frame is divided by its own largest value, and the transform's rounding is 1e-7 of
// the frame's loudest bin (1e-14 in power).

KT_INLINE vw_t
power(vw_t re, vw_t im)
{
    return re * re + im * im;
}

// Power spectrum into p, [bins]; p may not be z. Same step as kt_magnitudes.
static void
bin_powers(const kt_plan_t *plan, const vw_t *z, vw_t *p)
{
    const uint32_t points = plan->points;
    for (uint32_t k = 0; k < points / 2; k++) {
        const vw_t *a = z + 2 * (size_t)plan->place[k], *b = z + 2 * (size_t)plan->place[k ? points - k : 0];
        const float c = plan->unpack_f32[2 * k], s = plan->unpack_f32[2 * k + 1];
        const vw_t  er = a[0] + b[0], ei = a[1] - b[1], dr = a[0] - b[0], di = a[1] + b[1];
        const vw_t  tr = di * c - dr * s, ti = -(dr * c + di * s);
        p[k]          = power(er + tr, ei + ti);
        p[points - k] = power(er - tr, ei - ti);
    }
    const vw_t *a = z + 2 * (size_t)plan->place[points / 2];
    p[points / 2] = power(a[0] * 2.0F, a[1] * 2.0F);
}

// Sums of `classes` neighbouring columns of the bank; a constant where this is expanded, so that they stay in
// registers.
KT_INLINE void
chroma_project(const float *bank, uint32_t n, const vw_t *p, uint32_t bins, uint32_t classes, vw_t *out)
{
    vw_t sum[12] = {{0}};
    for (uint32_t k = 0; k < bins; k++)
#pragma GCC unroll 12
        for (uint32_t c = 0; c < classes; c++)
            sum[c] += p[k] * bank[(size_t)k * n + c];
    for (uint32_t c = 0; c < classes; c++)
        out[c] = sum[c];
}

void
KT_NAME(kt_chroma)(const kt_plan_t *plan, const float *bank, void *scratch, const kt_span_t *spans, size_t n,
                   float *const *out)
{
    const uint32_t classes = plan->opts.n_chroma;
    vw_t          *z = scratch, *p = z + 2 * (size_t)plan->points;
    vw_t           raw[96] = {{0}};  // the largest n_chroma that a plan accepts
    kt_batch_t     batch   = {.plan = plan, .spans = spans, .n = n};
    while (kt_batch_next(&batch, KT_WIDE)) {
        KT_NAME(kt_fft_f32)(plan, batch.lane, z);
        bin_powers(plan, z, p);
        uint32_t c = 0;
        for (; c + 12 <= classes; c += 12)
            chroma_project(bank + c, classes, p, plan->bins, 12, raw + c);
        for (; c < classes; c++)
            chroma_project(bank + c, classes, p, plan->bins, 1, raw + c);

        for (size_t lane = 0; lane < batch.count; lane++) {
            float *to      = out[batch.span[lane]] + batch.frame[lane] * classes;
            float  largest = 0;
            double total   = 0;
            for (c = 0; c < classes; c++) {
                largest = raw[c][lane] > largest ? raw[c][lane] : largest;
                total += raw[c][lane];
            }
            const double scale = largest >= FLT_MIN ? 1.0 / largest : 1;
            for (c = 0; c < classes; c++)
                to[c] = total <= FLT_MAX ? (float)(raw[c][lane] * scale) : NAN;
        }
    }
}
