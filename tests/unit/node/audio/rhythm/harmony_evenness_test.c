// Two and four beats per bar by the chords that change.
#include "node/audio/rhythm/harmony_evenness.h"

#include <criterion/criterion.h>

enum { WIDTH = 12, FRAMES = 480 };

static const double RATE_HZ = 20, PERIOD = 0.5;

// Chords of one class each: the next one after `beats` beats, from the class that many steps on.
static double
evenness_of(float harmony[FRAMES * WIDTH], int beats)
{
    const int frames = (int)(beats * PERIOD * RATE_HZ);
    for (int t = 0; t < FRAMES && beats > 0; t++)
        harmony[t * WIDTH + (t / frames * 5) % WIDTH] = 1;
    const kt_evidence_t evidence = {
        .harmony_rate_hz = RATE_HZ, .harmony_frames = FRAMES, .harmony_width = WIDTH, .harmony = harmony};
    double value = -1;
    cr_assert_eq(kt_harmony_evenness(&evidence, PERIOD, &value), KT_OK);
    return value;
}

Test(harmony_evenness, a_chord_every_four_beats_is_uneven)
{
    float harmony[FRAMES * WIDTH] = {0};
    cr_assert_lt(evenness_of(harmony, 4), 0.1);
}

Test(harmony_evenness, a_chord_every_two_beats_is_even)
{
    float harmony[FRAMES * WIDTH] = {0};
    cr_assert_gt(evenness_of(harmony, 2), 0.9);
}

Test(harmony_evenness, without_harmony_it_is_zero)
{
    float harmony[FRAMES * WIDTH] = {0};
    cr_assert_float_eq(evenness_of(harmony, 0), 0, 1e-12);
    const kt_evidence_t nothing = {.harmony_rate_hz = RATE_HZ, .harmony_width = WIDTH, .harmony = harmony};
    double              value   = -1;
    cr_assert_eq(kt_harmony_evenness(&nothing, PERIOD, &value), KT_OK);
    cr_assert_float_eq(value, 0, 1e-12);
}
