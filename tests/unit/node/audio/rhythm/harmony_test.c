// Two and four beats per bar by the chords that change, and at how many beats of the bar they do.
#include "node/audio/rhythm/harmony.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { WIDTH = 12, FRAMES = 480 };

static const double RATE_HZ = 20, PERIOD = 0.5;

static uint16_t rows[FRAMES * WIDTH];

// Chords of one class each: the next one after `beats` beats, from the class that many steps on; 0: none.
static kt_harmony_t
chords(int beats, size_t rows_used)
{
    const int    frames  = (int)(beats * PERIOD * RATE_HZ);
    kt_harmony_t harmony = {0};
    memset(rows, 0, sizeof rows);
    for (int t = 0; t < FRAMES && beats > 0; t++)
        rows[t * WIDTH + (t / frames * 5) % WIDTH] = UINT16_MAX;
    cr_assert_eq(kt_harmony_new(&harmony, rows, rows_used, WIDTH, RATE_HZ), KT_OK);
    return harmony;
}

static double
evenness_of(int beats, size_t rows_used)
{
    double       value   = -1;
    kt_harmony_t harmony = chords(beats, rows_used);
    cr_assert_eq(kt_harmony_evenness(&harmony, PERIOD, &value), KT_OK);
    kt_harmony_fini(&harmony);
    return value;
}

static void
fill_shares(int beats, size_t rows_used, double share[KT_HARMONY_BEATS + 1])
{
    kt_harmony_t harmony = chords(beats, rows_used);
    cr_assert_eq(kt_harmony_bars(&harmony, PERIOD, share), KT_OK);
    kt_harmony_fini(&harmony);
}

Test(harmony, a_chord_every_four_beats_is_uneven)
{
    cr_assert_lt(evenness_of(4, FRAMES), 0.1);
}

Test(harmony, a_chord_every_two_beats_is_even)
{
    cr_assert_gt(evenness_of(2, FRAMES), 0.9);
}

Test(harmony, without_harmony_it_is_zero)
{
    cr_assert_float_eq(evenness_of(0, FRAMES), 0, 1e-12);
    cr_assert_float_eq(evenness_of(4, 0), 0, 1e-12);
}

// All change is at one beat of the bar that the chords keep to, and of no other one.
Test(harmony, a_chord_per_bar_changes_at_one_beat_of_it)
{
    for (int beats = 2; beats <= KT_HARMONY_BEATS; beats++) {
        double share[KT_HARMONY_BEATS + 1];
        fill_shares(beats, FRAMES, share);
        cr_expect_gt(share[beats], 0.9, "%d beats: %g", beats, share[beats]);
        for (int other = 2; other <= KT_HARMONY_BEATS; other++)
            if (beats % other)
                cr_expect_lt(share[other], 0.75, "%d beats, bars of %d: %g", beats, other, share[other]);
    }
}

Test(harmony, without_harmony_no_beat_has_more)
{
    double share[KT_HARMONY_BEATS + 1];
    fill_shares(0, FRAMES, share);
    cr_expect_float_eq(share[4], 0, 1e-12);
    fill_shares(4, 0, share);
    cr_expect_float_eq(share[3], 0, 1e-12);
}

// By its definition: 1 - cosine of the sums of rows on both sides.
Test(harmony, a_change_is_that_of_the_sums_on_both_sides)
{
    enum { REACH = 7, SOME = 60, ODD_WIDTH = 13 };
    static uint16_t some[SOME * ODD_WIDTH];
    float           change[SOME];
    kt_harmony_t    harmony = {0};
    for (int i = 0; i < SOME * ODD_WIDTH; i++)
        some[i] = (uint16_t)(i * 7919 % 20011);
    memset(some, 0, 9 * ODD_WIDTH * sizeof *some);  // silence first
    cr_assert_eq(kt_harmony_new(&harmony, some, SOME, ODD_WIDTH, RATE_HZ), KT_OK);
    cr_assert_eq(kt_harmony_change(&harmony, REACH, change), KT_OK);
    for (int t = 0; t < SOME; t++) {
        double both = 0, one = 0, other = 0;
        for (int c = 0; c < ODD_WIDTH; c++) {
            double after = 0, before = 0;
            for (int r = 0; r < REACH; r++) {
                after += t + r < SOME ? some[(t + r) * ODD_WIDTH + c] : 0;
                before += t - 1 - r >= 0 ? some[(t - 1 - r) * ODD_WIDTH + c] : 0;
            }
            both += after * before;
            one += after * after;
            other += before * before;
        }
        cr_expect_float_eq(change[t], one > 0 && other > 0 ? 1 - both / sqrt(one * other) : 0, 1e-6, "row %d", t);
    }
    kt_harmony_fini(&harmony);
    kt_harmony_fini(&harmony);
}
