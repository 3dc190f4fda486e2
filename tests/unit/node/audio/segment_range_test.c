// Segment ranges of a stream, analysed one by one and merged, against one analysis of the whole.
#include "node/audio/segment.h"
#include "node/audio/segment_range.h"
#include "tests/unit/node/audio/track_fixture.h"
#include "tests/unit/node/audio/values.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

TestSuite(segment_range, .init = ax_open_8k, .fini = ax_close);

enum { SECONDS = 25 * 60 };

// Music of a kind: chords that change each two seconds, beats, noise, a hum of the mains, clipped tops, gaps, clicks
// and an offset. Of two channels that differ.
static float *
piece(size_t frames, uint32_t rate_hz, uint32_t channels)
{
    float   *pcm   = malloc(frames * channels * sizeof *pcm);
    uint32_t state = 9;
    for (size_t i = 0; i < frames; i++) {
        double t = (double)i / rate_hz, beat = fmod(t, 0.5), root = 110 * pow(2, floor(fmod(t / 2, 7)) * 5 / 12);
        double swell = 0.5 + 0.4 * sin(t / 97), x = 0.01;
        x += swell * (0.2 * sin(2 * M_PI * root * t) + 0.15 * sin(2 * M_PI * root * 1.26 * t));
        x += 0.5 * exp(-beat * 30) * sin(2 * M_PI * 70 * beat) + 0.003 * sin(2 * M_PI * 50 * t);
        for (uint32_t c = 0; c < channels; c++) {
            state                 = state * 1664525u + 1013904223u;
            double all            = x * (c ? 0.7 : 1) + 0.01 * ((state >> 8) / 16777216.0 - 0.5);
            all                   = i % 100003 == 50 ? all + 0.5 : i % 77773 < 100 ? 0 : all;
            pcm[i * channels + c] = (float)fmax(-0.6, fmin(0.6, all));
        }
    }
    return pcm;
}

static uint32_t segment_s;  // 0: the default

static kt_analysis_t *
opened(uint32_t rate_hz, uint32_t channels, uint32_t first, uint32_t count)
{
    kt_analysis_opts_t opts = {
        .plan          = ax_plan,
        .device        = ax_device,
        .rate_hz       = rate_hz,
        .channels      = channels,
        .segment_s     = segment_s,
        .options       = KT_OPTION_ALL,
        .first_segment = first,
        .segments      = count,
    };
    kt_analysis_t *self = NULL;
    cr_assert_eq(kt_analysis_new(&self, &opts), KT_OK);
    return self;
}

// One range, pushed all frames that it needs.
static kt_analysis_t *
analysed(const float *pcm, size_t frames, uint32_t rate_hz, uint32_t channels, uint32_t first, uint32_t count)
{
    kt_analysis_t     *self = opened(rate_hz, channels, first, count);
    kt_segment_range_t range;
    kt_analysis_range(self, &range);
    uint64_t to = range.to < frames ? range.to : frames;
    cr_assert_lt(range.from, to);
    for (uint64_t at = range.from, n; at < to; at += n) {
        n = to - at < 50021 ? to - at : 50021;
        cr_assert_eq(kt_analysis_push(self, pcm + at * channels, n), KT_OK);
    }
    return self;
}

static void
merge(kt_analysis_t *self, kt_analysis_t *next)
{
    cr_assert_eq(kt_analysis_merge(self, &next), KT_OK);
    cr_assert_null(next);
}

// Same members, texts and counts; numbers within a share of the larger one, or as little of 1.
static void
expect_alike(const json_t *a, const json_t *b, double share, const char *where)
{
    double x, y;
    char   one[64], other[64], path[256];
    cr_assert_eq(kt_json_count(a), kt_json_count(b), "%s", where);
    if (kt_json_number(a, &x) && kt_json_number(b, &y)) {
        cr_expect_leq(fabs(x - y), share * fmax(1, fmax(fabs(x), fabs(y))), "%s: %.9g, %.9g", where, x, y);
    } else if (kt_json_count(a) == 0) {
        kt_json_plain(a, one, sizeof one);
        kt_json_plain(b, other, sizeof other);
        cr_expect_str_eq(one, other, "%s", where);
    }
    for (size_t i = 0; i < kt_json_count(a); i++) {
        const char *key = kt_json_key(a, i);
        snprintf(path, sizeof path, "%s.%s", where, key ? key : "[]");
        expect_alike(key ? kt_json_get(a, key) : kt_json_at(a, i), key ? kt_json_get(b, key) : kt_json_at(b, i), share,
                     path);
    }
}

