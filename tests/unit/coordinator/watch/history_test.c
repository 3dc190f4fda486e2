#include "coordinator/watch/history.h"

#include <criterion/criterion.h>

static kt_history_point_t  points[KT_HISTORY_POINTS];
static kt_history_sample_t sample = {.wall_ms = 1000000000};

static void
add(kt_history_t *self, int64_t after_ms, uint64_t done, uint32_t absent)
{
    sample.wall_ms += after_ms;
    sample.done += done;
    sample.waiting = done;
    sample.absent  = absent;
    kt_history_add(self, &sample);
}

static size_t
read_span(kt_history_t *self, kt_history_span_t span, int64_t step_s)
{
    int64_t step = 0;
    size_t  n    = kt_history_read(self, span, points, &step);
    cr_assert_eq(step, step_s);
    return n;
}

Test(history, a_step_has_what_was_done_in_it_and_the_last_state)
{
    kt_history_t *self = NULL;
    cr_assert_eq(kt_history_new(&self), KT_OK);
    cr_assert_eq(read_span(self, KT_HISTORY_HOUR, 10), 0);
    add(self, 0, 50, 0);  // what was done before the first sample belongs to no step
    add(self, 4000, 7, 2);
    add(self, 5000, 3, 1);
    add(self, 2000, 4, 0);
    cr_assert_eq(read_span(self, KT_HISTORY_HOUR, 10), 2);
    cr_assert_eq(points[0].done, 10);
    cr_assert_eq(points[0].waiting, 3);
    cr_assert_eq(points[0].absent, 2, "an absence within the step is forgotten");
    cr_assert_eq(points[1].done, 4);
    cr_assert_eq(read_span(self, KT_HISTORY_DAY, 240), 1);
    cr_assert_eq(points[0].done, 14);
    kt_history_destroy(&self);
    kt_history_destroy(&self);
}

Test(history, it_keeps_the_last_points_of_each_span)
{
    kt_history_t *self = NULL;
    cr_assert_eq(kt_history_new(&self), KT_OK);
    for (int i = 0; i < 24 * 400; i++)
        add(self, KT_HISTORY_SAMPLE_MS, 1, 0);
    cr_assert_eq(read_span(self, KT_HISTORY_HOUR, 10), KT_HISTORY_POINTS);
    cr_assert_eq(points[KT_HISTORY_POINTS - 1].wall_ms, sample.wall_ms);
    for (int i = 1; i < KT_HISTORY_POINTS; i++)
        cr_assert_eq(points[i].wall_ms - points[i - 1].wall_ms, 10000);
    cr_assert_eq(read_span(self, KT_HISTORY_DAY, 240), KT_HISTORY_POINTS);
    cr_assert_eq(points[0].done, 24);
    kt_history_destroy(&self);
}

Test(history, a_clock_that_is_set_back_adds_to_the_last_point)
{
    kt_history_t *self = NULL;
    cr_assert_eq(kt_history_new(&self), KT_OK);
    add(self, 0, 0, 0);
    add(self, 60000, 5, 0);
    add(self, -3600000, 6, 0);
    cr_assert_eq(read_span(self, KT_HISTORY_HOUR, 10), 2);
    cr_assert_eq(points[1].done, 11);
    kt_history_destroy(&self);
}
