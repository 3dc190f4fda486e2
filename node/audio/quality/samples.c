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
add_group_tops(kt_flat_tops_t *self, const kt_samples_ops_t *ops, const float *x, size_t n, float highest, float sign)
{
    const float tolerance = 1e-4F * self->peak, least = self->peak - tolerance;
    if (highest > self->peak + tolerance)
        add_new_peak(self, x, n, sign);
    else
        add_runs(self, x, n, sign, self->peak > 0 && highest >= least ? ops->reach(x, sign, least) : 0);
}

static bool
reaches_peak(const kt_flat_tops_t *self, float highest)
{
    return self->peak > 0 ? highest >= self->peak - 1e-4F * self->peak : highest > 0;
}

// Above: highest and sign are those of the block's samples; below: likewise of their negatives. A block that does not
// reach the peak only ends a run.
static void
add_tops(kt_flat_tops_t *self, const kt_samples_ops_t *ops, const kt_block_t *block, float highest, float sign)
{
    if (!reaches_peak(self, highest)) {
        if (self->run > 0)
            end_top(self, sign * block->facts->ends[0]);
        self->before = sign * block->facts->ends[1];
        return;
    }
    for (size_t at = 0, g = 0; at < block->samples; at += KT_GROUP_SAMPLES, g++) {
        const kt_sample_group_t *group = &block->groups[g];
        const size_t             left  = block->samples - at;
        add_group_tops(self, ops, block->x + at, left < KT_GROUP_SAMPLES ? left : KT_GROUP_SAMPLES,
                       sign > 0 ? group->high : -group->low, sign);
    }
}

static void
add_group_gaps(kt_channel_facts_t *self, const float *x, const kt_sample_group_t *group, uint32_t rate_hz)
{
    const float level = fmaxf(group->high, -group->low);
    if (self->gap_open && group->zeros < KT_GROUP_SAMPLES) {
        self->dropouts += level >= KT_FAULT_LEVEL;
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

    const uint64_t length = self->zeros + kt_zeros_first(x);
    if (self->zeros > 0 && length >= KT_GROUP_SAMPLES && length <= rate_hz / 2 && self->gap_level >= KT_FAULT_LEVEL) {
        self->gap_open = level < KT_FAULT_LEVEL;
        self->dropouts += level >= KT_FAULT_LEVEL;
    }
    self->zeros = kt_zeros_last(x);
    if (self->zeros > 0)
        self->gap_level = self->zeros > KT_GROUP_SAMPLES / 2 ? fmaxf(level, self->level) : level;
    self->level = level;
}

static bool
is_silent(const kt_block_facts_t *block)
{
    return block->low == 0 && block->high == 0;
}

// In a block where no group begins or ends with 32 zeros no gap ends, but for one that began in the block before.
static bool
may_end_gap(const kt_channel_facts_t *self, const kt_block_facts_t *block)
{
    return !is_silent(block) && (block->has_zeros || self->zeros >= KT_GROUP_SAMPLES / 2);
}

static void
add_gaps(kt_channel_facts_t *self, const kt_block_t *block, uint32_t rate_hz)
{
    const kt_block_facts_t *facts = block->facts;
    const size_t            n     = (block->samples + KT_GROUP_SAMPLES - 1) / KT_GROUP_SAMPLES;
    if (is_silent(facts)) {
        if (self->zeros == 0)
            self->gap_level = self->level;
        self->zeros += n * KT_GROUP_SAMPLES;
        return;
    }
    if (may_end_gap(self, facts)) {
        for (size_t g = 0; g < n; g++)
            add_group_gaps(self, block->x + g * KT_GROUP_SAMPLES, &block->groups[g], rate_hz);
        return;
    }
    self->dropouts += self->gap_open && facts->levels[0] >= KT_FAULT_LEVEL;
    self->gap_open  = false;
    self->zeros     = facts->zeros;
    self->level     = facts->levels[1];
    self->gap_level = self->level;
}

// Of the last group of the block before, as now its neighbours are known, and of this one's but the last.
static void
add_clicks(kt_channel_facts_t *self, const kt_block_facts_t *block, size_t groups)
{
    if (self->groups > 1)
        self->clicks += kt_is_click(self->spike, self->bends[1], self->bends[0], block->bends[0]);
    if (self->groups > 0 && groups > 1)
        self->clicks += kt_is_click(block->spikes[0], block->bends[0], self->bends[1], block->bends[1]);
    self->clicks += block->clicks;
    self->bends[0] = block->bends[2];
    self->bends[1] = block->bends[3];
    self->spike    = block->spikes[1];
}

void
kt_channel_facts_init(kt_channel_facts_t *self)
{
    *self = (kt_channel_facts_t){.tops = {{.before = INFINITY}, {.before = INFINITY}}};  // nothing steps into run one
}

bool
kt_channel_facts_needs_samples(const kt_channel_facts_t *self, const kt_block_facts_t *block)
{
    return reaches_peak(&self->tops[0], block->high) || reaches_peak(&self->tops[1], -block->low) ||
           may_end_gap(self, block);
}

void
kt_channel_facts_add(kt_channel_facts_t *self, const kt_samples_ops_t *ops, const kt_block_t *block, uint32_t rate_hz)
{
    const size_t groups = (block->samples + KT_GROUP_SAMPLES - 1) / KT_GROUP_SAMPLES;
    self->sum += block->facts->sum;
    self->squares += block->facts->squares;
    add_tops(&self->tops[0], ops, block, block->facts->high, 1);
    add_tops(&self->tops[1], ops, block, -block->facts->low, -1);
    add_gaps(self, block, rate_hz);
    add_clicks(self, block->facts, groups);
    self->groups += groups;
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