static void
expect_alike_texts(const char *a, const char *b, double share)
{
    char    why[KT_JSON_WHY];
    json_t *one = NULL, *other = NULL;
    cr_assert_eq(kt_json_parse(a, strlen(a), KT_DOCUMENT_MAX_BYTES, &one, why), KT_OK);
    cr_assert_eq(kt_json_parse(b, strlen(b), KT_DOCUMENT_MAX_BYTES, &other, why), KT_OK);
    expect_alike(one, other, share, "");
    kt_json_free(&one);
    kt_json_free(&other);
}

Test(segment_range, three_ranges_merge_to_the_whole)
{
    enum { RATE = 8000, FRAMES = SECONDS * RATE };
    float         *pcm   = piece(FRAMES, RATE, 1);
    kt_analysis_t *self  = analysed(pcm, FRAMES, RATE, 1, 0, 0);
    char          *whole = ax_finish(&self, KT_OPTION_ALL).text;
    self                 = analysed(pcm, FRAMES, RATE, 1, 0, 1);
    merge(self, analysed(pcm, FRAMES, RATE, 1, 1, 1));
    merge(self, analysed(pcm, FRAMES, RATE, 1, 2, 0));
    char *merged = ax_finish(&self, KT_OPTION_ALL).text;
    cr_expect_str_eq(whole, merged);
    free(whole);
    free(merged);
    free(pcm);
}

Test(segment_range, it_does_not_matter_which_are_merged_first)
{
    enum { RATE = 8000, FRAMES = SECONDS * RATE };
    float         *pcm   = piece(FRAMES, RATE, 1);
    kt_analysis_t *self  = analysed(pcm, FRAMES, RATE, 1, 0, 2);
    kt_analysis_t *later = analysed(pcm, FRAMES, RATE, 1, 2, 1);
    merge(self, later);
    char *one = ax_finish(&self, KT_OPTION_ALL).text;
    self      = analysed(pcm, FRAMES, RATE, 1, 0, 1);
    later     = analysed(pcm, FRAMES, RATE, 1, 1, 1);
    merge(later, analysed(pcm, FRAMES, RATE, 1, 2, 0));
    merge(self, later);
    char *other = ax_finish(&self, KT_OPTION_ALL).text;
    cr_expect_str_eq(one, other);
    free(one);
    free(other);
    free(pcm);
}

Test(segment_range, resampled_ranges_merge_to_nearly_the_whole)
{
    enum { RATE = 12000, FRAMES = 21 * 60 * RATE };
    float         *pcm   = piece(FRAMES, RATE, 2);
    kt_analysis_t *self  = analysed(pcm, FRAMES, RATE, 2, 0, 0);
    char          *whole = ax_finish(&self, KT_OPTION_ALL).text;
    self                 = analysed(pcm, FRAMES, RATE, 2, 0, 1);
    merge(self, analysed(pcm, FRAMES, RATE, 2, 1, 1));
    merge(self, analysed(pcm, FRAMES, RATE, 2, 2, 0));
    char *merged = ax_finish(&self, KT_OPTION_ALL).text;
    expect_alike_texts(whole, merged, 1e-5);
    free(whole);
    free(merged);
    free(pcm);
}

// The last segment has not one frame of its own, or a few samples; the range before it gets less than it needs.
Test(segment_range, the_stream_may_end_at_the_border)
{
    enum { RATE = 8000, MOST = 1205 * RATE };
    float             *pcm = piece(MOST, RATE, 1);
    kt_segment_range_t last;
    cr_assert_eq(kt_segment_range_of(ax_plan, KT_SEGMENT_SECONDS, RATE, 2, 0, &last), KT_OK);
    for (size_t i = 0; i < 4; i++) {
        size_t         frames = (size_t)last.own + (size_t[]){1, 300, 4700, 9000}[i];
        kt_analysis_t *self   = analysed(pcm, frames, RATE, 1, 0, 0);
        char          *whole  = ax_finish(&self, KT_OPTION_ALL).text;
        self                  = analysed(pcm, frames, RATE, 1, 0, 2);
        merge(self, analysed(pcm, frames, RATE, 1, 2, 0));
        char *merged = ax_finish(&self, KT_OPTION_ALL).text;
        cr_expect_str_eq(whole, merged);
        free(whole);
        free(merged);
    }
    free(pcm);
}

