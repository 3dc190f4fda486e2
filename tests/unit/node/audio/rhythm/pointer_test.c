#include "node/audio/rhythm/pointer.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(pointer);

enum { RATE = 50, MOST = 60 * RATE };

static float            beat[MOST], downbeat[MOST];
static kt_activations_t made;

// `seconds` of silence: a little of everything, as models have it.
static void
begin(double seconds)
{
    made = (kt_activations_t){.frames = (size_t)(seconds * RATE), .rate_hz = RATE, .beat = beat, .downbeat = downbeat};
    for (size_t t = 0; t < MOST; t++) {
        beat[t]     = 0.02f + 0.02f * (float)(t * 7919 % 13) / 13;
        downbeat[t] = beat[t] / 2;
    }
}

// A beat of this strength, over two frames where it lies between them.
static void
add_beat(double second, bool down, double strength)
{
    const size_t t       = (size_t)(second * RATE);
    const double part[2] = {1 - (second * RATE - (double)t), second * RATE - (double)t};
    for (size_t i = 0; i < 2 && t + i < made.frames; i++) {
        beat[t + i]     = (float)fmax(beat[t + i], strength * part[i]);
        downbeat[t + i] = (float)((down ? 0.9 : 0.08) * beat[t + i]);
    }
}

static kt_pointer_path_t
decoded(int beats)
{
    const kt_pointer_opts_t opts = {0.28, 1.1, 100, beats};
    kt_pointer_path_t       path = {0};
    cr_assert_eq(kt_pointer_decode(&made, &opts, &path), KT_OK);
    return path;
}

Test(pointer, steady_beats_are_found_with_their_places_in_bars_of_three_and_four)
{
    for (int bar = 3; bar <= 4; bar++) {
        begin(20);
        for (int i = 0; 0.3 + 0.48 * i < 20; i++)
            add_beat(0.3 + 0.48 * i, i % bar == 1, 0.8);
        kt_pointer_path_t path = decoded(bar);
        cr_assert_eq(path.count, 42);
        for (size_t i = 0; i < path.count; i++) {
            cr_expect_float_eq((double)path.frame[i] / RATE, 0.3 + 0.48 * (double)i, 0.03, "%zu", i);
            cr_expect_eq(path.place[i], (i + (size_t)bar - 1) % (size_t)bar, "%zu", i);
        }
        kt_pointer_fini(&path);
    }
}

Test(pointer, the_right_meter_is_more_probable)
{
    for (int bar = 3; bar <= 4; bar++) {
        begin(20);
        for (int i = 0; 0.3 + 0.48 * i < 20; i++)
            add_beat(0.3 + 0.48 * i, i % bar == 0, 0.8);
        kt_pointer_path_t three = decoded(3), four = decoded(4);
        cr_expect_gt(bar == 3 ? three.evidence : four.evidence, bar == 3 ? four.evidence : three.evidence);
        kt_pointer_fini(&three);
        kt_pointer_fini(&four);
    }
}

Test(pointer, a_drifting_tempo_is_followed)
{
    double at[200];
    size_t n = 0;
    begin(50);
    for (double t = 0.5, interval = 0.6; t < 49.5; t += interval, interval *= 0.997) {
        add_beat(t, n % 4 == 0, 0.7);
        at[n++] = t;
    }
    kt_pointer_path_t path = decoded(4);
    cr_assert_geq(path.count, n);
    for (size_t i = 0, k = 0; i < n; i++) {
        while (k + 1 < path.count && (double)path.frame[k] / RATE < at[i] - 0.03)
            k++;
        cr_expect_float_eq((double)path.frame[k] / RATE, at[i], 0.03, "beat %zu", i);
    }
    kt_pointer_fini(&path);
}

