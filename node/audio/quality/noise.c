// The noise floor of music without pauses, by minimum statistics (R. Martin, IEEE Trans. SAP 9(5), 2001, with
// minima over time; here over time and neighbouring bands, so that a steady tone is no noise either). Powers are
// averaged over 8 bins; of all such values of a group of bands the 0.5 % quantile is taken and divided by its ratio to
// the mean of Gaussian noise under a Hann window: 0.226. A group is 64 bins wide (690 Hz at 44.1 kHz), from 1.4 kHz on
// half as wide as its lower edge.
//
// Below 16 Hz noise cannot be distinguished from the envelopes of notes, which are present in all unfiltered music: the
// measured power (lowband.c) counts as noise up to a pink (1/f) continuation of the floor above, down to 1 Hz.
#include "node/audio/quality/quality.h"

static const double QUANTILE = 0.005, OF_MEAN = 0.226;

void
kt_noise_init(kt_noise_t *self, size_t bins)
{
    enum { LEAST = 8 };
    const uint32_t bands = (uint32_t)(bins / KT_SPECTRUM_BAND);
    for (uint32_t at = 0; at < bands && self->groups < KT_NOISE_GROUPS;) {
        uint32_t next = at + (at / 2 > LEAST ? at / 2 : LEAST);
        if (next + LEAST > bands || self->groups + 1 == KT_NOISE_GROUPS)
            next = bands;
        self->edge[self->groups++] = at;
        self->edge[self->groups]   = next;
        at                         = next;
    }
}

void
kt_noise_add(kt_noise_t *self, const float *bands)
{
    for (uint32_t g = 0; g < self->groups; g++)
        for (uint32_t band = self->edge[g]; band < self->edge[g + 1]; band++) {
            kt_levels_add(&self->level[g], bands[band] / KT_SPECTRUM_BAND);
            self->sum[g] += bands[band];
        }
    self->frames++;
}

void
kt_noise_merge(kt_noise_t *self, const kt_noise_t *more)
{
    self->frames += more->frames;
    for (uint32_t g = 0; g < self->groups; g++) {
        kt_levels_merge(&self->level[g], &more->level[g]);
        self->sum[g] += more->sum[g];
    }
}

// Noise power of a group, per bin.
static double
group_floor(const kt_noise_t *self, uint32_t g)
{
    const double bins  = (double)(self->edge[g + 1] - self->edge[g]) * KT_SPECTRUM_BAND;
    const double mean  = self->sum[g] / (bins * self->frames);
    const double floor = kt_levels_quantile(&self->level[g], QUANTILE) / OF_MEAN;
    return floor < mean ? floor : mean;
}

double
kt_noise_power(const kt_noise_t *self, size_t n_fft)
{
    double power = 0;
    for (uint32_t g = 0; g < self->groups; g++)
        power +=
            2 * (double)(self->edge[g + 1] - self->edge[g]) * KT_SPECTRUM_BAND / (double)n_fft * group_floor(self, g);
    return power;
}

double
kt_noise_below(const kt_noise_t *self, size_t n_fft)
{
    const double OCTAVES = 2.772588722239781;  // ln 16: from 1 Hz
    const double middle  = self->groups ? (double)(self->edge[0] + self->edge[1]) / 2 * KT_SPECTRUM_BAND : 0;
    return self->groups ? 2 * middle / (double)n_fft * group_floor(self, 0) * OCTAVES : 0;
}
