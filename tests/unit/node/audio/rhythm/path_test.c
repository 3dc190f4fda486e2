#include "node/audio/rhythm/path.h"

#include <criterion/criterion.h>
#include <math.h>

enum { MOST = 64, RATE = 100, HOP = KT_WINDOW_HOP_S * RATE };

static kt_window_t    windows[MOST];
static kt_path_step_t steps[MOST];
static size_t         n;

// A window with one hypothesis and a worse one; clarity as of music, or of noise.
static void
add_window(double bpm, int signature, double probability, double other_bpm, double clarity)
{
    kt_window_t *window = &windows[n];
    *window             = (kt_window_t){.begin = n * HOP, .end = (n + 2) * HOP, .count = 2};
    window->meter[0]    = (kt_window_meter_t){(float)(60 / bpm), (float)probability, (float)clarity, signature};
    window->meter[1]    = (kt_window_meter_t){(float)(60 / other_bpm), (float)(1 - probability), (float)clarity, 4};
    n++;
}

static void
find(const kt_path_step_t *before)
{
    cr_assert_eq(kt_path_find(windows, n, RATE, before, steps), KT_OK);
}

Test(rhythm_path, windows_that_are_unsure_take_the_octave_of_the_others)
{
    for (size_t i = 0; i < 20; i++)
        add_window(i % 5 == 4 ? 60 : 120, 4, i % 5 == 4 ? 0.7 : 0.9, i % 5 == 4 ? 120 : 60, 0.5);
    find(NULL);
    for (size_t i = 0; i < n; i++) {
        cr_expect_float_eq(60 / steps[i].period, 120, 1, "%zu", i);
        cr_expect_eq(steps[i].signature, 4);
        cr_expect_eq(steps[i].jumps, i == 0);
    }
}

Test(rhythm_path, a_change_that_lasts_is_one)
{
    for (size_t i = 0; i < 20; i++)
        add_window(i < 10 ? 120 : 90, i < 10 ? 4 : 3, 0.9, 60, 0.5);
    find(NULL);
    for (size_t i = 0; i < n; i++) {
        cr_expect_float_eq(60 / steps[i].period, i < 10 ? 120 : 90, 1, "%zu", i);
        cr_expect_eq(steps[i].signature, i < 10 ? 4 : 3);
        cr_expect_eq(steps[i].jumps, i == 0 || i == 10);
    }
}

Test(rhythm_path, a_tempo_that_drifts_does_not_jump)
{
    for (size_t i = 0; i < 12; i++)
        add_window(120 * pow(0.97, (double)i), 4, 0.9, 200, 0.5);
    find(NULL);
    for (size_t i = 1; i < n; i++)
        cr_expect_not(steps[i].jumps, "%zu", i);
    cr_expect_float_eq(60 / steps[11].period, 120 * pow(0.97, 11), 1);
}

Test(rhythm_path, where_nothing_is_clear_for_long_there_is_no_beat)
{
    for (size_t i = 0; i < 30; i++)
        add_window(i >= 10 && i < 20 ? 77 + 9 * (double)(i % 4) : 120, 4, i >= 10 && i < 20 ? 0.3 : 0.9, 60,
                   i >= 10 && i < 20 ? 0.005 : 0.5);
    find(NULL);
    for (size_t i = 0; i < n; i++)
        cr_expect_eq(steps[i].signature, i >= 10 && i < 20 ? 0 : 4, "%zu", i);
}

Test(rhythm_path, what_is_decided_goes_on)
{
    const kt_path_step_t before = {.period = 1, .signature = 4};
    for (size_t i = 0; i < 3; i++)
        add_window(120, 4, 0.6, 60, 0.5);
    find(&before);
    for (size_t i = 0; i < n; i++)
        cr_expect_float_eq(steps[i].period, 1, 0.01, "%zu", i);
    cr_expect_not(steps[0].jumps);
}
