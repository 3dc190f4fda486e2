#include "node/audio/models/steps.h"
#include "node/audio/segment.h"
#include "node/audio/segment_range.h"
#include "tests/unit/node/audio/models/models_fixture.h"
#include "tests/unit/node/audio/track_fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void
open_all(void)
{
    ax_open_8k();
    mo_make();
}

static void
close_all(void)
{
    mo_remove();
    ax_close();
}

TestSuite(steps, .init = open_all, .fini = close_all);

enum { RATE = 8000, MODEL_HZ = 8000, HOP = 80, WIDTH = 4, SECONDS = 25 * 60, ROWS = SECONDS * MODEL_HZ / HOP };

static uint64_t
row_of(uint64_t frame)
{
    return frame == UINT64_MAX ? frame : frame / (RATE / MODEL_HZ * HOP);
}

// The values of the rows that count of segments first .. first + count - 1 (0: to the end), pushed `chunk` rows at a
// time. The first row of a range differs, as it lacks the samples before it. free() it.
static float *
stepped(const kt_model_entry_t *entry, const float *rows, uint32_t first, uint32_t count, size_t chunk, size_t *n)
{
    kt_segment_range_t range;
    cr_assert_eq(kt_segment_range_of(ax_plan, KT_SEGMENT_SECONDS, RATE, first, count, &range), KT_OK);
    const uint64_t  whole = 16 * RATE, from = (range.from + whole - 1) / whole * whole / HOP;
    const uint64_t  to   = range.to == UINT64_MAX ? ROWS : row_of(range.to);
    kt_steps_opts_t opts = {.segment_own = kt_segment_range_own,
                            .plan        = ax_plan,
                            .segment_s   = KT_SEGMENT_SECONDS,
                            .rate_hz     = RATE,
                            .model_hz    = MODEL_HZ,
                            .hop         = HOP,
                            .from        = from,
                            .own         = row_of(range.own),
                            .end         = row_of(range.end)};
    kt_model_run_t *run  = NULL;
    kt_steps_t     *self = NULL;
    cr_assert_eq(kt_model_run_new(&run, entry), KT_OK);
    kt_model_run_keep(run, 0);
    cr_assert_eq(kt_steps_new(&self, run, &opts), KT_OK);
    const float other[WIDTH] = {9, 9, 9, 9};
    cr_assert_eq(kt_steps_push(self, from ? other : rows, 1), KT_OK);
    for (uint64_t at = from + 1, some; at < to; at += some) {
        some = to - at < chunk ? to - at : chunk;
        cr_assert_eq(kt_steps_push(self, rows + at * WIDTH, some), KT_OK);
    }
    cr_assert_eq(kt_steps_finish(self), KT_OK);
    cr_assert_null(kt_model_run_why(run));
    const size_t width = kt_model_run_width(run, 0);
    const float *made  = kt_model_run_series(run, 0, n);
    float       *out   = malloc(*n * width * sizeof *out);
    memcpy(out, made, *n * width * sizeof *out);
    *n *= width;
    kt_steps_destroy(&self);
    kt_model_run_destroy(&run);
    return out;
}

Test(steps, ranges_have_the_rows_of_the_whole_to_the_last_bit)
{
    kt_model_set_t         *set   = mf_open(&(mf_opts_t){.window = 300});
    const kt_model_entry_t *entry = kt_model_set_find(set, "steps");
    float                  *rows  = ax_noise((size_t)ROWS * WIDTH, 3);
    size_t                  n, at = 0;
    float                  *whole = stepped(entry, rows, 0, 0, 997, &n);
    cr_assert_eq(n, 2 * ROWS);
    for (uint32_t segment = 0; segment < 3; segment++) {
        size_t some;
        float *part = stepped(entry, rows, segment, segment < 2, 100000, &some);
        cr_assert(at + some <= n && memcmp(part, whole + at, some * sizeof *part) == 0, "segment %u", segment);
        at += some;
        free(part);
    }
    cr_assert_eq(at, n);
    free(whole);
    free(rows);
    kt_model_set_release(&set);
}

Test(steps, states_begin_again_before_a_segment_and_last_until_then)
{
    kt_model_set_t         *set   = mf_open(&(mf_opts_t){.window = 300});
    const kt_model_entry_t *entry = kt_model_set_find(set, "steps");
    float                  *rows  = ax_noise((size_t)ROWS * WIDTH, 3);
    size_t                  n;
    float                  *before = stepped(entry, rows, 0, 0, 997, &n);
    // What lies more than 30 seconds before the second segment has no effect on it.
    for (size_t i = 0; i < 60 * 100 * WIDTH; i++)
        rows[(600 - 30 - 60) * 100 * WIDTH + i] += 1;
    float *after = stepped(entry, rows, 0, 0, 997, &n);
    cr_assert_neq(before[2 * (570 * 100 - 1)], after[2 * (570 * 100 - 1)]);
    cr_assert_eq(memcmp(before + 2 * 600 * 100, after + 2 * 600 * 100, 1000 * sizeof *after), 0);
    free(before);
    free(after);
    free(rows);
    kt_model_set_release(&set);
}
