#include "node/audio/segment.h"
#include "tests/unit/node/audio/track_fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Two segments and a part, at a rate where that is quickly computed.
enum {
    HOP     = 512,
    N_FFT   = 2048,
    FRAMES  = 1 + 600 * 8000 / HOP,
    TOTAL   = 2 * FRAMES + 100,
    SAMPLES = (TOTAL - 1) * HOP + 7
};

static float *pcm;
static float *kept[KT_MATRICES];
static size_t kept_frames, segments, seen_samples;

static void
open_stream(void)
{
    ax_open_8k();
    pcm = ax_noise(SAMPLES, 11);
    for (size_t i = 0; i < SAMPLES; i++)  // loudness that goes up and down, so that onsets differ from frame to frame
        pcm[i] *= 0.5f + 0.5f * sinf((float)(i % 7919) * 0.0008f);
}

static void
close_stream(void)
{
    for (int m = 0; m < KT_MATRICES; m++)
        free(kept[m]);
    free(pcm);
    ax_close();
}

TestSuite(segment, .init = open_stream, .fini = close_stream, .timeout = 60);

static void
keep_matrix(const kt_segment_t *segment, kt_matrix_t matrix)
{
    const float *rows = kt_segment_matrix(segment, matrix);
    size_t       size = kt_segment_width(segment, matrix) * sizeof(float);
    kept[matrix]      = realloc(kept[matrix], (kept_frames + kt_segment_frames(segment)) * size);
    memcpy((char *)kept[matrix] + kept_frames * size, rows, kt_segment_frames(segment) * size);
}

static void
close_one(kt_segment_t *segment, uint32_t reads)
{
    cr_assert_eq(kt_segment_close(segment), KT_OK);
    for (int m = 0; m < KT_MATRICES; m++)
        if (reads & KT_READS(m))
            keep_matrix(segment, (kt_matrix_t)m);
    size_t       n;
    const float *samples = kt_segment_samples(segment, &n);
    if (kt_segment_frames(segment))  // an empty one after the last is not passed on
        cr_assert_eq(kt_segment_first(segment), seen_samples);
    cr_assert_eq(memcmp(samples, pcm + seen_samples, n * sizeof *samples), 0);
    seen_samples += n;
    kept_frames += kt_segment_frames(segment);
    segments++;
}

static void
feed_all(kt_segment_t *segment, const float *samples, size_t n, uint32_t reads)
{
    for (size_t taken = 0; n > 0; samples += taken, n -= taken) {
        cr_assert_eq(kt_segment_feed(segment, samples, n, &taken), KT_OK);
        if (taken < n) {
            close_one(segment, reads);
            kt_segment_next(segment);
        }
    }
}

static void
run_stream(uint32_t reads, size_t samples)
{
    float         zeros[N_FFT / 2] = {0};
    kt_segment_t *segment          = NULL;
    cr_assert_eq(kt_segment_new(&segment, ax_plan, ax_device, KT_SEGMENT_SECONDS, reads), KT_OK);
    feed_all(segment, pcm, samples, reads);
    kt_segment_end(segment);
    cr_assert_eq(kt_segment_padding(segment), N_FFT / 2);
    feed_all(segment, zeros, N_FFT / 2, reads);
    close_one(segment, reads);
    cr_assert_eq(seen_samples, samples, "the segments' own samples are not the stream's");
    kt_segment_destroy(&segment);
}

// The rows of the stream from one call over all of it.
static float *
direct_rows(kt_row_t row, size_t samples, size_t *frames)
{
    float *padded = calloc(samples + N_FFT, sizeof *padded);
    memcpy(padded + N_FFT / 2, pcm, samples * sizeof *padded);
    *frames        = 1 + samples / HOP;
    float    *out  = malloc(*frames * kt_row_width(ax_plan, row) * sizeof *out);
    kt_span_t span = {padded, *frames, N_FFT / 2, N_FFT / 2 + samples};
    kt_rows_t rows = {0};
    rows.row[row]  = out;
    cr_assert_eq(kt_device_frontend(ax_device, ax_plan, &span, 1, &rows), KT_OK);
    free(padded);
    return out;
}

static void
expect_direct(kt_row_t row, size_t samples)
{
    size_t frames;
    float *direct = direct_rows(row, samples, &frames);
    cr_assert_eq(kept_frames, frames);
    cr_assert_eq(memcmp(direct, kept[row], frames * kt_row_width(ax_plan, row) * sizeof *direct), 0, "row %d",
                 (int)row);
    free(direct);
}

Test(segment, rows_at_borders_are_true_frames)
{
    run_stream(KT_READS(KT_MATRIX_MEL) | KT_READS(KT_MATRIX_ZCR) | KT_READS(KT_MATRIX_RMS), SAMPLES);
    cr_assert_eq(segments, 3);
    expect_direct(KT_ROW_ZCR, SAMPLES);
    expect_direct(KT_ROW_RMS, SAMPLES);
    expect_direct(KT_ROW_MEL, SAMPLES);
}

Test(segment, a_stream_that_ends_on_a_border_has_no_frame_too_many)
{
    size_t samples = (size_t)FRAMES * HOP - 1;  // the last frame of the first segment is the last one
    run_stream(KT_READS(KT_MATRIX_RMS), samples);
    expect_direct(KT_ROW_RMS, samples);
    cr_assert_eq(kept_frames, FRAMES);
}

Test(segment, a_stream_one_sample_longer_has_one_frame_more)
{
    size_t samples = (size_t)FRAMES * HOP;
    run_stream(KT_READS(KT_MATRIX_ZCR), samples);
    expect_direct(KT_ROW_ZCR, samples);
    cr_assert_eq(kept_frames, FRAMES + 1);
}

Test(segment, onsets_go_on_across_a_border)
{
    size_t frames;
    run_stream(KT_READS(KT_MATRIX_ONSET), SAMPLES);
    float *mel    = direct_rows(KT_ROW_MEL, SAMPLES, &frames);
    float *db     = malloc(frames * 128 * sizeof *db);
    float *onsets = malloc(frames * sizeof *onsets);
    kt_rows_to_db(kt_device_isa(ax_device), mel, frames * 128,
                  db);  // noise: nothing is 80 dB below the largest, so the floors do not matter
    kt_rows_onset(kt_device_isa(ax_device), ax_plan, db, frames, onsets);
    cr_assert_eq(memcmp(onsets, kept[KT_MATRIX_ONSET], frames * sizeof *onsets), 0);
    free(mel);
    free(db);
    free(onsets);
}

Test(segment, contrast_needs_a_rate_that_holds_its_bands)
{
    cr_assert_eq(kt_matrix_width(ax_plan, KT_MATRIX_CONTRAST), 0);
    kt_segment_t *segment = NULL;
    cr_assert_eq(kt_segment_new(&segment, ax_plan, ax_device, KT_SEGMENT_SECONDS, KT_READS(KT_MATRIX_CONTRAST)), KT_OK);
    cr_assert_null(kt_segment_matrix(segment, KT_MATRIX_CONTRAST));
    kt_segment_destroy(&segment);
    kt_segment_destroy(&segment);  // idempotent
}

Test(segment, chroma_is_each_segments_own)
{
    run_stream(KT_READS(KT_MATRIX_CHROMA), SAMPLES);
    for (size_t i = 0; i < kept_frames * 12; i++)
        cr_assert(kept[KT_MATRIX_CHROMA][i] >= 0 && kept[KT_MATRIX_CHROMA][i] <= 1.000001f);
}
