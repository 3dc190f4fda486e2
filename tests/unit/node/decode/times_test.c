// Times and samples of pictures, without a file.
#include "node/decoder/counts/sampler.h"
#include "node/decoder/counts/times.h"

#include <criterion/criterion.h>
#include <math.h>

// NAN: no stamp. A time that is not its stamp is a guess, unless the stream has begun anew.
static void
expect_times(double rate_hz, const double *stamps, const double *times, size_t n)
{
    kt_times_t self;
    kt_times_init(&self, rate_hz, false);
    for (size_t i = 0; i < n; i++) {
        bool   guessed;
        double time = kt_times_next(&self, stamps[i], 0, &guessed);
        cr_expect_float_eq(time, times[i], 1e-9, "%zu: %g, not %g", i, time, times[i]);
        cr_expect(guessed == !(time == stamps[i]) || self.shift_s > 0, "%zu", i);
    }
}

#define EXPECT_TIMES(rate_hz, stamps, times) expect_times(rate_hz, stamps, times, sizeof(stamps) / sizeof *(stamps))

Test(times, those_that_ascend_are_kept)
{
    static const double stamps[] = {-.5, -.46, 0, 7, 7, 1000};
    EXPECT_TIMES(25, stamps, stamps);
}

Test(times, missing_ones_continue_by_the_rate)
{
    static const double stamps[] = {NAN, NAN, 3, NAN, NAN, 3.5}, times[] = {0, .1, 3, 3.1, 3.2, 3.5};
    EXPECT_TIMES(10, stamps, times);
    static const double none[] = {NAN, NAN}, slow[] = {0, .04};
    EXPECT_TIMES(0, none, slow);
}

Test(times, missing_ones_continue_by_the_time_that_pictures_are_shown)
{
    static const double shown[] = {0, .15, .1, 9, 0}, times[] = {2, 2.15, 2.25, 2.35, 2.45};
    kt_times_t          self;
    bool                guessed;
    kt_times_init(&self, 10, false);
    for (size_t i = 0; i < 5; i++) {
        const double time = kt_times_next(&self, i ? NAN : 2, shown[i], &guessed);
        cr_expect_float_eq(time, times[i], 1e-9, "%zu: %g", i, time);
    }
}

// As kt_film passes them on: a picture is sent when the next one is known.
Test(times, stamps_that_stay_are_taken_for_missing)
{
    static const double stamps[] = {0, 0, 0, 0, 0, 5, 5.1}, times[] = {0, .1, .2, .3, .4, 5, 5.1};
    kt_times_t          self;
    double              last = 0;
    kt_times_init(&self, 10, false);
    for (size_t i = 0; i < 7; i++) {
        bool guessed;
        cr_expect_eq(kt_times_correct(&self, stamps[i], &last), i == 2, "%zu", i);
        if (i == 2)
            cr_expect_float_eq(last, times[1], 1e-9);
        last = kt_times_next(&self, stamps[i], 0, &guessed);
        cr_expect(i == 1 || fabs(last - times[i]) < 1e-9, "%zu: %g", i, last);
        cr_expect_eq(guessed, i >= 2 && i < 5, "%zu", i);
    }
}

Test(times, small_steps_back_are_held)
{
    static const double stamps[] = {1, 1.2, 1.1, 1.3}, times[] = {1, 1.2, 1.2, 1.3};
    EXPECT_TIMES(10, stamps, times);
}

Test(times, a_stream_that_begins_anew_continues)
{
    static const double stamps[] = {95443, 95443.1, .2, .3, .1, 0, 0},
                        times[]  = {95443, 95443.1, 95443.2, 95443.3, 95443.3, 95443.3, 95443.3};
    EXPECT_TIMES(10, stamps, times);
}

