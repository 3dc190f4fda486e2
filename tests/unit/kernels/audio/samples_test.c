#include "kernels/audio/power_spectrum.h"
#include "kernels/audio/samples.h"
#include "tests/unit/kernels/isa_named.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

enum { GROUPS = 50, SAMPLES = GROUPS * KT_GROUP_SAMPLES };
static const char *const isas[] = {"base", "avx2", "avx512"};
static float             x[1 + SAMPLES + 1], y[SAMPLES];

static void
fill(void)
{
    uint32_t state = 7;
    for (size_t i = 0; i < SAMPLES + 2; i++) {
        state = state * 1664525U + 1013904223U;
        x[i]  = state % 5 == 0 ? 0 : (float)(state >> 8) / 16777216.0F - 0.5F;
    }
    for (size_t i = 0; i < SAMPLES; i++)
        y[i] = x[SAMPLES - i];
}

static void
same_group(const kt_sample_group_t *got, const kt_sample_group_t *want, const char *isa)
{
    cr_assert_eq(got->low, want->low, "%s", isa);
    cr_assert_eq(got->high, want->high, "%s", isa);
    cr_assert_eq(got->spike, want->spike, "%s", isa);
    cr_assert_eq(got->zeros, want->zeros, "%s", isa);
    cr_assert_float_eq(got->squares, want->squares, 1e-5, "%s", isa);
    cr_assert_float_eq(got->bends, want->bends, 1e-4, "%s", isa);
    for (size_t s = 0; s < KT_GROUP_SUMS; s++)
        cr_assert_float_eq(got->sum[s], want->sum[s], 1e-5, "%s", isa);
}

Test(samples, every_instruction_set_finds_what_the_reference_finds, .init = fill)
{
    const kt_samples_ops_t  *ref = isa_named("ref")->samples;
    static kt_sample_group_t want[GROUPS], got[GROUPS];
    ref->groups(x + 1, GROUPS, want);
    for (size_t i = 0; i < 3; i++) {
        const kt_samples_ops_t *ops = isa_named(isas[i])->samples;
        ops->groups(x + 1, GROUPS, got);
        for (size_t g = 0; g < GROUPS; g++)
            same_group(&got[g], &want[g], isas[i]);
        cr_assert_float_eq(ops->product(x + 1, y, GROUPS), ref->product(x + 1, y, GROUPS), 1e-4);
        for (float least = -0.4F; least < 0.5F; least += 0.1F) {
            cr_assert_eq(ops->reach(x + 1, 1, least), ref->reach(x + 1, 1, least));
            cr_assert_eq(ops->reach(x + 1, -1, least), ref->reach(x + 1, -1, least));
        }
    }
}

Test(samples, splitting_takes_the_first_two_of_any_number_of_channels, .init = fill)
{
    float a[100], b[100];
    for (size_t i = 0; i < 4; i++)
        for (uint32_t channels = 1; channels <= 8; channels++) {
            isa_named(i < 3 ? isas[i] : "ref")->samples->split(x, 100, channels, a, b);
            for (size_t f = 0; f < 100; f++) {
                cr_assert_eq(a[f], x[f * channels]);
                cr_assert(channels == 1 || b[f] == x[f * channels + 1]);
            }
        }
}

Test(samples, the_low_pass_is_a_sum_of_products_every_fourth_sample, .init = fill)
{
    float want[20], got[20];
    isa_named("ref")->samples->lowpass(y, x, 20, want);
    for (size_t i = 0; i < 3; i++) {
        isa_named(isas[i])->samples->lowpass(y, x, 20, got);
        for (size_t k = 0; k < 20; k++)
            cr_assert_float_eq(got[k], want[k], 1e-5);
    }
}

Test(samples, a_lone_sample_is_a_spike_and_an_edge_is_none)
{
    float             impulse[KT_GROUP_SAMPLES + 2] = {0}, edge[KT_GROUP_SAMPLES + 2] = {0};
    kt_sample_group_t group;
    impulse[20] = -0.5F;
    for (size_t i = 30; i < KT_GROUP_SAMPLES + 2; i++)
        edge[i] = 0.5F;
    for (size_t i = 0; i < 4; i++) {
        const kt_samples_ops_t *ops = isa_named(i < 3 ? isas[i] : "ref")->samples;
        ops->groups(impulse + 1, 1, &group);
        cr_assert_eq(group.spike, 0.5F);
        cr_assert_eq(group.bends, 1.0F);
        cr_assert_eq(group.zeros, 63);
        ops->groups(edge + 1, 1, &group);
        cr_assert_eq(group.spike, 0);
        cr_assert_eq(group.bends, 0.5F);
    }
}

// Both halves of the spectrum, the middle and the last bin, at sizes with and without a pass of radix 2.
Test(samples, power_spectra_reach_half_the_rate, .init = fill)
{
    for (uint32_t n_fft = 512; n_fft <= 1024; n_fft *= 2) {
        const size_t        bins   = n_fft / 2 + 1;
        kt_power_spectra_t *powers = NULL;
        float              *got = calloc(3 * bins, sizeof *got), *want = calloc(3 * bins, sizeof *want);
        cr_assert_eq(kt_power_spectra_new(&powers, isa_named("ref")->rows, 44100, n_fft, n_fft), KT_OK);
        kt_power_spectra_rows(powers, x, 3, bins, want);
        kt_power_spectra_destroy(&powers);
        for (size_t i = 0; i < 3; i++) {
            cr_assert_eq(kt_power_spectra_new(&powers, isa_named(isas[i])->rows, 44100, n_fft, n_fft), KT_OK);
            kt_power_spectra_rows(powers, x, 3, bins, got);
            kt_power_spectra_destroy(&powers);
            for (size_t k = 0; k < 3 * bins; k++)
                cr_assert_float_eq(got[k], want[k], 1e-4 + 1e-4 * want[k], "bin %zu of %u", k, n_fft);
        }
        free(got);
        free(want);
    }
}
