#include "node/audio/loudness/gating.h"
#include "node/audio/perceptual/speakers.h"
#include "tests/unit/node/audio/track_fixture.h"
#include "tests/unit/node/audio/values.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

TestSuite(loudness_module, .init = ax_open, .fini = ax_close);

enum { RATE = 48000, BOTH = KT_OPTION_PERCEPTUAL | KT_OPTION_QUALITY };

typedef struct level {
    double dbfs, seconds;
} level_t;

// EBU's tones: 1 kHz, stereo, both channels alike.
static ax_result_t
analyse_levels(const level_t *levels, size_t n)
{
    size_t frames = 0, at = 0;
    for (size_t i = 0; i < n; i++)
        frames += (size_t)(levels[i].seconds * RATE);
    float *pcm = malloc(2 * frames * sizeof *pcm);
    for (size_t i = 0; i < n; i++)
        for (size_t end = at + (size_t)(levels[i].seconds * RATE); at < end; at++)
            pcm[2 * at] = pcm[2 * at + 1] =
                (float)(pow(10, levels[i].dbfs / 20) * sin(2 * M_PI * 1000 * (double)at / RATE));
    ax_result_t out = ax_analyse(pcm, frames, RATE, 2, KT_OPTION_QUALITY, 0, 0);
    free(pcm);
    return out;
}

static ax_result_t
analyse_tone(double seconds, uint32_t rate, uint32_t channels, double level, uint32_t options)
{
    size_t frames = (size_t)(seconds * rate);
    float *pcm    = malloc((frames * channels + 1) * sizeof *pcm);
    for (size_t i = 0; i < frames * channels; i++)
        pcm[i] = (float)(level * sin(2 * M_PI * 997 * (double)(i / channels) / rate));
    ax_result_t out = ax_analyse(pcm, frames, rate, channels, options, 0, 0);
    free(pcm);
    return out;
}

#define LUFS(text) number_of(text, "features.perceptual.loudness")

Test(loudness_module, a_full_scale_sine_reads_minus_three_at_any_rate)
{
    static const uint32_t rates[] = {8000, 11025, 22050, 44100, 48000, 96000, 192000};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        ax_result_t out = analyse_tone(1, rates[i], 1, 1, BOTH);
        cr_assert_float_eq(LUFS(out.text), -3.01, 0.05, "%u Hz: %g", rates[i], LUFS(out.text));
        cr_assert_float_eq(number_of(out.text, "features.perceptual.crest_factor"), 3.01, 0.02);
        cr_assert_float_eq(number_of(out.text, "quality_metrics.true_peak"), 0, 0.05);
        cr_assert_float_eq(number_of(out.text, "features.perceptual.peak_to_loudness_ratio"), 3.01, 0.06);
        free(out.text);
    }
}

Test(loudness_module, the_range_is_that_of_tech_3342)
{
    static const struct {
        level_t levels[5];
        size_t  n;
        double  range;
    } rows[] = {{{{-20, 20}, {-30, 20}}, 2, 10},
                {{{-20, 20}, {-15, 20}}, 2, 5},
                {{{-50, 20}, {-35, 20}, {-20, 20}, {-35, 20}, {-50, 20}}, 5, 15}};
    for (size_t i = 0; i < 3; i++) {
        ax_result_t out = analyse_levels(rows[i].levels, rows[i].n);
        cr_assert_float_eq(number_of(out.text, "quality_metrics.dynamic_range"), rows[i].range, 0.1);
        free(out.text);
    }
}

Test(loudness_module, chunks_change_no_byte)
{
    float      *pcm  = ax_noise(2 * 150000, 5);
    ax_result_t once = ax_analyse(pcm, 150000, 44100, 2, BOTH, 0, 0);
    for (unsigned seed = 1; seed <= 5; seed++) {
        ax_result_t cut = ax_analyse(pcm, 150000, 44100, 2, BOTH, 3000, seed);
        cr_assert_str_eq(cut.text, once.text);
        free(cut.text);
    }
    cr_assert(isfinite(number_of(once.text, "features.perceptual.loudness_short_term_max")));
    free(once.text);
    free(pcm);
}

Test(loudness_module, silence_and_shortness_are_null_with_a_reason)
{
    static const double seconds[] = {0, 0.00005, 0.3, 1};
    for (size_t i = 0; i < 4; i++) {
        ax_result_t out = analyse_tone(seconds[i], RATE, 2, i == 3 ? 0 : 0.5, BOTH);
        cr_assert(isnan(LUFS(out.text)));
        cr_assert(isnan(number_of(out.text, "features.perceptual.dynamic_range")));
        cr_assert_not_null(strstr(out.text, i == 0 ? "no samples" : i == 3 ? "silence" : "shorter than 400 ms"));
        free(out.text);
    }
}

