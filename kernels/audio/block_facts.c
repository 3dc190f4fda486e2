#include "kernels/audio/block_facts.h"

static bool
is_sound(float x)
{
    return fabsf(x) > KT_SOUND_LEVEL;
}

static float
level_of(const kt_sample_group_t *group)
{
    return fmaxf(group->high, -group->low);
}

static void
find_sound(const float *x, const kt_sample_group_t *groups, size_t n, kt_block_facts_t *out)
{
    size_t from = 0, to = n;
    while (from < n && !is_sound(level_of(&groups[from])))
        from++;
    if (from == n)
        return;
    while (!is_sound(level_of(&groups[to - 1])))
        to--;
    size_t first = from * KT_GROUP_SAMPLES, last = to * KT_GROUP_SAMPLES - 1;
    while (!is_sound(x[first]))
        first++;
    while (!is_sound(x[last]))
        last--;
    out->first_sound = (uint16_t)first;
    out->last_sound  = (uint16_t)last;
}

void
kt_block_facts_of(const float *x, const kt_sample_group_t *groups, size_t samples, kt_block_facts_t *out)
{
    const size_t             n    = (samples + KT_GROUP_SAMPLES - 1) / KT_GROUP_SAMPLES;
    const kt_sample_group_t *last = groups + n - 1, *second = n > 1 ? groups + 1 : groups,
                            *last_but_one = n > 1 ? last - 1 : last;

    kt_block_facts_t self = {
        .low         = groups->low,
        .high        = groups->high,
        .ends        = {x[0], x[samples - 1]},
        .levels      = {level_of(groups), level_of(last)},
        .bends       = {groups->bends, second->bends, last_but_one->bends, last->bends},
        .spikes      = {groups->spike, last->spike},
        .first_sound = KT_BLOCK_SILENT,
        .last_sound  = KT_BLOCK_SILENT,
        .zeros       = (uint8_t)kt_zeros_last(x + (n - 1) * KT_GROUP_SAMPLES),
    };
    for (size_t g = 0; g < n; g++) {
        const kt_sample_group_t *group = &groups[g];
        self.sum += (double)group->sum[0] + group->sum[1] + group->sum[2] + group->sum[3];
        self.squares += group->squares;
        self.low  = fminf(self.low, group->low);
        self.high = fmaxf(self.high, group->high);
        if (group->zeros >= KT_GROUP_SAMPLES / 2)
            self.has_zeros |= kt_zeros_first(x + g * KT_GROUP_SAMPLES) >= KT_GROUP_SAMPLES / 2 ||
                              kt_zeros_last(x + g * KT_GROUP_SAMPLES) >= KT_GROUP_SAMPLES / 2;
        if (group->spike >= KT_FAULT_LEVEL && g > 0 && g + 1 < n)
            self.clicks += kt_is_click(group->spike, group->bends, group[-1].bends, group[1].bends);
    }
    find_sound(x, groups, n, &self);
    *out = self;
}

void
kt_low_band_taps(float taps[KT_LOWPASS_TAPS])
{
    float sum = 0;
    for (int i = 0; i < KT_LOWPASS_TAPS; i++) {
        const double t = i - (KT_LOWPASS_TAPS - 1) / 2.0, cut = 0.125;  // of the rate of the sums
        const double window = 0.54 - 0.46 * cos(2 * M_PI * (i + 0.5) / KT_LOWPASS_TAPS);
        taps[i]             = (float)(window * sin(2 * M_PI * cut * t) / (M_PI * t));
        sum += taps[i];
    }
    for (int i = 0; i < KT_LOWPASS_TAPS; i++)
        taps[i] /= sum * (KT_GROUP_SAMPLES / KT_GROUP_SUMS);
}
