#include "node/audio/rhythm/tempi.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

enum { MOST = 4000 };

static kt_beat_t beats[MOST];
static size_t    n;

// `count` more beats at a tempo, after a pause where a grid begins.
static void
add_beats(size_t count, double bpm, int signature, double pause)
{
    for (size_t i = 0; i < count; i++) {
        const double last = n ? beats[n - 1].time : 0;
        const bool   anew = i == 0 && pause > 0;
        beats[n] = (kt_beat_t){.time = last + (anew ? pause : 60 / bpm), .signature = signature, .begins = anew};
        n++;
    }
}

static kt_tempi_t
tempi(void)
{
    kt_tempi_t out;
    cr_assert_eq(kt_tempi_of(&out, beats, n), KT_OK);
    return out;
}

Test(rhythm_tempi, one_tempo_is_one_entry_whatever_the_gaps)
{
    n = 0;
    add_beats(200, 120, 4, 0);
    add_beats(200, 120, 4, 7.3);
    kt_tempi_t found = tempi();
    cr_expect_eq(found.n_changes, 1);
    cr_expect_float_eq(found.bpm, 120, 1e-6);
    cr_expect_float_eq(found.changes[0].bpm, 120, 1e-6);
    cr_expect_float_eq(found.stability, 1, 1e-6);
    cr_expect_eq(found.changes[0].time, beats[0].time);
    kt_tempi_fini(&found);
}

Test(rhythm_tempi, the_tempo_is_the_one_that_holds_longest)
{
    n = 0;
    add_beats(260, 150, 4, 0);  // 104 s
    add_beats(200, 100, 4, 0);  // 120 s
    kt_tempi_t found = tempi();
    cr_expect_float_eq(found.bpm, 100, 1e-6);
    cr_assert_eq(found.n_changes, 2);
    cr_expect_float_eq(found.changes[1].time, beats[259].time, 1e-9, "%g", found.changes[1].time);
    cr_expect_float_eq(found.stability, 0.53, 0.05, "%g", found.stability);
    kt_tempi_fini(&found);
}

Test(rhythm_tempi, another_meter_is_an_entry)
{
    n = 0;
    add_beats(100, 120, 4, 0);
    add_beats(90, 120, 3, 0);
    kt_tempi_t found = tempi();
    cr_assert_eq(found.n_changes, 2);
    cr_expect_eq(found.changes[0].signature, 4);
    cr_expect_eq(found.changes[1].signature, 3);
    cr_expect_float_eq(found.changes[1].time, beats[100].time, 1e-9);
    kt_tempi_fini(&found);
}

Test(rhythm_tempi, loose_timing_is_no_change_and_a_ritardando_is_a_staircase)
{
    n = 0;
    add_beats(600, 110, 4, 0);
    unsigned state = 3;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        beats[i].time += 0.02 * ((state >> 8) / 16777216.0 - 0.5);
    }
    kt_tempi_t loose = tempi();
    cr_expect_eq(loose.n_changes, 1);
    cr_expect_gt(loose.stability, 0.95);
    kt_tempi_fini(&loose);

    n = 0;
    for (size_t i = 0; i < 240; i++)
        add_beats(1, 120 * (1 - 0.15 * fmin(1, fmax(0, ((double)i - 60) / 120))), 4, 0);
    kt_tempi_t slower = tempi();
    cr_expect_geq(slower.n_changes, 4);
    cr_expect_leq(slower.n_changes, 9);
    for (size_t i = 1; i < slower.n_changes; i++)
        cr_expect_lt(slower.changes[i].bpm, slower.changes[i - 1].bpm);
    kt_tempi_fini(&slower);
}

Test(rhythm_tempi, two_beats_are_enough)
{
    n = 0;
    add_beats(2, 90, 4, 0);
    kt_tempi_t found = tempi();
    cr_expect_float_eq(found.bpm, 90, 1e-6);
    cr_expect_eq(found.n_changes, 1);
    kt_tempi_fini(&found);
}
