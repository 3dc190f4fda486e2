// How much the harmony changes, and how regular strokes above 2400 Hz are.
#include "node/audio/rhythm/evidence.h"

#include <criterion/criterion.h>

enum { RATE_HZ = 100, FRAMES = 24 * RATE_HZ, HARMONY_HZ = 20, CHORDS = 24 * HARMONY_HZ, CLASSES = 12 };

static uint16_t rises[FRAMES * KT_ENVELOPE_WIDTH], harmony[CHORDS * CLASSES], bass[CHORDS * KT_BASS_WIDTH];

static kt_evidence_t
compared(void)
{
    const kt_rhythm_rows_t rows = {.rises           = rises,
                                   .frames          = FRAMES,
                                   .rate_hz         = RATE_HZ,
                                   .harmony         = harmony,
                                   .bass            = bass,
                                   .harmony_frames  = CHORDS,
                                   .harmony_width   = CLASSES,
                                   .harmony_rate_hz = HARMONY_HZ};
    kt_evidence_t          out;
    cr_assert_eq(kt_evidence_new(&out, &rows, 0, FRAMES), KT_OK);
    cr_assert_eq(kt_evidence_compare(&out), KT_OK);
    return out;
}

// Notes of one class each, the next one after `seconds`.
static void
fill_harmony(int seconds)
{
    for (int t = 0; t < CHORDS; t++)
        harmony[t * CLASSES + t / (seconds * HARMONY_HZ) * 5 % CLASSES] = UINT16_MAX;
}

Test(evidence, harmony_that_changes_every_two_seconds_is_much)
{
    fill_harmony(2);
    kt_evidence_t evidence = compared();
    cr_expect_gt(evidence.harmonic, 0.99);
    kt_evidence_fini(&evidence);
}

Test(evidence, chords_count_where_no_strokes_repeat)
{
    fill_harmony(1);
    kt_evidence_t evidence = compared();
    cr_expect_gt(evidence.unheard, 0.99);
    cr_expect_gt(kt_likeness_at(&evidence.changes, 1), 0.9);
    cr_expect_lt(kt_likeness_at(&evidence.changes, 0.5), 0.1);
    kt_evidence_fini(&evidence);
    for (int t = 0; t < FRAMES; t += RATE_HZ / 2)
        rises[t * KT_ENVELOPE_WIDTH] = UINT16_MAX / 2;
    evidence = compared();
    cr_expect_float_eq(evidence.unheard, 0, 1e-12);
    kt_evidence_fini(&evidence);
}

Test(evidence, one_chord_does_not_change)
{
    fill_harmony(24);
    kt_evidence_t evidence = compared();
    cr_expect_float_eq(evidence.harmonic, 0, 1e-6);
    kt_evidence_fini(&evidence);
}

Test(evidence, strokes_every_half_second_are_regular)
{
    for (int t = 0; t < FRAMES; t += RATE_HZ / 2)
        rises[t * KT_ENVELOPE_WIDTH + KT_ENVELOPE_WIDTH - 1] = UINT16_MAX / 2;
    kt_evidence_t evidence = compared();
    cr_expect_gt(evidence.percussive, 0.9);
    kt_evidence_fini(&evidence);
}

Test(evidence, silence_has_neither)
{
    kt_evidence_t evidence = compared();
    cr_expect_float_eq(evidence.harmonic, 0, 1e-12);
    cr_expect_float_eq(evidence.percussive, 0, 1e-12);
    kt_evidence_fini(&evidence);
}
