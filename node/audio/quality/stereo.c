#include "node/audio/quality/quality.h"

#include <math.h>

bool
kt_stereo_correlation(const kt_stereo_t *self, const kt_channel_facts_t *left, const kt_channel_facts_t *right,
                      double n, double *correlation)
{
    const double ll = left->squares - left->sum * left->sum / n, rr = right->squares - right->sum * right->sum / n;
    const double lr = self->product - left->sum * right->sum / n;
    // What is left of a constant is rounding of the sums.
    if (!(ll > 1e-6 * left->squares && rr > 1e-6 * right->squares))
        return false;
    *correlation = fmax(-1, fmin(1, lr / sqrt(ll * rr)));
    return true;
}
