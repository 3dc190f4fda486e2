// Sums of 16 samples, a low-pass of 32 taps (200 Hz at 44.1 kHz; what folds down from 490 Hz on is 60 dB down), every
// fourth value kept. Rumble is the power below 16 Hz (fourth-order Butterworth), where there is no music: the power
// that a fifth of all half seconds stay under, times 2.1 (the ratio of noise with a spectrum of 1/f), so that a thump
// of the bass drum is not taken for noise; never more than the mean.
#include "node/audio/quality/quality.h"

#include <math.h>
#include <string.h>

static uint64_t
half_second(const kt_lowband_t *self)
{
    return (uint64_t)fmax(1, self->low_rate_hz / 2);
}

void
kt_lowband_init(kt_lowband_t *self, uint32_t rate_hz, uint64_t values)
{
    float sum = 0;
    *self     = (kt_lowband_t){.low_rate_hz = (double)rate_hz / KT_GROUP_SAMPLES, .values = values};
    self->cut = tan(M_PI * fmin(16 / self->low_rate_hz, 0.25));
    if (values > 0)
        self->in_window = values % half_second(self);
    for (int i = 0; i < KT_LOWPASS_TAPS; i++) {
        const double t = i - (KT_LOWPASS_TAPS - 1) / 2.0, cut = 0.125;  // of the rate of the sums
        const double window = 0.54 - 0.46 * cos(2 * M_PI * (i + 0.5) / KT_LOWPASS_TAPS);
        self->taps[i]       = (float)(window * sin(2 * M_PI * cut * t) / (M_PI * t));
        sum += self->taps[i];
    }
    for (int i = 0; i < KT_LOWPASS_TAPS; i++)
        self->taps[i] /= sum * (KT_GROUP_SAMPLES / KT_GROUP_SUMS);
}

// One section of a Butterworth low-pass at 16 Hz, transposed direct form (bilinear transform).
static double
butterworth(double state[2], double x, double k, double damping)
{
    const double a0 = 1 + damping * k + k * k, b0 = k * k / a0;
    const double y = b0 * x + state[0];
    state[0]       = 2 * b0 * x - 2 * (k * k - 1) / a0 * y + state[1];
    state[1]       = b0 * x - (1 - damping * k + k * k) / a0 * y;
    return fabs(y) < 1e-100 ? 0 : y;
}

void
kt_lowband_add(kt_lowband_t *self, const kt_samples_ops_t *ops, const kt_sample_group_t *groups, size_t n, float *out)
{
    enum { KEPT = KT_LOWPASS_TAPS - KT_GROUP_SUMS, FILL = KT_LOWPASS_TAPS / KT_GROUP_SUMS };
    for (size_t g = 0; g < n; g++)
        memcpy(self->sums + KEPT + g * KT_GROUP_SUMS, groups[g].sum, sizeof groups[g].sum);
    ops->lowpass(self->taps, self->sums, n, out);
    memmove(self->sums, self->sums + n * KT_GROUP_SUMS, KEPT * sizeof *self->sums);
    for (size_t g = 0; g < n; g++) {
        // Less the mean of all values so far, later of the last two seconds. While the filter fills there is no value.
        if (self->values++ < FILL) {
            out[g] = 0;
        } else {
            self->mean += (out[g] - self->mean) / fmin((double)(self->values - FILL), 2 * self->low_rate_hz);
            out[g] = (float)(out[g] - self->mean);
        }

        const double once   = butterworth(self->filter[0], out[g], self->cut, 1.8477590650225735);
        const double rumble = butterworth(self->filter[1], once, self->cut, 0.7653668647301796);
        self->window += rumble * rumble;
        self->rumble += rumble * rumble;
        if (++self->in_window < half_second(self))
            continue;
        kt_levels_add(&self->levels, (float)(self->window / (double)self->in_window));
        self->windows++;
        self->window    = 0;
        self->in_window = 0;
    }
}

void
kt_lowband_clear_counts(kt_lowband_t *self)
{
    self->rumble  = 0;
    self->windows = 0;
    self->levels  = (kt_levels_t){.n = 0};
}

void
kt_lowband_precede(kt_lowband_t *self, const kt_lowband_t *before)
{
    self->rumble += before->rumble;
    self->windows += before->windows;
    kt_levels_merge(&self->levels, &before->levels);
}

double
kt_lowband_rumble(const kt_lowband_t *self)
{
    if (self->windows == 0)
        return 0;
    const double mean = self->rumble / ((double)self->values), steady = 2.1 * kt_levels_quantile(&self->levels, 0.2);
    return steady < mean ? steady : mean;
}
