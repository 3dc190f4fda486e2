#include "proto/job.h"
#include "tests/unit/node/audio/rhythm_signals.h"
#include "tests/unit/node/audio/track_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(rhythm_module, .init = ax_open, .fini = ax_close);

static ax_result_t
analyse(const float *pcm, double seconds)
{
    return ax_analyse(pcm, (size_t)(seconds * RS_RATE), RS_RATE, 1, KT_OPTION_MIR, 0, 0);
}

// A chord tone through each bar, another one in the next.
static void
add_harmony(float *pcm, double seconds, double first, double bar)
{
    static const double hz[] = {220, 293.66, 329.63, 246.94};
    size_t              n    = (size_t)(seconds * RS_RATE);
    for (size_t i = (size_t)(first * RS_RATE); i < n; i++) {
        size_t k = (size_t)(((double)i / RS_RATE - first) / bar);
        pcm[i] += (float)(0.1 * sin(6.283185307 * hz[k % 4] * (double)i / RS_RATE));
    }
}

Test(rhythm_module, a_metronome_has_its_tempo_not_a_lag)
{
    for (double bpm = 83.7; bpm < 150; bpm += 21.3) {
        float      *pcm    = rs_beats(30, 0.3, bpm, 4);
        ax_result_t result = analyse(pcm, 30);
        cr_expect_float_eq(rs_value(result.text, "tempo", 0), bpm, 0.15, "%g", bpm);
        cr_expect_gt(rs_value(result.text, "beat_strength", 0), 0.5);
        cr_expect_float_eq(rs_value(result.text, "onset_rate", 0), bpm / 60, 0.1);
        free(result.text);
        free(pcm);
    }
}

Test(rhythm_module, beats_are_at_the_clicks_and_downbeats_at_the_low_ones)
{
    float *pcm = rs_beats(30, 0.3, 100, 4);
    add_harmony(pcm, 30, 0.3, 2.4);
    ax_result_t result = analyse(pcm, 30);
    for (size_t i = 0; i < 40; i++)
        cr_expect_float_eq(rs_value(result.text, "beats", i), 0.3 + 0.6 * (double)i, 0.03, "%zu: %g", i,
                           rs_value(result.text, "beats", i));
    cr_expect_eq(rs_value(result.text, "time_signature", 0), 4);
    for (size_t i = 0; i < 8; i++)
        cr_expect_float_eq(rs_value(result.text, "downbeats", i), 0.3 + 2.4 * (double)i, 0.03, "%zu", i);
    for (size_t i = 0; i < 40; i++)
        cr_expect_float_eq(rs_value(result.text, "onsets", i), 0.3 + 0.6 * (double)i, 0.03, "%zu: %g", i,
                           rs_value(result.text, "beats", i));
    free(result.text);
    free(pcm);
}

// A hat after silence rises by more decibels, in more bands, than the kick over a low note that goes on.
Test(rhythm_module, the_beat_is_on_the_kick_where_the_offbeat_is_brighter)
{
    const double beat = 60.0 / 132;
    const size_t n    = (size_t)30 * RS_RATE;
    float       *pcm  = calloc(n, sizeof *pcm);
    for (size_t i = 0; i < n; i++)
        pcm[i] = (float)(0.25 * sin(6.283185307 * 98 * (double)i / RS_RATE));
    for (int i = 0; 0.3 + (i + 0.5) * beat < 30; i++) {
        rs_click(pcm, n, 0.3 + i * beat, 90, 0.9);
        for (double hz = 300; hz < 9000; hz *= 1.2)
            rs_click(pcm, n, 0.3 + (i + 0.5) * beat, hz, 0.02);
    }
    ax_result_t result = analyse(pcm, 30);
    cr_expect_float_eq(rs_value(result.text, "tempo", 0), 132, 0.5);
    for (size_t i = 4; i < 40; i++) {
        double beats = (rs_value(result.text, "beats", i) - 0.3) / beat;
        cr_expect_float_eq(beats, round(beats), 0.1, "%zu: %g", i, beats);
    }
    free(result.text);
    free(pcm);
}

