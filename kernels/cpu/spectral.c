#include "kernels/cpu/kernels.h"

static const double TINY  = 1.17549435e-38;
static const float  FLOOR = 1e-10F;

// Centroid and bandwidth from the sums of S, kS and k^2 S: one pass instead of librosa's two. The difference of squares
// loses at most 1e-16 of the squared centroid, far below a bin's width.
void
KT_NAME(kt_moments)(const kt_plan_t *plan, const vf_t *x, vf_t *centroid, vf_t *bandwidth)
{
    const double hz     = kt_plan_bin_hz(plan);
    vd_t         sum[2] = {{0}}, first[2] = {{0}}, second[2] = {{0}};
    for (uint32_t k = 0; k + 1 < plan->bins; k += 2)
        for (uint32_t i = 0; i < 2; i++) {
            const vd_t s = widen(x[k + i]), ks = s * (double)(k + i);
            sum[i] += s;
            first[i] += ks;
            second[i] += ks * (double)(k + i);
        }
    const double last = plan->bins - 1;
    const vd_t   s = widen(x[plan->bins - 1]), m0 = sum[0] + sum[1] + s, m1 = first[0] + first[1] + s * last,
               m2     = second[0] + second[1] + s * last * last;
    const vl_t silent = m0 < TINY;
    const vd_t one = (vd_t){0} + 1.0, norm = (vd_t)(((vl_t)one & silent) | ((vl_t)m0 & ~silent));
    const vd_t centre = m1 / norm, spread = (m2 - 2.0 * centre * m1 + centre * centre * m0) / norm;
    *centroid  = narrow(centre * hz);
    *bandwidth = narrow(vd_sqrt((vd_t)((vl_t)spread & (spread > 0.0))) * hz);
}

// The running sum is a float in bin order, as numpy's: on a flat spectrum its rounding decides the bin.
void
KT_NAME(kt_rolloff)(const kt_plan_t *plan, const vf_t *x, vf_t *out)
{
    vf_t total = {0}, sum = {0};
    vi_t below = {0};
    for (uint32_t k = 0; k < plan->bins; k++)
        total += x[k];
    const vf_t threshold = total * 0.85F;
    for (uint32_t k = 0; k < plan->bins - 1; k++) {
        sum += x[k];
        below -= sum < threshold;
    }
    *out = narrow(__builtin_convertvector(below, vd_t) * kt_plan_bin_hz(plan));
}

// A running product of doubles in [1, 2) and its binary exponents: one logarithm per frame instead of one
// per bin.
typedef struct product {
    vd_t mantissa;
    vl_t exponent;
} product_t;

KT_INLINE void
multiply(product_t *self, vd_t by)
{
    typedef uint64_t vu_t __attribute__((vector_size(8 * KT_LANES)));
    const vu_t       bits = (vu_t)(self->mantissa * by);
    self->exponent += (vl_t)(bits >> 52) - 1023;
    self->mantissa = (vd_t)((bits & 0x000FFFFFFFFFFFFFU) | 0x3FF0000000000000U);
}

void
KT_NAME(kt_flatness)(const kt_plan_t *plan, const vf_t *x, vf_t *out)
{
    const vf_t floor_power = (vf_t){0} + FLOOR;
    product_t  product     = {(vd_t){0} + 1.0, {0}};
    vd_t       sum         = {0};
    for (uint32_t k = 0; k + 1 < plan->bins; k += 4) {  // four floats never leave a double's range
        const vd_t a = widen(vf_max(floor_power, x[k] * x[k])), b = widen(vf_max(floor_power, x[k + 1] * x[k + 1])),
                   c = widen(vf_max(floor_power, x[k + 2] * x[k + 2])),
                   d = widen(vf_max(floor_power, x[k + 3] * x[k + 3]));
        sum += (a + b) + (c + d);
        multiply(&product, (a * b) * (c * d));
    }
    const vd_t last = widen(vf_max(floor_power, x[plan->bins - 1] * x[plan->bins - 1]));
    multiply(&product, last);
    sum += last;
    for (int i = 0; i < KT_LANES; i++) {
        const double ln = log(product.mantissa[i]) + (double)product.exponent[i] * 0.693147180559945309417;
        (*out)[i]       = (float)(exp(ln / plan->bins) / (sum[i] / plan->bins));
    }
}

void
KT_NAME(kt_mel)(const kt_plan_t *plan, const vf_t *x, vf_t *out)
{
    for (uint32_t i = 0; i < plan->opts.n_mels; i++) {
        const kt_mel_band_t *band   = &plan->mel[i];
        const float         *weight = plan->mel_weight + band->offset;
        const vf_t          *bin    = x + band->first;
        vf_t                 even = {0}, odd = {0};
        for (uint32_t j = 0; j + 1 < band->count; j += 2) {
            even += bin[j] * bin[j] * weight[j];
            odd += bin[j + 1] * bin[j + 1] * weight[j + 1];
        }
        if (band->count % 2)
            even += bin[band->count - 1] * bin[band->count - 1] * weight[band->count - 1];
        out[i] = even + odd;
    }
}

KT_INLINE vf_t
largest_of(const kt_plan_t *plan, const vf_t *x)
{
    vf_t largest[4] = {{0}};
    for (uint32_t k = 0; k + 1 < plan->bins; k += 4)
        for (uint32_t i = 0; i < 4; i++)
            largest[i] = vf_max(largest[i], x[k + i]);
    return vf_max(vf_max(vf_max(largest[0], largest[1]), vf_max(largest[2], largest[3])), x[plan->bins - 1]);
}

void
KT_NAME(kt_magnitude_peaks)(const kt_plan_t *plan, const vf_t *x, uint16_t *mask)
{
    const vf_t threshold = largest_of(plan, x) * 0.1F;
    for (uint32_t k = plan->pitch_begin; k < plan->pitch_end; k++)
        mask[k] = (uint16_t)vi_mask((x[k] > threshold) & (x[k] > x[k - 1]) & (x[k] >= x[k + 1]));
}

void
KT_NAME(kt_power_peaks)(const kt_plan_t *plan, const vf_t *x, uint16_t *mask)
{
    const vf_t top       = largest_of(plan, x);
    const vf_t threshold = top * top * 0.1F;
    vf_t before = x[plan->pitch_begin - 1] * x[plan->pitch_begin - 1], at = x[plan->pitch_begin] * x[plan->pitch_begin];
    for (uint32_t k = plan->pitch_begin; k < plan->pitch_end; k++) {
        const vf_t after = x[k + 1] * x[k + 1];
        mask[k]          = (uint16_t)vi_mask((at > threshold) & (at > before) & (at >= after));
        before           = at;
        at               = after;
    }
}
