#include "proto/job.h"
#include "tests/unit/node/audio/rhythm_signals.h"
#include "tests/unit/node/audio/track_fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(rhythm_long, .init = ax_open_8k, .fini = ax_close);

enum { RATE = 8000 };

static float *
clicks(double seconds, double apart)
{
    size_t n   = (size_t)(seconds * RATE);
    float *pcm = calloc(n, sizeof *pcm);
    for (size_t k = 0; (size_t)((0.3 + (double)k * apart) * RATE) + 400 < n; k++)
        for (size_t i = 0; i < 400; i++)
            pcm[(size_t)((0.3 + (double)k * apart) * RATE) + i] =
                (float)(0.4 * exp(-(double)i / 80) * sin(1.5 * (double)i));
    return pcm;
}

Test(rhythm_long, beats_go_on_over_the_border_of_segments)
{
    const double seconds = 660;
    float       *pcm     = clicks(seconds, 0.5);
    ax_result_t  result  = ax_analyse(pcm, (size_t)(seconds * RATE), RATE, 1, KT_OPTION_MIR, 0, 0);
    cr_expect_float_eq(rs_value(result.text, "tempo", 0), 120, 0.1);
    cr_expect_float_eq(rs_value(result.text, "onset_rate", 0), 2, 0.01);
    for (size_t i = 1150; i < 1250; i++)
        cr_expect_float_eq(rs_value(result.text, "onsets", i + 1) - rs_value(result.text, "onsets", i), 0.5, 0.02);
    double last = 0;
    for (size_t i = 0; !isnan(rs_value(result.text, "beats", i)) && i < 2000; i++) {
        double at = rs_value(result.text, "beats", i);
        cr_expect_gt(at, last, "%zu: %g after %g", i, at, last);
        last = at;
    }
    cr_expect_gt(last, 655);
    free(result.text);
    free(pcm);
}

Test(rhythm_long, chunks_change_no_byte)
{
    const double seconds = 20;
    float       *pcm     = clicks(seconds, 0.43);
    ax_result_t  whole   = ax_analyse(pcm, (size_t)(seconds * RATE), RATE, 1, KT_OPTION_MIR, 0, 0);
    for (unsigned seed = 1; seed < 6; seed++) {
        ax_result_t parts = ax_analyse(pcm, (size_t)(seconds * RATE), RATE, 1, KT_OPTION_MIR, 5000, seed);
        cr_expect_str_eq(whole.text, parts.text);
        free(parts.text);
    }
    free(whole.text);
    free(pcm);
}

// --- steady drums, and tempi that change -----------------------------------------------------------------------------

static void
drum(float *pcm, size_t n, double second, double hz, double gain)
{
    size_t first = (size_t)(second * RATE);
    for (size_t i = 0; i < RATE / 10 && first + i < n; i++)
        pcm[first + i] += (float)(gain * exp(-(double)i / 120) * sin(6.283185307 * hz * (double)i / RATE));
}

// Kick and snare in turn, with a hat on each eighth; a tempo for each third. Returns the number of beats.
static size_t
drums(float *pcm, double seconds, const double bpm[3], double *beats)
{
    size_t n = (size_t)(seconds * RATE), count = 0;
    for (double at = 0.4; at < seconds; count++) {
        double interval = 60 / bpm[(size_t)(3 * at / seconds)];
        drum(pcm, n, at, count % 2 ? 900 : 70, count % 2 ? 0.4 : 0.7);
        drum(pcm, n, at + interval / 2, 2900, 0.1);
        beats[count] = at;
        at += interval;
    }
    return count;
}

typedef struct kept {
    char    why[KT_JSON_WHY];
    json_t *document;
} kept_t;

static const json_t *
feature_of(kept_t *kept, const ax_result_t *result, const char *name)
{
    cr_assert_eq(kt_json_parse(result->text, strlen(result->text), KT_DOCUMENT_MAX_BYTES, &kept->document, kept->why),
                 KT_OK);
    return kt_json_get(kt_json_get(kt_json_get(kept->document, "features"), "mir"), name);
}