Test(rhythm_module, three_and_five_beats_are_distinguished_from_four)
{
    for (int bar = 3; bar <= 5; bar++) {
        float *pcm = rs_beats(40, 0.2, 130, bar);
        add_harmony(pcm, 40, 0.2, bar * 60.0 / 130);
        ax_result_t result = analyse(pcm, 40);
        cr_expect_eq(rs_value(result.text, "time_signature", 0), bar, "%d: %g", bar,
                     rs_value(result.text, "time_signature", 0));
        free(result.text);
        free(pcm);
    }
}

Test(rhythm_module, a_tempo_that_drifts_is_followed)
{
    enum { SECONDS = 60 };
    const size_t n   = (size_t)SECONDS * RS_RATE;
    float       *pcm = calloc(n, sizeof *pcm);
    double       truth[256];
    size_t       count = 0;
    for (double at = 0.2; at < SECONDS; at += 60 / (105 + 20 * at / SECONDS)) {
        rs_click(pcm, n, at, 2500, 0.3);
        truth[count++] = at;
    }
    ax_result_t result = analyse(pcm, SECONDS);
    size_t      hits   = 0;
    for (size_t i = 0; i + 4 < count; i++)
        for (size_t k = 0; k < count; k++)
            if (fabs(rs_value(result.text, "beats", k) - truth[i]) < 0.07) {
                hits++;
                break;
            }
    cr_expect_geq(hits, (count - 4) * 9 / 10, "%zu of %zu", hits, count);
    cr_expect_float_eq(rs_value(result.text, "tempo", 0), 115, 5);
    free(result.text);
    free(pcm);
}

Test(rhythm_module, silence_and_a_lone_click_have_no_tempo)
{
    float      *pcm    = calloc(10 * RS_RATE, sizeof *pcm);
    ax_result_t result = analyse(pcm, 10);
    cr_expect(isnan(rs_value(result.text, "tempo", 0)));
    cr_expect(isnan(rs_value(result.text, "onset_rate", 0)));
    cr_expect(isnan(rs_value(result.text, "time_signature", 0)));
    cr_expect(strstr(result.text, "no onsets"));
    free(result.text);
    rs_click(pcm, 10 * RS_RATE, 4, 1000, 0.5);
    result = analyse(pcm, 10);
    cr_expect(isnan(rs_value(result.text, "tempo", 0)));
    cr_expect(isnan(rs_value(result.text, "beats", 0)));
    cr_expect_float_eq(rs_value(result.text, "onset_rate", 0), 0.1, 1e-6);
    cr_expect_float_eq(rs_value(result.text, "onsets", 0), 4, 0.03);
    free(result.text);
    free(pcm);
}

Test(rhythm_module, a_sound_that_is_cut_off_does_not_begin_there)
{
    enum { SECONDS = 5 };
    float *pcm = calloc(SECONDS * RS_RATE, sizeof *pcm);
    for (size_t i = 0; i < SECONDS * RS_RATE; i++)
        pcm[i] = (float)(0.5 * sin(6.283185307 * 440 * (double)i / RS_RATE));
    ax_result_t result = analyse(pcm, SECONDS);
    cr_expect_float_eq(rs_value(result.text, "onsets", 0), 0, 0.02);
    cr_expect_float_eq(rs_value(result.text, "onset_rate", 0), 1.0 / SECONDS, 1e-6);
    free(result.text);
    free(pcm);
}

Test(rhythm_module, noise_has_no_tempo)
{
    for (unsigned seed = 1; seed <= 3; seed++) {
        float      *pcm    = ax_noise(30 * RS_RATE, seed);
        ax_result_t result = analyse(pcm, 30);
        cr_expect(isnan(rs_value(result.text, "tempo", 0)), "%u: %g", seed, rs_value(result.text, "tempo", 0));
        free(result.text);
        free(pcm);
    }
}

