// The rows of a stream's segments, one after the other, are those of one segment without a border.
#include "kernels/isa.h"
#include "node/audio/rhythm/rows.h"
#include "tests/unit/node/audio/track_fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(rhythm_rows, .init = ax_open, .fini = ax_close);

enum { RATE = 22050, HOP = 512, SEGMENT = (1 + 600 * RATE / HOP) * HOP, SAMPLES = SEGMENT + 5 * RATE + 77 };

static float           *pcm;
static kt_plan_t       *plan;
static kt_bass_t       *bass;
static kt_rhythm_rows_t rows;
static const uint32_t   READS = KT_READS(KT_MATRIX_CHROMA) | KT_READS_SAMPLES;

static void
add(kt_segment_t *segment)
{
    cr_assert_eq(kt_segment_close(segment), KT_OK);
    cr_assert_eq(kt_rhythm_rows_begin(&rows, ax_device, plan, bass, segment), KT_OK);
    cr_assert_eq(kt_rhythm_rows_add(&rows, ax_device, segment), KT_OK);
}

// Noise of another loudness every 0.37 s.
static void
make_stream(void)
{
    pcm = ax_noise(SAMPLES, 5);
    for (size_t i = 0; i < SAMPLES; i++)
        pcm[i] *= i / 8192 % 3 == 0 ? 1 : 0.1f;
    cr_assert_eq(kt_envelope_plan(&plan, RATE), KT_OK);
    cr_assert_eq(kt_bass_new(&bass, kt_device_isa(ax_device)->rows, RATE, kt_rhythm_harmony_hop(kt_plan_opts(ax_plan))),
                 KT_OK);
}

static void
free_stream(void)
{
    free(pcm);
    kt_plan_destroy(&plan);
    kt_bass_destroy(&bass);
    kt_rhythm_rows_fini(&rows);
}

// The stream from the segment of this number on.
static void
run_from(uint32_t number)
{
    kt_segment_t *segment = NULL;
    size_t        taken;
    cr_assert_eq(kt_segment_new(&segment, ax_plan, ax_device, KT_SEGMENT_SECONDS, READS), KT_OK);
    kt_segment_start(segment, number);
    for (size_t at = kt_segment_from(segment); at < SAMPLES; at += taken) {
        cr_assert_eq(kt_segment_feed(segment, pcm + at, SAMPLES - at, &taken), KT_OK);
        if (taken < SAMPLES - at) {
            add(segment);
            kt_segment_next(segment);
        }
    }
    float zeros[4096] = {0};
    kt_segment_end(segment);
    cr_assert_eq(kt_segment_feed(segment, zeros, kt_segment_padding(segment), &taken), KT_OK);
    add(segment);
    kt_segment_destroy(&segment);
}

Test(rhythm_rows, a_border_changes_no_rise)
{
    make_stream();
    run_from(0);
    cr_assert_eq(rows.frames, kt_envelope_frames(plan, SAMPLES));

    // The last five seconds before the border and those behind it, in one piece. Its loudest second has the same
    // loudness, but not to the last bit.
    const uint64_t   hop = kt_plan_opts(plan)->hop, first = (SEGMENT - 5 * RATE) / hop * hop;
    const size_t     skip = kt_envelope_frames(plan, first), frames = rows.frames - skip;
    uint16_t        *direct = calloc(frames * KT_ENVELOPE_WIDTH, sizeof *direct);
    kt_device_job_t *job    = NULL;
    cr_assert_eq(kt_envelope_begin_rises(ax_device, plan, pcm + first, first, SAMPLES - first, direct, &job), KT_OK);
    cr_assert_eq(kt_device_end(ax_device, &job), KT_OK);
    for (size_t i = 0; i < frames * KT_ENVELOPE_WIDTH; i++)
        cr_assert_leq(abs(direct[i] - rows.rises[skip * KT_ENVELOPE_WIDTH + i]), 2, "frame %zu: %d, %d",
                      i / KT_ENVELOPE_WIDTH, direct[i], rows.rises[skip * KT_ENVELOPE_WIDTH + i]);
    free(direct);
    free_stream();
}

Test(rhythm_rows, the_rows_of_a_later_range_follow_to_the_last_bit)
{
    make_stream();
    run_from(0);
    kt_rhythm_rows_t whole = rows;
    rows                   = (kt_rhythm_rows_t){0};
    run_from(1);
    const size_t later = rows.frames, before = whole.frames - later;
    cr_expect_eq(before, kt_envelope_frames(plan, SEGMENT));
    cr_expect_eq(
        memcmp(whole.rises + before * KT_ENVELOPE_WIDTH, rows.rises, later * KT_ENVELOPE_WIDTH * sizeof *rows.rises),
        0);
    cr_expect_eq(memcmp(whole.harmony + (whole.harmony_frames - rows.harmony_frames) * whole.harmony_width,
                        rows.harmony, rows.harmony_frames * rows.harmony_width * sizeof *rows.harmony),
                 0);
    cr_expect_eq(memcmp(whole.bass + (whole.harmony_frames - rows.harmony_frames) * KT_BASS_WIDTH, rows.bass,
                        rows.harmony_frames * KT_BASS_WIDTH * sizeof *rows.bass),
                 0);

    kt_rhythm_rows_t joined = {.rate_hz = whole.rate_hz};
    cr_assert_eq(kt_rhythm_rows_append(&joined, &rows), KT_OK);
    cr_assert_eq(kt_rhythm_rows_append(&joined, &rows), KT_OK);
    cr_expect_eq(joined.frames, 2 * later);
    cr_expect_eq(memcmp(joined.rises + later * KT_ENVELOPE_WIDTH, rows.rises, 64), 0);
    cr_expect_eq(memcmp(joined.bass + rows.harmony_frames * KT_BASS_WIDTH, rows.bass, 64), 0);
    kt_rhythm_rows_fini(&joined);
    kt_rhythm_rows_fini(&whole);
    free_stream();
}
