#include "kernels/audio/spectrum_facts.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { BINS = 257 };
static float powers[BINS], bands[BINS / KT_SPECTRUM_BAND];

static kt_spectrum_facts_t
facts_of(void)
{
    kt_spectrum_facts_t out;
    kt_spectrum_facts_of(powers, BINS, &out, bands);
    return out;
}

// The three bins of a sine under a Hann window.
static void
add_line(size_t at, float power)
{
    powers[at - 1] += power / 4;
    powers[at] += power;
    powers[at + 1] += power / 4;
}

Test(spectrum_facts, bands_are_sums_of_eight_bins)
{
    for (size_t k = 0; k < BINS; k++)
        powers[k] = (float)k;
    cr_assert(facts_of().sounds);
    for (size_t b = 0; b < BINS / KT_SPECTRUM_BAND; b++)
        cr_expect_eq(bands[b], 64 * (float)b + 28);
}

Test(spectrum_facts, a_frame_below_100_db_is_silence)
{
    memset(powers, 0, sizeof powers);
    powers[20] = 2.55e-8F;
    cr_expect(!facts_of().sounds);
    powers[20] = 2.57e-8F;
    cr_expect(facts_of().sounds);
}

Test(spectrum_facts, harmonics_of_one_pitch)
{
    memset(powers, 0, sizeof powers);
    add_line(24, 1);
    add_line(48, 0.2F);
    add_line(72, 0.1F);
    cr_expect_float_eq(facts_of().pitch, 24, 1e-6);
    add_line(37, 0.3F);
    cr_expect_eq(facts_of().pitch, 0, "another tone holds a sixth");
}

Test(spectrum_facts, noise_has_no_pitch)
{
    for (size_t k = 0; k < BINS; k++)
        powers[k] = 1;
    cr_expect_eq(facts_of().pitch, 0);
}

Test(spectrum_facts, a_peak_between_two_bins)
{
    // Magnitudes 2/3 and 2/3 of the peak half way between.
    cr_expect_float_eq(kt_peak_position(10, 0.04, 1, 1), 10.5, 1e-12);
    cr_expect_float_eq(kt_peak_position(10, 1, 1, 0.04), 9.5, 1e-12);
    cr_expect_float_eq(kt_peak_position(10, 0.25, 1, 0.25), 10, 1e-12);
}
