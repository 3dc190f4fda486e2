#include "coordinator/watch/history.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

// A history with two samples of one minute's distance in a file of its own; out: its path.
static kt_history_t *
keep_two(char out[64])
{
    kt_history_t *self = NULL;
    snprintf(out, 64, "/tmp/kithara-history-XXXXXX");
    close(mkstemp(out));
    cr_assert_eq(kt_history_new(&self), KT_OK);
    cr_assert_eq(kt_history_keep(self, out, sample.wall_ms), KT_OK);
    add(self, 0, 50, 0);
    add(self, 60000, 7, 2);
    return self;
}

static void
continue_file(kt_history_t **self_p, const char *path, int64_t wall_ms)
{
    kt_history_destroy(self_p);
    cr_assert_eq(kt_history_new(self_p), KT_OK);
    cr_assert_eq(kt_history_keep(*self_p, path, wall_ms), KT_OK);
}

Test(history, it_continues_after_a_restart)
{
    char          path[64];
    kt_history_t *self = keep_two(path);
    continue_file(&self, path, sample.wall_ms + 1800000);
    cr_assert_eq(read_span(self, KT_HISTORY_HOUR, 10), 2);
    cr_assert_eq(points[1].done, 7);
    cr_assert_eq(points[1].absent, 2);
    cr_assert_eq(points[1].wall_ms, sample.wall_ms);
    sample.done = 0;  // counts begin again with the process
    add(self, 1800000, 90, 0);
    add(self, 10000, 4, 0);
    cr_assert_eq(read_span(self, KT_HISTORY_HOUR, 10), 4);
    cr_assert_eq(points[2].done, 0);
    cr_assert_eq(points[3].done, 4);
    cr_assert_eq(read_span(self, KT_HISTORY_DAY, 240), 2);
    add(self, 3600000, 1, 0);
    cr_assert_eq(read_span(self, KT_HISTORY_HOUR, 10), 1, "points of before the last hour are shown");
    kt_history_destroy(&self);
    cr_assert_eq(unlink(path), 0);
}

Test(history, of_an_old_file_and_of_one_from_the_future_nothing_is_shown)
{
    char          path[64];
    kt_history_t *self = keep_two(path);
    continue_file(&self, path, sample.wall_ms + 2 * 86400000);
    cr_assert_eq(read_span(self, KT_HISTORY_HOUR, 10) + read_span(self, KT_HISTORY_DAY, 240), 0);
    continue_file(&self, path, sample.wall_ms - 3600000);
    cr_assert_eq(read_span(self, KT_HISTORY_HOUR, 10) + read_span(self, KT_HISTORY_DAY, 240), 0);
    kt_history_destroy(&self);
    cr_assert_eq(unlink(path), 0);
}

Test(history, slots_that_are_damaged_are_left_out)
{
    char          path[64], bytes[65536];
    kt_history_t *self = keep_two(path);
    kt_history_destroy(&self);
    int     file = open(path, O_RDWR | O_CLOEXEC);
    ssize_t n    = read(file, bytes, sizeof bytes);
    cr_assert_gt(n, 0);
    unsigned seed = 1;
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 300; i++)
            bytes[(size_t)rand_r(&seed) % (size_t)n] = (char)rand_r(&seed);
        cr_assert_eq(pwrite(file, bytes, (size_t)n, 0), n);
        cr_assert_eq(ftruncate(file, (off_t)n - rand_r(&seed) % 1000), 0);
        continue_file(&self, path, sample.wall_ms);
        for (size_t i = read_span(self, KT_HISTORY_HOUR, 10); i > 0; i--)
            cr_assert_leq(points[i - 1].wall_ms, sample.wall_ms);
        add(self, 0, 1, 0);
        cr_assert_geq(read_span(self, KT_HISTORY_DAY, 240), 1);
    }
    kt_history_destroy(&self);
    close(file);
    cr_assert_eq(unlink(path), 0);
}

Test(history, a_file_of_another_process_is_left_alone_and_memory_goes_on)
{
    char          path[64];
    kt_history_t *self = keep_two(path), *other = NULL;
    cr_assert_eq(kt_history_new(&other), KT_OK);
    cr_assert_eq(kt_history_keep(other, path, sample.wall_ms), KT_ELOCKED);
    cr_assert_eq(kt_history_keep(other, "/no/such/folder", sample.wall_ms), KT_ENOFILE);
    add(other, 0, 1, 0);
    cr_assert_eq(read_span(other, KT_HISTORY_HOUR, 10), 1);
    kt_history_destroy(&other);
    kt_history_destroy(&self);
    cr_assert_eq(unlink(path), 0);
}