Test(times, a_single_stamp_far_ahead_is_taken_for_missing)
{
    static const double stamps[] = {1, 1.1, 5000, 1.3, 1.4}, times[] = {1, 1.1, 1.2, 1.3, 1.4};
    kt_times_t          self;
    double              last = 0;
    kt_times_init(&self, 10, false);
    for (size_t i = 0; i < 5; i++) {
        bool guessed;
        cr_expect_eq(kt_times_correct(&self, stamps[i], &last), i == 3);
        if (i == 3)
            cr_expect_float_eq(last, times[2], 1e-9);
        const double time = kt_times_next(&self, stamps[i], 0, &guessed);
        cr_expect(i == 2 || fabs(time - times[i]) < 1e-9, "%zu: %g", i, time);
    }
}

Test(times, a_leap_ahead_begins_another_recording_where_they_are_joined)
{
    // 70 s behind 2 s begin one, 49.9 s and 60 s are gaps, as are 100 s behind 112 s.
    static const double stamps[] = {1000, 1000.1, 1002, 1072, 1072.1, 1122, 1182, 1282, 50000, 50000.1, 10, 10.1},
                        times[]  = {1000,   1000.1, 1002,   1002.1, 1002.2, 1052.1,
                                    1112.1, 1212.1, 1212.2, 1212.3, 1212.4, 1212.5};
    static const bool begins[]   = {0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0};
    kt_times_t        self;
    kt_times_init(&self, 10, true);
    for (size_t i = 0; i < sizeof stamps / sizeof *stamps; i++) {
        bool         guessed;
        const double time = kt_times_next(&self, stamps[i], 0, &guessed);
        cr_expect_float_eq(time, times[i], 1e-9, "%zu: %g, not %g", i, time, times[i]);
        cr_expect_eq(guessed, begins[i], "%zu", i);
    }
}

static size_t
count_taken(kt_sampler_t *self, double step_s, size_t pictures, size_t *last)
{
    size_t n = 0;
    for (size_t i = 0; i < pictures; i++)
        if (kt_sampler_take(self, step_s * (double)(i + 1))) {
            n++;
            *last = i;
        }
    return n;
}

Test(sampler, a_picture_is_taken_when_a_middle_is_shown)
{
    kt_sampler_t self;
    size_t       last = 0;
    kt_sampler_init(&self, 0, 10, 1, 300);
    cr_expect_eq(kt_sampler_due_s(&self), .5);
    cr_expect_not(kt_sampler_take(&self, .5), "the next one is shown from then on");
    cr_expect(kt_sampler_take(&self, .6));
    cr_expect_not(kt_sampler_take(&self, 1.5));
    cr_expect(kt_sampler_take(&self, 7.2), "one for many middles");
    cr_expect_eq(kt_sampler_due_s(&self), 7.5);
    kt_sampler_init(&self, 0, 10, 1, 300);
    cr_expect_eq(count_taken(&self, .04, 250, &last), 10);
    cr_expect_eq(last, 237);  // shown from 9.48 to 9.52
}

Test(sampler, the_number_is_bounded_whatever_the_length)
{
    kt_sampler_t self;
    size_t       last = 0;
    kt_sampler_init(&self, 0, 7200, 1, 300);
    cr_expect_eq(self.interval_s, 24);
    cr_expect_eq(count_taken(&self, .04, 7200 * 25, &last), 300);
    kt_sampler_init(&self, 0, 0, 1, 300);
    size_t n = count_taken(&self, .04, 7200 * 25, &last);
    cr_expect(n > 300 && n <= 300 * 6, "%zu", n);
    kt_sampler_init(&self, 0, 10, 1, 300);  // it says ten seconds
    n = count_taken(&self, .04, 7200 * 25, &last);
    cr_expect(n > 300 && n <= 300 * 6, "%zu", n);
}

Test(sampler, nothing_is_taken_where_nothing_is_asked_for)
{
    kt_sampler_t self;
    kt_sampler_init(&self, 0, 10, 0, 300);
    cr_expect_not(kt_sampler_take(&self, 1e9));
    kt_sampler_init(&self, 0, 10, 1, 0);
    cr_expect_not(kt_sampler_take(&self, 1e9));
    cr_expect(isinf(kt_sampler_due_s(&self)));
}
