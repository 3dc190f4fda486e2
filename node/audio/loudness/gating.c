#include "node/audio/loudness/gating.h"

#include <math.h>

double
kt_loudness_of(double energy)
{
    return -0.691 + 10 * log10(energy);
}

void
kt_gating_add(kt_gating_t *self, double energy)
{
    if (energy > self->loudest)
        self->loudest = energy;
    if (!(energy > 0))
        return;
    double bin = floor((kt_loudness_of(energy) - KT_GATING_FLOOR) * KT_GATING_A_LU);
    if (bin < 0)
        return;
    int at = bin < KT_GATING_BINS - 1 ? (int)bin : KT_GATING_BINS - 1;
    self->count[at]++;
    self->energy[at] += energy;
}

void
kt_gating_merge(kt_gating_t *self, const kt_gating_t *more)
{
    for (int i = 0; i < KT_GATING_BINS; i++) {
        self->count[i] += more->count[i];
        self->energy[i] += more->energy[i];
    }
    self->loudest = more->loudest > self->loudest ? more->loudest : self->loudest;
}

// The first bin whose blocks are, on the whole, not below `energy`; the last one for all that no bin reaches.
static int
first_from(const kt_gating_t *self, double energy)
{
    for (int i = 0; i < KT_GATING_BINS; i++)
        if (self->count[i] > 0 && self->energy[i] >= energy * (double)self->count[i])
            return i;
    return KT_GATING_BINS - 1;
}

// Mean energy and number of the blocks from bin `first`.
static double
mean_from(const kt_gating_t *self, int first, uint64_t *n)
{
    double sum = 0;
    *n         = 0;
    for (int i = first; i < KT_GATING_BINS; i++) {
        sum += self->energy[i];
        *n += self->count[i];
    }
    return *n > 0 ? sum / (double)*n : 0;
}

bool
kt_gating_integrated(const kt_gating_t *self, double *lufs)
{
    uint64_t n;
    double   mean = mean_from(self, 0, &n);
    if (n == 0)
        return false;
    *lufs = kt_loudness_of(mean_from(self, first_from(self, mean / 10), &n));
    return true;
}

// Loudness of the block of this rank among those from bin `first`, as the mean of its bin.
static double
ranked(const kt_gating_t *self, int first, uint64_t rank)
{
    int i = first;
    for (uint64_t below = self->count[i]; below <= rank; below += self->count[i])
        i++;
    return kt_loudness_of(self->energy[i] / (double)self->count[i]);
}

bool
kt_gating_range(const kt_gating_t *self, double *lu)
{
    uint64_t n;
    double   mean = mean_from(self, 0, &n);
    if (n == 0)
        return false;
    int first = first_from(self, mean / 100);
    (void)mean_from(self, first, &n);
    double low  = ranked(self, first, (uint64_t)llround((double)(n - 1) * 0.10));
    double high = ranked(self, first, (uint64_t)llround((double)(n - 1) * 0.95));
    *lu         = high - low;
    return true;
}
