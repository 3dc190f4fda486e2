// Total harmonic distortion of a tone, THD_F = sqrt(sum of the harmonics' powers / power of the fundamental), as
// sound-level meters do (Larson Davis, THD: Hann window, the largest peak is the fundamental, each harmonic is the sum
// of the bins up to five away from it). In music it means nothing, as the harmonics are the instrument's: so it is
// given only where at least half of the frames that sound hold one and the same pitch with 90 % of the power in its
// harmonics. Their spectra are averaged, and the noise beneath a harmonic (the median between the harmonics) is taken
// off.
#include "node/audio/quality/quality.h"

#include <math.h>
#include <string.h>

enum { LOWEST_BIN = 8, MIN_FRAMES = 4 };

static bool
is_same_pitch(double bin, double other)
{
    return fabs(other - bin) <= 0.01 * bin + 0.5;
}

// The pitch of most frames is found by the majority vote of Boyer and Moore: one that is outvoted is replaced.
bool
kt_tone_vote(kt_tone_t *self, double pitch)
{
    self->sounding++;
    if (pitch == 0)
        return false;
    if (self->votes == 0) {
        memset(self->powers, 0, sizeof self->powers);
        self->frames = 0;
        self->bin    = pitch;
    }
    if (!is_same_pitch(self->bin, pitch)) {
        self->votes--;
        return false;
    }
    self->votes++;
    self->frames++;
    return true;
}

void
kt_tone_add(kt_tone_t *self, const float *powers, size_t bins)
{
    for (size_t k = 0; k < bins; k++)
        self->powers[k] += powers[k];
}

void
kt_tone_merge(kt_tone_t *self, const kt_tone_t *more)
{
    const uint32_t sounding = self->sounding + more->sounding;
    const int64_t  votes    = self->votes;
    if (self->frames > 0 && more->frames > 0 && is_same_pitch(self->bin, more->bin)) {
        self->votes += more->votes;
        self->frames += more->frames;
        for (size_t k = 0; k < KT_SPECTRUM_BINS; k++)
            self->powers[k] += more->powers[k];
    } else if (more->votes > self->votes) {
        *self = *more;
        self->votes -= votes;
    } else {
        self->votes -= more->votes;
    }
    self->sounding = sounding;
}

bool
kt_tone_thd(const kt_tone_t *self, size_t bins, double *thd)
{
    if (self->frames < MIN_FRAMES || 2 * self->frames < self->sounding)
        return false;
    size_t at = (size_t)lround(self->bin);
    for (size_t k = at - 1; k <= at + 1 && k + 1 < bins; k++)
        if (self->powers[k] > self->powers[at])
            at = k;
    const double bin = kt_peak_position(at, self->powers[at - 1], self->powers[at], self->powers[at + 1]);

    kt_levels_t  levels = {.n = 0};  // between the harmonics
    const double reach  = (double)kt_harmonic_reach(bin) + 1;
    for (size_t k = LOWEST_BIN; k < bins; k++)
        if (fabs((double)k - bin * round((double)k / bin)) > reach || (double)k < bin - reach)
            kt_levels_add(&levels, (float)self->powers[k]);
    const double floor = kt_levels_quantile(&levels, 0.5);

    double fundamental = 0, harmonics = 0;
    size_t first, last;
    for (int h = 1; kt_harmonic_bins(bin, h, bins, &first, &last); h++)
        for (size_t k = first; k <= last; k++)
            *(h == 1 ? &fundamental : &harmonics) += self->powers[k] - floor;
    if (!(fundamental > 0))
        return false;
    *thd = harmonics > 0 ? sqrt(harmonics / fundamental) : 0;
    return true;
}