// As syllables: between 0.1 and 0.45 s apart, of several loudnesses.
Test(rhythm_module, irregular_sounds_have_no_beat_and_say_so)
{
    for (uint32_t seed = 1; seed <= 5; seed++) {
        uint32_t state = seed * 2654435761U;
        float   *pcm   = calloc(30 * RS_RATE, sizeof *pcm);
        for (double second = 0.2; second < 29.5;) {
            state = state * 1664525U + 1013904223U;
            rs_click(pcm, 30 * RS_RATE, second, 200 + (state >> 24) * 8, 0.1 + 0.4 * (state >> 16 & 255) / 255);
            state = state * 1664525U + 1013904223U;
            second += 0.1 + 0.35 * (state >> 8) / 16777216.0;
        }
        ax_result_t result = analyse(pcm, 30);
        cr_expect(isnan(rs_value(result.text, "tempo", 0)), "%u: %g, %g, %g", seed, rs_value(result.text, "tempo", 0),
                  rs_value(result.text, "tempo_confidence", 0), rs_value(result.text, "beat_strength", 0));
        cr_expect(strstr(result.text, "no regular beat"), "%u", seed);
        free(result.text);
        free(pcm);
    }
}

// As bowed strings: triads that swell and fade for 0.3 s into each other, over a breath of noise. spread: how irregular
// their times are, as a share of 0.6 s.
static float *
bowed_chords(double seconds, double spread, uint32_t seed)
{
    static const int    third[] = {4, 3, 3, 4};
    static const double fade    = 0.3;
    const size_t        n       = (size_t)(seconds * RS_RATE);
    float              *pcm     = ax_noise(n, seed);
    uint32_t            state   = seed * 2654435761U;
    for (size_t i = 0; i < n; i++)
        pcm[i] *= 0.05F;
    for (double begin = 0.2; begin < seconds;) {
        state                 = state * 1664525U + 1013904223U;
        const double   length = 0.6 * (1 + spread * ((state >> 8) / 8388608.0 - 1));
        const uint32_t root = state >> 28, kind = state >> 24 & 3;
        const int      note[] = {0, third[kind], 7};
        for (size_t k = 0; k < 3; k++) {
            const double hz = 220 * pow(2, ((double)(root % 12) + note[k]) / 12);
            for (size_t i = (size_t)(begin * RS_RATE); i < n && (double)i / RS_RATE < begin + length + fade; i++) {
                const double at = (double)i / RS_RATE - begin, swell = fmin(1, fmin(at, length + fade - at) / fade);
                pcm[i] += (float)(0.1 * swell * sin(6.283185307 * hz * (double)i / RS_RATE + (double)k));
            }
        }
        begin += length;
    }
    return pcm;
}

Test(rhythm_module, chords_without_onsets_have_a_beat_where_they_change_regularly)
{
    for (uint32_t seed = 1; seed <= 4; seed++) {
        float       *regular = bowed_chords(40, 0, seed), *free_of_beat = bowed_chords(40, 0.9, seed);
        ax_result_t  result = analyse(regular, 40), none = analyse(free_of_beat, 40);
        const double tempo = rs_value(result.text, "tempo", 0);
        cr_expect(fabs(tempo / 100 - 1) < 0.02 || fabs(tempo / 50 - 1) < 0.02 || fabs(tempo / 200 - 1) < 0.02, "%u: %g",
                  seed, tempo);
        cr_expect(isnan(rs_value(none.text, "tempo", 0)), "%u: %g, %g, %g", seed, rs_value(none.text, "tempo", 0),
                  rs_value(none.text, "tempo_confidence", 0), rs_value(none.text, "beat_strength", 0));
        free(result.text);
        free(none.text);
        free(regular);
        free(free_of_beat);
    }
}

Test(rhythm_module, what_is_too_short_is_null)
{
    float *pcm = rs_beats(5, 0.1, 120, 4);
    for (double seconds = 1.0 / RS_RATE; seconds < 2; seconds *= 7) {
        ax_result_t result = analyse(pcm, seconds);
        cr_expect(isnan(rs_value(result.text, "tempo", 0)));
        cr_expect(isnan(rs_value(result.text, "onset_rate", 0)));
        free(result.text);
    }
    free(pcm);
}

Test(rhythm_module, loudness_changes_no_tempo)
{
    float *pcm = rs_beats(20, 0.3, 111, 4);
    for (double gain = 1; gain > 0.05; gain /= 10) {
        ax_result_t result = analyse(pcm, 20);
        cr_expect_float_eq(rs_value(result.text, "tempo", 0), 111, 0.2, "%g: %g", gain,
                           rs_value(result.text, "tempo", 0));
        free(result.text);
        for (size_t i = 0; i < 20 * RS_RATE; i++)
            pcm[i] *= 0.1f;
    }
    free(pcm);
}