// Intervals of the beats that are more than a quarter away from `usual`.
static size_t
broken_intervals(const ax_result_t *result, double usual)
{
    kept_t        kept;
    size_t        broken = 0;
    double        last   = NAN, at;
    const json_t *beats  = feature_of(&kept, result, "beats");
    for (size_t i = 0; i < kt_json_count(beats); i++, last = at) {
        cr_assert(kt_json_number(kt_json_at(beats, i), &at));
        broken += i > 0 && fabs((at - last) / usual - 1) > 0.25;
    }
    kt_json_free(&kept.document);
    return broken;
}

Test(rhythm_long, steady_drums_of_25_minutes_have_one_grid_one_tempo_and_one_meter)
{
    enum { SECONDS = 25 * 60 };
    static const double bpm[] = {77, 96.5, 120, 128.3};
    double             *beats = calloc(4000, sizeof *beats);
    for (size_t i = 0; i < sizeof bpm / sizeof *bpm; i++) {
        float *pcm = calloc((size_t)SECONDS * RATE, sizeof *pcm);
        (void)drums(pcm, SECONDS, (double[]){bpm[i], bpm[i], bpm[i]}, beats);
        ax_result_t result = ax_analyse(pcm, (size_t)SECONDS * RATE, RATE, 1, KT_OPTION_MIR, 0, 0);
        double      found  = rs_value(result.text, "tempo", 0);
        cr_expect_eq(broken_intervals(&result, 60 / found), 0, "%g", bpm[i]);
        kept_t kept;
        cr_expect_eq(kt_json_count(feature_of(&kept, &result, "tempo_changes")), 1, "%g", bpm[i]);
        kt_json_free(&kept.document);
        cr_expect_gt(rs_value(result.text, "tempo_stability", 0), 0.97, "%g", bpm[i]);
        cr_expect_lt(rs_value(result.text, "beats", 0), 1.5, "%g", bpm[i]);
        free(result.text);
        free(pcm);
    }
    free(beats);
}

Test(rhythm_long, a_tempo_that_changes_is_found_where_it_changes)
{
    enum { SECONDS = 18 * 60 };  // changes at 360 and 720 s, more than an epoch
    double             *beats         = calloc(4000, sizeof *beats);
    float              *pcm           = calloc((size_t)SECONDS * RATE, sizeof *pcm);
    size_t              count         = drums(pcm, SECONDS, (double[]){100, 126, 108}, beats);
    ax_result_t         result        = ax_analyse(pcm, (size_t)SECONDS * RATE, RATE, 1, KT_OPTION_MIR, 0, 0);
    static const double expected[][2] = {{0.4, 100}, {360, 126}, {720, 108}};
    kept_t              kept;
    const json_t       *changes = feature_of(&kept, &result, "tempo_changes");
    cr_assert_eq(kt_json_count(changes), 3);
    for (size_t i = 0; i < 3; i++) {
        const json_t *change = kt_json_at(changes, i);
        cr_expect_float_eq(kt_json_f64(change, "time", NAN), expected[i][0], 1.3, "%zu", i);
        cr_expect_float_eq(kt_json_f64(change, "bpm", NAN), expected[i][1], 0.5, "%zu", i);
    }
    kt_json_free(&kept.document);

    kept_t        all;
    const json_t *found = feature_of(&all, &result, "beats");
    size_t        hits  = 0;
    double        at;
    for (size_t i = 0, k = 0; i < kt_json_count(found); i++) {
        cr_assert(kt_json_number(kt_json_at(found, i), &at));
        while (k + 1 < count && beats[k] < at - 0.07)
            k++;
        hits += fabs(beats[k] - at) <= 0.07;
    }
    cr_expect_geq(hits, count - 8, "%zu of %zu", hits, count);
    cr_expect_leq(kt_json_count(found), count + 4);
    kt_json_free(&all.document);
    free(result.text);
    free(pcm);
    free(beats);
}
