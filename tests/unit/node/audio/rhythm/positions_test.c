// Levels of metrical positions on made rises: what they are compared with.
#include "node/audio/rhythm/bars.h"

#include <criterion/criterion.h>

enum { FRAMES = 2400, HALF = FRAMES / 2, BEAT = 50, PULSES = 20 };
enum { ROWS = KT_ENVELOPE_GROUPS + KT_ENVELOPE_RANGES, RISES = KT_POSITION_CHANNELS - 2 };  // the last two: harmony

static float row[ROWS][FRAMES];

// Onsets on beats, in all rows: of one size in the first half of the frames, of 1 in the second.
static kt_evidence_t
evidence_of(float before)
{
    kt_evidence_t evidence = {.envelope = {.rate_hz = 100, .frames = FRAMES}, .harmony = {.rate_hz = 20}};
    for (int r = 0; r < ROWS; r++) {
        for (int at = 0; at < FRAMES; at++)
            row[r][at] = at % BEAT ? 0 : at < HALF ? before : 1;
        if (r < KT_ENVELOPE_GROUPS)
            evidence.envelope.group[r] = row[r];
        else
            evidence.envelope.loud[r - KT_ENVELOPE_GROUPS] = row[r];
    }
    return evidence;
}

static kt_positions_t
positions_of(float before)
{
    const kt_evidence_t evidence = evidence_of(before);
    kt_positions_t      positions;
    size_t              pulse[PULSES];
    for (size_t i = 0; i < PULSES; i++)
        pulse[i] = HALF + i * BEAT;
    cr_assert_eq(kt_positions_new(&positions, &evidence, pulse, PULSES), KT_OK);
    return positions;
}

Test(positions, levels_of_a_quiet_part_do_not_depend_on_a_loud_one_before)
{
    kt_positions_t alone = positions_of(0), after = positions_of(20);
    for (int c = 0; c < RISES; c++) {
        cr_assert_gt(alone.level[c][0], 1);
        for (size_t p = 0; p < alone.parts; p++)
            cr_assert_float_eq(alone.level[c][p], after.level[c][p], 1e-6);
    }
    kt_positions_fini(&alone);
    kt_positions_fini(&after);
}
