#include "kernels/audio/block_facts.h"

#include <criterion/criterion.h>
#include <string.h>

static float room[KT_BLOCK_SAMPLES + 2], *const x = room + 1;

static kt_block_facts_t
facts_of(size_t samples)
{
    kt_sample_group_t groups[KT_BLOCK_GROUPS];
    kt_block_facts_t  out;
    kt_samples_ops_ref.groups(x, (samples + KT_GROUP_SAMPLES - 1) / KT_GROUP_SAMPLES, groups);
    kt_block_facts_of(x, groups, samples, &out);
    return out;
}

static void
fill(float level)
{
    for (size_t i = 0; i < KT_BLOCK_SAMPLES; i++)
        x[i] = level * (i % 2 ? -0.5F : 1);
    x[-1] = x[KT_BLOCK_SAMPLES] = 0;
}

Test(block_facts, a_block_is_summed)
{
    fill(0.25F);
    x[100]                       = -0.75F;
    const kt_block_facts_t facts = facts_of(KT_BLOCK_SAMPLES);
    cr_expect_float_eq(facts.sum, KT_BLOCK_SAMPLES / 2 * 0.125 - 1, 1e-9);
    cr_expect_float_eq(facts.squares, KT_BLOCK_SAMPLES / 2 * 0.078125 + 0.5, 1e-4);
    cr_expect_eq(facts.low, -0.75F);
    cr_expect_eq(facts.high, 0.25F);
    cr_expect_eq(facts.ends[0], 0.25F);
    cr_expect_eq(facts.ends[1], -0.125F);
    cr_expect_eq(facts.levels[0], 0.25F);
    cr_expect_eq(facts.levels[1], 0.25F);
    cr_expect_eq(facts.zeros, 0);
    cr_expect_eq(facts.has_zeros, 0);
}

Test(block_facts, sound_is_above_60_db_below_full_scale)
{
    fill(0.0009F);
    kt_block_facts_t facts = facts_of(KT_BLOCK_SAMPLES);
    cr_expect_eq(facts.first_sound, KT_BLOCK_SILENT);
    x[70]   = -0.002F;
    x[4000] = 0.002F;
    facts   = facts_of(KT_BLOCK_SAMPLES);
    cr_expect_eq(facts.first_sound, 70);
    cr_expect_eq(facts.last_sound, 4000);
}

Test(block_facts, zeros_count_at_the_edges_of_groups_only)
{
    fill(0.5F);
    memset(x + 64 + 8, 0, 40 * sizeof *x);
    cr_expect_eq(facts_of(KT_BLOCK_SAMPLES).has_zeros, 0);
    memset(x + 64, 0, 8 * sizeof *x);
    cr_expect_eq(facts_of(KT_BLOCK_SAMPLES).has_zeros, 1);
    fill(0.5F);
    memset(x + KT_BLOCK_SAMPLES - 31, 0, 31 * sizeof *x);
    cr_expect_eq(facts_of(KT_BLOCK_SAMPLES).has_zeros, 0);
    cr_expect_eq(facts_of(KT_BLOCK_SAMPLES).zeros, 31);
    x[KT_BLOCK_SAMPLES - 32] = 0;
    cr_expect_eq(facts_of(KT_BLOCK_SAMPLES).has_zeros, 1);
}

Test(block_facts, clicks_are_those_of_groups_with_both_neighbours)
{
    memset(room, 0, sizeof room);
    x[10] = x[100] = x[2000] = x[4090] = 0.1F;
    const kt_block_facts_t facts       = facts_of(KT_BLOCK_SAMPLES);
    cr_expect_eq(facts.clicks, 2);
    cr_expect(kt_is_click(facts.spikes[0], facts.bends[0], 0, facts.bends[1]));
    cr_expect(kt_is_click(facts.spikes[1], facts.bends[3], facts.bends[2], 0));
    cr_expect(!kt_is_click(facts.spikes[1], facts.bends[3], 1, 0), "a burst of noise before it");
}

Test(block_facts, the_last_group_may_be_short)
{
    memset(room, 0, sizeof room);
    for (size_t i = 0; i < 65; i++)
        x[i] = 0.5F;
    const kt_block_facts_t facts = facts_of(65);
    cr_expect_eq(facts.ends[1], 0.5F);
    cr_expect_eq(facts.zeros, 63);
    cr_expect_eq(facts.last_sound, 64);
    cr_expect_float_eq(facts.sum, 32.5, 1e-9);
    cr_expect_eq(facts_of(1).bends[1], facts_of(1).bends[0]);
}
