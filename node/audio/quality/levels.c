#include "node/audio/quality/levels.h"

#include <math.h>
#include <string.h>

// The exponent and the first three bits of the mantissa of a float are its logarithm in eighths, near enough.
enum { MANTISSA = 20, BIAS = 127 };

void
kt_levels_add(kt_levels_t *self, float power)
{
    uint32_t bits;
    memcpy(&bits, &power, sizeof bits);
    const int32_t at = (int32_t)(bits >> MANTISSA) - (BIAS + KT_LEVEL_LOWEST) * KT_LEVEL_STEPS;
    self->count[at < 0 ? 0 : at >= KT_LEVELS ? KT_LEVELS - 1 : at]++;
    self->n++;
}

void
kt_levels_merge(kt_levels_t *self, const kt_levels_t *more)
{
    for (int i = 0; i < KT_LEVELS; i++)
        self->count[i] += more->count[i];
    self->n += more->n;
}

static double
level_edge(size_t level)
{
    const double octave = (double)(level / KT_LEVEL_STEPS) + KT_LEVEL_LOWEST;
    return exp2(octave) * (1 + (double)(level % KT_LEVEL_STEPS) / KT_LEVEL_STEPS);
}

double
kt_levels_quantile(const kt_levels_t *self, double q)
{
    const double rank = q * (double)self->n;
    double       seen = 0;
    for (size_t i = 0; i < KT_LEVELS; i++) {
        const double here = self->count[i];
        if (here > 0 && seen + here >= rank) {
            const double part = (rank - seen) / here;
            return i == 0 ? 0 : level_edge(i) + (level_edge(i + 1) - level_edge(i)) * (part < 0 ? 0 : part);
        }
        seen += here;
    }
    return 0;
}