Test(loudness_module, what_is_below_the_gate_has_a_maximum_but_no_loudness)
{
    ax_result_t out = analyse_tone(4, RATE, 1, 1e-4, BOTH);
    cr_assert(isnan(LUFS(out.text)));
    cr_assert_float_eq(number_of(out.text, "features.perceptual.loudness_momentary_max"), -83.01, 0.02);
    cr_assert_not_null(strstr(out.text, "never louder than -70 LUFS"));
    free(out.text);
}

Test(loudness_module, samples_far_beyond_full_scale_are_refused_not_reported)
{
    ax_result_t out = analyse_tone(1, RATE, 2, 1e11, BOTH);
    cr_assert(isnan(LUFS(out.text)));
    cr_assert_not_null(strstr(out.text, "far beyond full scale"));
    free(out.text);
}

Test(loudness_module, only_the_requested_group_is_written)
{
    ax_result_t out = analyse_tone(4, RATE, 1, 0.5, KT_OPTION_QUALITY);
    cr_assert(isnan(LUFS(out.text)));
    cr_assert(isfinite(number_of(out.text, "quality_metrics.true_peak")));
    free(out.text);
}

Test(loudness_module, antiphase_is_as_loud_as_in_phase)
{
    float *pcm = malloc(2 * RATE * sizeof *pcm);
    for (size_t i = 0; i < RATE; i++) {
        pcm[2 * i]     = (float)(0.25 * sin(2 * M_PI * 997 * (double)i / RATE));
        pcm[2 * i + 1] = -pcm[2 * i];
    }
    ax_result_t out = ax_analyse(pcm, RATE, RATE, 2, BOTH, 0, 0);
    cr_assert_float_eq(LUFS(out.text), -12.04, 0.02);
    free(out.text);
    free(pcm);
}

Test(loudness_module, surrounds_count_more_and_the_low_frequency_channel_not)
{
    double weights[8];
    kt_speaker_weights("5.1(side)", 6, weights);
    const double want[] = {1, 1, 1, 0, 1.41, 1.41};
    for (size_t i = 0; i < 6; i++)
        cr_assert_eq(weights[i], want[i]);
    kt_speaker_weights(NULL, 5, weights);
    cr_assert_eq(weights[2], 1);
    cr_assert_eq(weights[3], 1.41);
    kt_speaker_weights("5.1", 2, weights);  // a name that does not fit
    cr_assert(weights[0] == 1 && weights[1] == 1);
    kt_speaker_weights("3 channels (FL+LFE+BR)", 3, weights);
    cr_assert(weights[0] == 1 && weights[1] == 0 && weights[2] == 1.41);
    kt_speaker_weights("3 channels (FL+LFE", 3, weights);  // cut: as if there were no name
    cr_assert(weights[0] == 1 && weights[2] == 0);
    kt_speaker_weights("", 1, weights);
    cr_assert_eq(weights[0], 1);
}

Test(loudness_module, six_channels_are_summed_by_weight)
{
    ax_result_t out = analyse_tone(1, RATE, 6, 0.1, BOTH);
    cr_assert_float_eq(LUFS(out.text), -23.01 + 10 * log10(3 + 2 * 1.41), 0.02);
    free(out.text);
}

Test(gating, the_relative_gate_leaves_out_what_is_ten_below)
{
    kt_gating_t *gating = calloc(1, sizeof *gating);
    double       lufs = 0, energy = pow(10, (-20 + 0.691) / 10);
    cr_assert_not(kt_gating_integrated(gating, &lufs));
    for (int i = 0; i < 100; i++) {
        kt_gating_add(gating, energy);
        kt_gating_add(gating, energy / 1000);  // 30 dB below
        kt_gating_add(gating, energy * 1e-6);  // below -70 LUFS
        kt_gating_add(gating, 0);
    }
    cr_assert(kt_gating_integrated(gating, &lufs));
    cr_assert_float_eq(lufs, -20, 1e-9);
    cr_assert_float_eq(kt_loudness_of(gating->loudest), -20, 1e-9);
    free(gating);
}

Test(gating, the_range_of_one_block_is_zero_and_of_a_ramp_its_percentiles)
{
    kt_gating_t *gating = calloc(1, sizeof *gating);
    double       range  = NAN;
    kt_gating_add(gating, 0.01);
    cr_assert(kt_gating_range(gating, &range));
    cr_assert_eq(range, 0);
    for (int i = 0; i <= 1000; i++)
        kt_gating_add(gating, 0.01 * pow(10, -i / 1000.0));  // 10 LU in steps of 0.01
    cr_assert(kt_gating_range(gating, &range));
    cr_assert_float_eq(range, 8.5, 0.02);
    free(gating);
}