Test(pointer, beats_that_are_missing_are_filled_in)
{
    begin(30);
    for (int i = 0; 0.4 + 0.5 * i < 30; i++)
        if (i % 7 != 3 && (i < 20 || i > 26))
            add_beat(0.4 + 0.5 * i, i % 4 == 0, 0.8);
    kt_pointer_path_t path = decoded(4);
    cr_assert_eq(path.count, 60);
    for (size_t i = 0; i < path.count; i++) {
        cr_expect_float_eq((double)path.frame[i] / RATE, 0.4 + 0.5 * (double)i, 0.021, "%zu", i);
        cr_expect_eq(path.place[i], i % 4, "%zu", i);
    }
    kt_pointer_fini(&path);
}

// The same by trying all sequences of beats, in small.
static double
best_of_all(const double *log_step, size_t frame, size_t interval, size_t shortest, size_t count, double so_far)
{
    double best = -INFINITY;
    if (frame >= made.frames)
        return so_far;
    for (size_t k = 0; k < count; k++) {
        const size_t next = shortest + k, end = frame + next < made.frames ? frame + next : made.frames;
        const size_t wide = (next + 15) / 16;
        double       sum  = so_far + log_step[interval * count + k];
        for (size_t t = frame; t < end; t++)
            sum += t < frame + wide ? log(fmax(1e-3, (double)beat[t])) : log(fmax(1e-3, 1 - (double)beat[t]) / 15);
        best = fmax(best, best_of_all(log_step, frame + next, k, shortest, count, sum));
    }
    return best;
}

Test(pointer, the_path_is_the_most_probable_of_all)
{
    enum { SHORTEST = 8, COUNT = 3, FRAMES = 70 };
    double step[(COUNT + 1) * COUNT];
    begin(FRAMES / (double)RATE);
    for (int i = 0; i < 8; i++)
        add_beat(0.1 + 0.17 * i + 0.02 * (i % 3), false, 0.3 + 0.08 * i);
    for (int i = 0; i < COUNT; i++) {
        double sum = 0;
        for (int k = 0; k < COUNT; k++)
            sum += exp(-20 * fabs((double)(SHORTEST + k) / (SHORTEST + i) - 1));
        for (int k = 0; k < COUNT; k++)
            step[i * COUNT + k] = -20 * fabs((double)(SHORTEST + k) / (SHORTEST + i) - 1) - log(sum);
    }
    for (int k = 0; k < COUNT; k++)
        step[COUNT * COUNT + k] = 0;  // the first beat has no interval before it
    double best = -INFINITY, before = -log(COUNT);
    for (size_t first = 0; first < SHORTEST + COUNT - 1; first++) {
        for (size_t k = 0; k < COUNT;
             k++) {  // the interval that was cut by the begin is longer than what is left of it
            double only[(COUNT + 1) * COUNT];
            memcpy(only, step, sizeof only);
            for (int j = 0; j < COUNT; j++)
                only[COUNT * COUNT + j] = j == (int)k && first < SHORTEST + k ? 0 : -1e30;
            best = fmax(best, best_of_all(only, first, COUNT, SHORTEST, COUNT, before));
        }
        before += log(fmax(1e-3, 1 - (double)beat[first]) / 15);
    }
    const kt_pointer_opts_t opts = {8.01 / RATE, 9.99 / RATE, 20, 1};
    kt_pointer_path_t       path;
    cr_assert_eq(kt_pointer_decode(&made, &opts, &path), KT_OK);
    cr_expect_float_eq(path.evidence * FRAMES, best, 1e-6 * fabs(best));
    kt_pointer_fini(&path);
}

Test(pointer, what_is_too_short_has_no_beats_and_wrong_options_are_refused)
{
    static const kt_pointer_opts_t wrong[] = {{0, 1, 100, 4},   {1, 0.5, 100, 4},  {0.3, 1, -1, 4},  {0.3, 1, NAN, 4},
                                              {0.3, 1, 100, 0}, {0.3, 1, 100, 13}, {0.3, 9, 100, 4}, {NAN, 1, 100, 4}};
    kt_pointer_path_t              path    = {0};
    begin(2);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_expect_eq(kt_pointer_decode(&made, &wrong[i], &path), KT_EINVAL, "%zu", i);
    path = decoded(4);
    cr_expect_eq(path.count, 0);
    made.frames = 0;
    path        = decoded(4);
    cr_expect_eq(path.count, 0);
}
