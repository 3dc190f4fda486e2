#include "node/audio/summary.h"
#include "tests/unit/node/audio/track_fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 19 };  // more than one block of columns

static int
by_float(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static kt_summary_t *
folded(const float *rows, const size_t *parts, size_t n)
{
    kt_summary_t *summary = NULL;
    kt_device_t  *device  = NULL;
    cr_assert_eq(kt_device_cpu(&device, NULL), KT_OK);
    cr_assert_eq(kt_summary_new(&summary, WIDTH, KT_QUANTILES), KT_OK);
    for (size_t i = 0; i < n; rows += parts[i++] * WIDTH)
        cr_assert_eq(kt_summary_fold(summary, device, &(kt_columns_matrix_t){rows, WIDTH}, 1, parts[i]), KT_OK);
    kt_device_destroy(&device);
    return summary;
}

// Straight from the definitions, column by column.
static kt_statistic_t
plain(const float *rows, size_t frames, size_t column)
{
    kt_statistic_t out    = {.min = INFINITY, .max = -INFINITY};
    float         *values = malloc(frames * sizeof *values);
    for (size_t i = 0; i < frames; i++) {
        values[i] = rows[i * WIDTH + column];
        out.mean += values[i] / (double)frames;
    }
    for (size_t i = 0; i < frames; i++)
        out.std += (values[i] - out.mean) * (values[i] - out.mean) / (double)frames;
    out.std = sqrt(out.std);
    qsort(values, frames, sizeof *values, by_float);
    out.min    = values[0];
    out.max    = values[frames - 1];
    out.median = 0.5 * ((double)values[(frames - 1) / 2] + values[frames / 2]);
    free(values);
    return out;
}

static void
expect_close(const float *rows, size_t frames, const size_t *parts, size_t n, double median_tolerance)
{
    kt_statistic_t stats[WIDTH];
    kt_summary_t  *summary = folded(rows, parts, n);
    cr_assert_eq(kt_summary_statistics(summary, stats), KT_OK);
    for (size_t c = 0; c < WIDTH; c++) {
        kt_statistic_t want = plain(rows, frames, c);
        cr_assert_float_eq(stats[c].mean, want.mean, 1e-12);
        cr_assert_float_eq(stats[c].std, want.std, 1e-12);
        cr_assert_eq(stats[c].min, want.min);
        cr_assert_eq(stats[c].max, want.max);
        cr_assert_float_eq(stats[c].median, want.median, median_tolerance, "column %zu", c);
    }
    kt_summary_destroy(&summary);
}

Test(summary, one_segment_is_exact)
{
    for (size_t frames = 1; frames < 700; frames = frames * 3 + 1) {
        float *rows = ax_noise(frames * WIDTH, 21);
        expect_close(rows, frames, &frames, 1, 0);
        free(rows);
    }
}

Test(summary, segments_merge_to_the_whole)
{
    size_t parts[] = {2000, 1, 999, 3000};
    float *rows    = ax_noise(6000 * WIDTH, 22);
    for (size_t i = 3000 * WIDTH; i < 6000 * WIDTH; i++)
        rows[i] += 0.05f;
    expect_close(rows, 6000, parts, 4, 4e-3);  // values lie in a range of 1: 1/257 of the ranks
    free(rows);
}

Test(summary, what_is_merged_is_to_the_last_bit_what_is_folded)
{
    float         *rows    = ax_noise(6000 * WIDTH, 24);
    size_t         parts[] = {2000, 1, 999, 3000};
    kt_statistic_t want[WIDTH], got[WIDTH];
    for (size_t cut = 0; cut <= 4; cut++) {
        size_t before = 0;
        for (size_t i = 0; i < cut; i++)
            before += parts[i];
        kt_summary_t *whole = folded(rows, parts, 4), *self = folded(rows, parts, cut);
        kt_summary_t *next = folded(rows + before * WIDTH, parts + cut, 4 - cut);
        cr_assert_eq(kt_summary_merge(self, next), KT_OK);
        cr_assert_eq(kt_summary_statistics(whole, want), KT_OK);
        cr_assert_eq(kt_summary_statistics(self, got), KT_OK);
        cr_assert_arr_eq(got, want, sizeof want, "cut %zu", cut);
        kt_summary_destroy(&whole);
        kt_summary_destroy(&self);
        kt_summary_destroy(&next);
    }
    free(rows);
}

Test(summary, a_large_offset_keeps_the_precision_of_the_deviation)
{
    size_t frames = 1000;
    float *rows   = ax_noise(frames * WIDTH, 23);
    for (size_t i = 0; i < frames * WIDTH; i++)
        rows[i] += 1000.0f;
    kt_statistic_t stats[WIDTH];
    kt_summary_t  *summary = folded(rows, (size_t[]){500, 500}, 2);
    cr_assert_eq(kt_summary_statistics(summary, stats), KT_OK);
    cr_assert_float_eq(stats[3].std, plain(rows, frames, 3).std, 1e-9);
    kt_summary_destroy(&summary);
    free(rows);
}

Test(summary, without_frames_there_are_no_statistics)
{
    kt_statistic_t stats[WIDTH];
    kt_summary_t  *summary = folded(NULL, (size_t[]){0}, 1);
    cr_assert_eq(kt_summary_statistics(summary, stats), KT_ENOTFOUND);
    kt_summary_destroy(&summary);
    kt_summary_destroy(&summary);  // idempotent
}
