// Two and four beats per bar by the chords that change, and at how many beats of the bar they do.
#include "node/audio/rhythm/harmony.h"

#include <criterion/criterion.h>
#include <string.h>

enum { WIDTH = 12, FRAMES = 480 };

static const double RATE_HZ = 20, PERIOD = 0.5;

static float rows[FRAMES * WIDTH];

// Chords of one class each: the next one after `beats` beats, from the class that many steps on; 0: none.
static kt_harmony_t
chords(int beats)
{
    const int frames = (int)(beats * PERIOD * RATE_HZ);
    for (int t = 0; t < FRAMES && beats > 0; t++)
        rows[t * WIDTH + (t / frames * 5) % WIDTH] = 1;
    return (kt_harmony_t){.rate_hz = RATE_HZ, .frames = FRAMES, .width = WIDTH, .row = rows};
}

static double
evenness_of(const kt_harmony_t *harmony)
{
    double value = -1;
    cr_assert_eq(kt_harmony_evenness(harmony, PERIOD, &value), KT_OK);
    return value;
}

Test(harmony, a_chord_every_four_beats_is_uneven)
{
    const kt_harmony_t harmony = chords(4);
    cr_assert_lt(evenness_of(&harmony), 0.1);
}

Test(harmony, a_chord_every_two_beats_is_even)
{
    const kt_harmony_t harmony = chords(2);
    cr_assert_gt(evenness_of(&harmony), 0.9);
}

Test(harmony, without_harmony_it_is_zero)
{
    const kt_harmony_t silent = chords(0), nothing = {.rate_hz = RATE_HZ, .width = WIDTH, .row = rows};
    cr_assert_float_eq(evenness_of(&silent), 0, 1e-12);
    cr_assert_float_eq(evenness_of(&nothing), 0, 1e-12);
}

// All change is at one beat of the bar that the chords keep to, and of no other one.
Test(harmony, a_chord_per_bar_changes_at_one_beat_of_it)
{
    for (int beats = 2; beats <= KT_HARMONY_BEATS; beats++) {
        double share[KT_HARMONY_BEATS + 1];
        memset(rows, 0, sizeof rows);
        const kt_harmony_t harmony = chords(beats);
        cr_assert_eq(kt_harmony_bars(&harmony, PERIOD, share), KT_OK);
        cr_expect_gt(share[beats], 0.9, "%d beats: %g", beats, share[beats]);
        for (int other = 2; other <= KT_HARMONY_BEATS; other++)
            if (beats % other)
                cr_expect_lt(share[other], 0.75, "%d beats, bars of %d: %g", beats, other, share[other]);
    }
}

Test(harmony, without_harmony_no_beat_has_more)
{
    double             share[KT_HARMONY_BEATS + 1];
    const kt_harmony_t silent = chords(0), nothing = {.rate_hz = RATE_HZ, .width = WIDTH, .row = rows};
    cr_assert_eq(kt_harmony_bars(&silent, PERIOD, share), KT_OK);
    cr_expect_float_eq(share[4], 0, 1e-12);
    cr_assert_eq(kt_harmony_bars(&nothing, PERIOD, share), KT_OK);
    cr_expect_float_eq(share[3], 0, 1e-12);
}

Test(harmony, a_row_of_the_bass_has_length_one)
{
    uint16_t     stored[2 * WIDTH] = {[3] = UINT16_MAX};
    kt_harmony_t harmony           = {0};
    cr_assert_eq(kt_harmony_new(&harmony, stored, 2, WIDTH, RATE_HZ), KT_OK);
    cr_expect_float_eq(harmony.row[3], 1, 1e-6);
    cr_expect_float_eq(harmony.row[WIDTH + 3], 0, 1e-12);
    kt_harmony_fini(&harmony);
    kt_harmony_fini(&harmony);
}
