#include "kernels/cpu/fft.h"
#include "kernels/cpu/kernels.h"

// As NumPy's absolute value of a complex64, rounding by rounding (see fft_ref.c). Adds the power to *total.
KT_INLINE vf_t
magnitude(vd_t re, vd_t im, vf_t *total)
{
    const vf_t r = vf_abs(narrow(re)), i = vf_abs(narrow(im)), larger = vf_max(r, i), smaller = vf_min(r, i);
    const vi_t zero  = larger == 0.0F;
    const vf_t ratio = smaller / (vf_t)((vi_t)larger | (zero & 0x3F800000));  // 0 / 1 for a bin of zero
    const vf_t out   = vf_sqrt(vf_square_plus_one(ratio)) * larger;
    *total += out * out;
    return out;
}

vf_t
KT_NAME(kt_magnitudes)(const kt_plan_t *plan, const float *const *lane, vd_t *z, vf_t *x)
{
    const uint32_t points = plan->points;
    vf_t           low = {0}, high = {0}, middle = {0};
    KT_NAME(kt_fft_f64)(plan, lane, z);
    for (uint32_t k = 0; k < points / 2; k++) {
        const vd_t  *a = z + 2 * (size_t)plan->place[k], *b = z + 2 * (size_t)plan->place[k ? points - k : 0];
        const double c = plan->unpack[2 * k], s = plan->unpack[2 * k + 1];
        const vd_t   er = a[0] + b[0], ei = a[1] - b[1], dr = a[0] - b[0], di = a[1] + b[1];
        const vd_t   tr = di * c - dr * s, ti = -(dr * c + di * s);
        x[k]          = magnitude(er + tr, ei + ti, &low);
        x[points - k] = magnitude(er - tr, ei - ti, &high);
    }
    const vd_t *a = z + 2 * (size_t)plan->place[points / 2];
    x[points / 2] = magnitude(a[0] * 2.0, a[1] * 2.0, &middle);
    return low + high + middle;
}
