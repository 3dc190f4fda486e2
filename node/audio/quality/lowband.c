// Sums of 16 samples, a low-pass of 32 taps (kt_low_band_taps), every fourth value kept. Rumble is the power below 16
// Hz (fourth-order Butterworth), where there is no music: the power that a fifth of all half seconds stay under,
// times 2.1 (the ratio of noise with a spectrum of 1/f), so that a thump of the bass drum is not taken for noise; never
// more than the mean.
#include "node/audio/quality/quality.h"

#include <math.h>
#include <string.h>

static uint64_t
half_second(const kt_lowband_t *self)
{
    return (uint64_t)fmax(1, self->low_rate_hz / 2);
}

// One section of a Butterworth low-pass, transposed direct form (bilinear transform); k: tan(pi hz / rate).
static void
init_butterworth(kt_butterworth_t *self, double k, double damping)
{
    const double a0 = 1 + damping * k + k * k;
    self->b0        = k * k / a0;
    self->a1        = 2 * (k * k - 1) / a0;
    self->a2        = (1 - damping * k + k * k) / a0;
}

void
kt_lowband_init(kt_lowband_t *self, uint32_t rate_hz, uint64_t values)
{
    *self = (kt_lowband_t){.low_rate_hz = (double)rate_hz / KT_GROUP_SAMPLES, .values = values};
    init_butterworth(&self->filter[0], tan(M_PI * fmin(16 / self->low_rate_hz, 0.25)), 1.8477590650225735);
    init_butterworth(&self->filter[1], tan(M_PI * fmin(16 / self->low_rate_hz, 0.25)), 0.7653668647301796);
    if (values > 0)
        self->in_window = values % half_second(self);
    kt_low_band_taps(self->taps);
}

static double
filtered(kt_butterworth_t *self, double x)
{
    const double y = self->b0 * x + self->state[0];
    self->state[0] = 2 * self->b0 * x - self->a1 * y + self->state[1];
    self->state[1] = self->b0 * x - self->a2 * y;
    return fabs(y) < 1e-100 ? 0 : y;
}

void
kt_lowband_values(kt_lowband_t *self, const kt_samples_ops_t *ops, const kt_sample_group_t *groups, size_t n,
                  float *out)
{
    enum { KEPT = KT_LOWPASS_TAPS - KT_GROUP_SUMS };
    for (size_t g = 0; g < n; g++)
        memcpy(self->sums + KEPT + g * KT_GROUP_SUMS, groups[g].sum, sizeof groups[g].sum);
    ops->lowpass(self->taps, self->sums, n, out);
    memmove(self->sums, self->sums + n * KT_GROUP_SUMS, KEPT * sizeof *self->sums);
}

// Values of one half second, or fewer. Copies of the state: in registers.
static void
add_values(kt_lowband_t *self, float *values, size_t n)
{
    enum { FILL = KT_LOWPASS_TAPS / KT_GROUP_SUMS };
    const double     slowest = 2 * self->low_rate_hz;
    kt_butterworth_t once = self->filter[0], twice = self->filter[1];
    double           mean = self->mean, window = self->window, sum = self->rumble;
    for (size_t g = 0; g < n; g++) {
        // Less the mean of all values so far, later of the last two seconds. While the filter fills there is no value.
        if (self->values++ < FILL) {
            values[g] = 0;
        } else {
            const double seen = (double)(self->values - FILL);
            mean += (values[g] - mean) / (seen < slowest ? seen : slowest);
            values[g] = (float)(values[g] - mean);
        }
        const double rumble = filtered(&twice, filtered(&once, values[g]));
        window += rumble * rumble;
        sum += rumble * rumble;
    }
    self->filter[0] = once;
    self->filter[1] = twice;
    self->mean      = mean;
    self->window    = window;
    self->rumble    = sum;
    self->in_window += n;
}

void
kt_lowband_add(kt_lowband_t *self, float *values, size_t n)
{
    const uint64_t half = half_second(self);
    for (size_t some; n > 0; n -= some, values += some) {
        some = half - self->in_window < n ? (size_t)(half - self->in_window) : n;
        add_values(self, values, some);
        if (self->in_window < half)
            return;
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