// Those of a long film.
Test(segment_range, short_segments_merge_to_the_whole)
{
    enum { RATE = 8000, FRAMES = 460 * RATE };
    segment_s            = KT_SEGMENT_SHORT_SECONDS;
    float         *pcm   = piece(FRAMES, RATE, 1);
    kt_analysis_t *self  = analysed(pcm, FRAMES, RATE, 1, 0, 0);
    char          *whole = ax_finish(&self, KT_OPTION_ALL).text;
    self                 = analysed(pcm, FRAMES, RATE, 1, 0, 1);
    merge(self, analysed(pcm, FRAMES, RATE, 1, 1, 2));
    merge(self, analysed(pcm, FRAMES, RATE, 1, 3, 0));
    char *merged = ax_finish(&self, KT_OPTION_ALL).text;
    expect_alike_texts(whole, merged, 1e-9);
    kt_analysis_t *first = analysed(pcm, FRAMES, RATE, 1, 0, 1);
    segment_s            = KT_SEGMENT_SECONDS;
    kt_analysis_t *other = opened(RATE, 1, 1, 0);
    cr_expect_eq(kt_analysis_merge(first, &other), KT_EINVAL, "another grid");
    kt_analysis_destroy(&first);
    kt_analysis_destroy(&other);
    free(whole);
    free(merged);
    free(pcm);
}

Test(segment_range, what_does_not_adjoin_is_refused)
{
    enum { RATE = 8000, FRAMES = 1210 * RATE };
    float         *pcm      = piece(FRAMES, RATE, 1);
    kt_job_t       job      = {.message_id = "m", .file_path = "/a", .options = KT_OPTION_ALL};
    kt_document_t *document = NULL;
    kt_analysis_t *first = analysed(pcm, FRAMES, RATE, 1, 0, 1), *third = analysed(pcm, FRAMES, RATE, 1, 2, 0);
    kt_analysis_t *empty = opened(RATE, 1, 1, 1), *other = opened(RATE, 2, 1, 1);
    cr_assert_eq(kt_document_new(&document, &job), KT_OK);
    cr_expect_eq(kt_analysis_merge(first, &third), KT_EINVAL, "a gap");
    cr_expect_eq(kt_analysis_merge(third, &first), KT_EINVAL, "the wrong order");
    cr_expect_eq(kt_analysis_merge(first, &empty), KT_EINVAL, "nothing of its own");
    cr_expect_eq(kt_analysis_merge(first, &other), KT_EINVAL, "another stream");
    cr_expect_eq(kt_analysis_merge(empty, &third), KT_EINVAL, "not all that it needs");
    cr_expect_eq(kt_analysis_finish(third, document), KT_EINVAL, "no beginning");
    cr_expect_eq(kt_analysis_finish(first, document), KT_EINVAL, "no end");
    cr_assert(first && third && empty && other);
    kt_analysis_destroy(&first);
    kt_analysis_destroy(&third);
    kt_analysis_destroy(&empty);
    kt_analysis_destroy(&other);
    kt_document_destroy(&document);
    free(pcm);
}

// Whole samples of the resampler, whole blocks of the modules; one range ends where the next one begins.
Test(segment_range, borders_lie_on_the_grids_of_all_that_counts, .init = ax_open)
{
    static const uint32_t rates[] = {8000, 11025, 12000, 22050, 32000, 44100, 48000, 96000, 192000, 384000};
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++)
        for (uint32_t first = 1; first < 200; first += 17) {
            kt_segment_range_t here, next;
            cr_assert_eq(kt_segment_range_of(ax_plan, KT_SEGMENT_SECONDS, rates[r], first, 3, &here), KT_OK);
            cr_assert_eq(kt_segment_range_of(ax_plan, KT_SEGMENT_SECONDS, rates[r], first + 3, 0, &next), KT_OK);
            cr_expect_eq(here.end, next.own);
            cr_expect_eq(here.from * 22050 % rates[r], 0, "%u Hz", rates[r]);
            cr_expect_eq(here.from % 16384, 0);
            cr_expect_eq(here.own % KT_RANGE_BLOCK, 0);
            cr_expect_geq(here.own - here.from, 30 * (uint64_t)rates[r]);
            cr_expect_leq(here.own - here.from, 120 * (uint64_t)rates[r], "%u Hz", rates[r]);
            cr_expect_gt(here.to, here.end);
        }
    kt_segment_range_t odd;
    cr_expect_eq(kt_segment_range_of(ax_plan, KT_SEGMENT_SECONDS, 22051, 3, 1, &odd), KT_OK);
    cr_expect_eq(odd.from, 0, "no common divisor: all that was before");
    cr_expect_eq(kt_segment_range_of(ax_plan, KT_SEGMENT_SECONDS, 44100, KT_RANGE_SEGMENTS, 1, &odd), KT_EINVAL);
    cr_expect_eq(kt_segment_range_of(ax_plan, KT_SEGMENT_SECONDS, 0, 1, 1, &odd), KT_EINVAL);
}
