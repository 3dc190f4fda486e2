// Faults of single samples.
//
// Clipping: samples in flat tops at the channel's peak, above and below each for itself: runs of two or more samples
// within 1e-4 of the peak that are entered or left by a step of at least 12 times that, which the top of no sine wave
// below full scale does. A new peak begins anew, so that only tops at the file's own ceiling count.
// Dropouts: runs of exact zeros from 64 samples (1.5 ms at 44.1 kHz) to half a second, with -40 dBFS or more in the
// groups that they cut into on both sides; before a pause in music the level decays.
// Clicks: a sample that differs from both neighbours by -40 dBFS and 20 times the mean bend of the rest of its own 64
// samples and of those around them. A steep edge is no spike; a burst of noise raises the mean.
#include "node/audio/quality/quality.h"

#include <math.h>

static const float LEAST = 0.01F, CLICK = 20;

static void
end_top(kt_flat_tops_t *self, float next)
{
    const float step = 12e-4F * self->peak;
    if (self->run >= 2 && (self->peak - self->before >= step || self->peak - next >= step))
        self->samples += self->run;
    self->run = 0;
}

// The runs of a group that reaches the peak but does not raise it; bit i of `at`: sample i is at the peak.
static void
add_runs(kt_flat_tops_t *self, const float *x, size_t n, float sign, uint64_t at)
{
    for (size_t i = 0; i < n;) {
        const uint64_t rest = at >> i;
        if (rest & 1) {
            const size_t length = ~rest ? (size_t)__builtin_ctzll(~rest) : n;
            self->run += length < n - i ? length : n - i;
            i += length;
            continue;
        }
        if (self->run > 0)
            end_top(self, sign * x[i]);
        i += rest ? (size_t)__builtin_ctzll(rest) : n;
        self->before = sign * x[(i < n ? i : n) - 1];
    }
}

// A group with a new peak: the rest of it is examined sample by sample.
static void
add_new_peak(kt_flat_tops_t *self, const float *x, size_t n, float sign)
{
    for (size_t i = 0; i < n; i++) {
        const float value = sign * x[i], tolerance = 1e-4F * self->peak;
        if (value > self->peak + tolerance) {
            if (self->run > 0)
                self->before = self->peak;
            self->peak    = value;
            self->samples = 0;
            self->run     = 1;
        } else if (self->peak > 0 && value >= self->peak - tolerance) {
            self->run++;
        } else {
            if (self->run > 0)
                end_top(self, value);
            self->before = value;
        }
    }
}

static void
add_tops(kt_flat_tops_t *self, const kt_samples_ops_t *ops, const float *x, size_t n, float highest, float sign)
{
    const float tolerance = 1e-4F * self->peak, least = self->peak - tolerance;
    if (highest > self->peak + tolerance)
        add_new_peak(self, x, n, sign);
    else
        add_runs(self, x, n, sign, self->peak > 0 && highest >= least ? ops->reach(x, sign, least) : 0);
}

static void
add_gaps(kt_channel_facts_t *self, const float *x, const kt_sample_group_t *group, uint32_t rate_hz)
{
    const float level = fmaxf(group->high, -group->low);
    if (self->gap_open && group->zeros < KT_GROUP_SAMPLES) {
        self->dropouts += level >= LEAST;
        self->gap_open = false;
    }
    if (group->zeros == 0 && self->zeros == 0) {
        self->level = level;
        return;
    }
    if (group->zeros == KT_GROUP_SAMPLES) {
        if (self->zeros == 0)
            self->gap_level = self->level;
        self->zeros += KT_GROUP_SAMPLES;
        return;
    }

    uint64_t length = self->zeros;
    for (size_t i = 0; i < KT_GROUP_SAMPLES && x[i] == 0; i++)
        length++;
    if (self->zeros > 0 && length >= KT_GROUP_SAMPLES && length <= rate_hz / 2 && self->gap_level >= LEAST) {
        self->gap_open = level < LEAST;
        self->dropouts += level >= LEAST;
    }
    self->zeros = 0;
    while (self->zeros < KT_GROUP_SAMPLES && x[KT_GROUP_SAMPLES - 1 - self->zeros] == 0)
        self->zeros++;
    if (self->zeros > 0)
        self->gap_level = self->zeros > KT_GROUP_SAMPLES / 2 ? fmaxf(level, self->level) : level;
    self->level = level;
}

// Of the group before this one, as now its neighbours are known. A spike changes the bend at its own sample by its
// height and at the two neighbours by half of that.
static void
add_click(kt_channel_facts_t *self, const kt_sample_group_t *next)
{
    const kt_sample_group_t *group = &self->last[1], *before = &self->last[0];
    const float              own  = group->bends - 2 * group->spike;
    const float              mean = fmaxf(own, fmaxf(before->bends, next->bends)) / KT_GROUP_SAMPLES;
    if (self->groups > 1 && group->spike >= LEAST && group->spike > CLICK * mean)
        self->clicks++;
    self->last[0] = *group;
    self->last[1] = *next;
}

void
kt_channel_facts_init(kt_channel_facts_t *self)
{
    *self = (kt_channel_facts_t){.tops = {{.before = INFINITY}, {.before = INFINITY}}};  // nothing steps into run one
}

void
kt_channel_facts_add(kt_channel_facts_t *self, const kt_samples_ops_t *ops, const float *x,
                     const kt_sample_group_t *groups, size_t samples, uint32_t rate_hz)
{
    for (size_t left = samples, n; left > 0; left -= n, x += n, groups++) {
        n = left < KT_GROUP_SAMPLES ? left : KT_GROUP_SAMPLES;
        self->sum += (double)groups->sum[0] + groups->sum[1] + groups->sum[2] + groups->sum[3];
        self->squares += groups->squares;
        add_tops(&self->tops[0], ops, x, n, groups->high, 1);
        add_tops(&self->tops[1], ops, x, n, -groups->low, -1);
        add_gaps(self, x, groups, rate_hz);
        add_click(self, groups);
        self->groups++;
    }
}

void
kt_channel_facts_clear_counts(kt_channel_facts_t *self)
{
    self->sum             = 0;
    self->squares         = 0;
    self->tops[0].samples = 0;
    self->tops[1].samples = 0;
    self->dropouts        = 0;
    self->clicks          = 0;
}

// A peak that the later range does not raise is kept, and only tops that reach it count.
static void
precede_tops(kt_flat_tops_t *self, const kt_flat_tops_t *before)
{
    const float tolerance = 1e-4F * before->peak;
    if (self->peak > before->peak + tolerance)
        return;
    if (self->peak < before->peak - tolerance) {
        self->samples = 0;
        self->run     = 0;
    }
    self->peak = before->peak;
    self->samples += before->samples;
}

void
kt_channel_facts_precede(kt_channel_facts_t *self, const kt_channel_facts_t *before)
{
    self->groups += before->groups;
    self->sum += before->sum;
    self->squares += before->squares;
    precede_tops(&self->tops[0], &before->tops[0]);
    precede_tops(&self->tops[1], &before->tops[1]);
    self->dropouts += before->dropouts;
    self->clicks += before->clicks;
}

uint64_t
kt_channel_facts_clipped(const kt_channel_facts_t *self)
{
    const kt_flat_tops_t *above = &self->tops[0], *below = &self->tops[1];
    const float           ceiling = fmaxf(above->peak, below->peak);
    uint64_t              samples = 0;
    for (const kt_flat_tops_t *tops = above; tops <= below; tops++) {
        kt_flat_tops_t end = *tops;
        end_top(&end, end.peak);
        if (tops->peak > ceiling / 2)
            samples += end.samples;
    }
    return samples;
}
