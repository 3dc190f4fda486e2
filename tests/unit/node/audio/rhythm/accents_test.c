// What four beats of made rises show: what alternates, what is even, what is between beats.
#include "node/audio/rhythm/accents.h"

#include <criterion/criterion.h>

enum { FRAMES = 2400, ROWS = 1 + KT_ENVELOPE_GROUPS + KT_ENVELOPE_RANGES };

static const double RATE_HZ = 100, PERIOD = 0.5;

typedef struct rises {
    kt_evidence_t evidence;
    float         row[ROWS][FRAMES];
} rises_t;

static rises_t rises;

static void
clear_rises(void)
{
    rises                           = (rises_t){0};
    rises.evidence.envelope.rate_hz = RATE_HZ;
    rises.evidence.envelope.frames  = FRAMES;
    rises.evidence.above_full       = rises.row[0];
    for (int g = 0; g < KT_ENVELOPE_GROUPS; g++)
        rises.evidence.above[g] = rises.row[1 + g];
    for (int r = 0; r < KT_ENVELOPE_RANGES; r++)
        rises.evidence.above_loud[r] = rises.row[1 + KT_ENVELOPE_GROUPS + r];
}

// Onsets `every` beats from beat `first` on, in a row of the amplitude and in all.
static void
add_onsets(int range, double first, double every)
{
    for (double beat = first; beat * PERIOD * RATE_HZ < FRAMES; beat += every) {
        const size_t at = (size_t)(beat * PERIOD * RATE_HZ);
        rises.row[1 + KT_ENVELOPE_GROUPS + range][at] += 1;
        rises.row[0][at] += 1;
        if (range == 0)
            rises.row[1][at] += 1;
    }
}

TestSuite(accents, .init = clear_rises);

Test(accents, kick_and_snare_alternate_at_the_beat_and_not_at_twice_its_tempo)
{
    add_onsets(0, 0, 2);
    add_onsets(1, 1, 2);
    cr_assert_gt(kt_accents_of(&rises.evidence, PERIOD).loud_opposite, 0.9);
    cr_assert_lt(kt_accents_of(&rises.evidence, PERIOD / 2).loud_opposite, 0);
}

Test(accents, a_kick_on_every_second_beat_is_even_and_one_on_every_fourth_is_not)
{
    add_onsets(1, 0, 1);
    add_onsets(0, 0, 2);
    cr_assert_gt(kt_accents_of(&rises.evidence, PERIOD).kick_even, 0.9);
    cr_assert_lt(kt_accents_of(&rises.evidence, PERIOD / 2).kick_even, 0.1);
    cr_assert_lt(kt_accents_of(&rises.evidence, PERIOD).kick_least, 0.1);
}

Test(accents, a_kick_on_every_beat_has_no_weakest_beat)
{
    add_onsets(0, 0, 1);
    cr_assert_gt(kt_accents_of(&rises.evidence, PERIOD).kick_least, 0.9);
}

Test(accents, onsets_between_beats_are_half_of_all_at_half_the_tempo)
{
    add_onsets(0, 0, 1);
    cr_assert_lt(kt_accents_of(&rises.evidence, PERIOD).half, 0.1);
    cr_assert_float_eq(kt_accents_of(&rises.evidence, 2 * PERIOD).half, 0.5, 0.05);
}

Test(accents, silence_has_none)
{
    const kt_accents_t none = kt_accents_of(&rises.evidence, PERIOD);
    cr_assert_float_eq(none.loud_opposite, 0, 1e-12);
    cr_assert_float_eq(none.half, 0, 1e-12);
    cr_assert_float_eq(none.even, 0, 1e-12);
    cr_assert_float_eq(none.kick_least, 0, 1e-12);
}
