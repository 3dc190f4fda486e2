#include "common/json.h"
#include "tests/unit/node/audio/track_fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RATE = 44100, SECONDS = 12, FRAMES = RATE * SECONDS };

static float *pcm;  // stereo

static void
open_all(void)
{
    ax_open();
    pcm = calloc(2 * FRAMES, sizeof *pcm);
}

static void
close_all(void)
{
    free(pcm);
    ax_close();
}

TestSuite(quality, .init = open_all, .fini = close_all);

static void
add_sine(double hz, double left, double right)
{
    for (size_t i = 0; i < FRAMES; i++) {
        const double value = sin(2 * M_PI * hz * (double)i / RATE);
        pcm[2 * i] += (float)(left * value);
        pcm[2 * i + 1] += (float)(right * value);
    }
}

static void
add_noise(double amplitude)
{
    float *noise = ax_noise(2 * FRAMES, 3);
    for (size_t i = 0; i < 2 * (size_t)FRAMES; i++)
        pcm[i] += (float)amplitude * noise[i];
    free(noise);
}

static char *
analyse(uint32_t channels)
{
    return ax_analyse(pcm, 2 * FRAMES / channels, RATE, channels, KT_OPTION_QUALITY, 0, 0).text;
}

// quality_metrics.NAME: a number, 1 for true, NAN for false and null.
static double
quality(const char *text, const char *name)
{
    char    why[KT_JSON_WHY];
    json_t *document = NULL;
    double  number   = NAN;
    cr_assert_eq(kt_json_parse(text, strlen(text), KT_DOCUMENT_MAX_BYTES, &document, why), KT_OK, "%s", why);
    const json_t *metrics = kt_json_get(document, "quality_metrics");
    if (!kt_json_number(kt_json_get(metrics, name), &number) && kt_json_flag(metrics, name, false))
        number = 1;
    kt_json_free(&document);
    return number;
}

static double
quality_of(uint32_t channels, const char *name)
{
    char        *text   = analyse(channels);
    const double number = quality(text, name);
    free(text);
    return number;
}

Test(quality, silence_has_no_values_but_a_reason)
{
    char *text = analyse(2);
    for (const char *const *name = (const char *const[]){"snr", "thd", "quality_score", "clipping_ratio", "clicks",
                                                         "silence_head", "band_limit", NULL};
         *name; name++)
        cr_assert(isnan(quality(text, *name)), "%s", *name);
    cr_assert_not_null(strstr(text, "silence"));
    free(text);
}

Test(quality, the_cut_into_chunks_changes_no_byte)
{
    add_sine(440, 0.3, 0.2);
    add_noise(0.1);
    char *whole = analyse(2);
    for (unsigned seed = 1; seed <= 4; seed++) {
        char *cut = ax_analyse(pcm, FRAMES, RATE, 2, KT_OPTION_QUALITY, 9000, seed).text;
        cr_assert_str_eq(cut, whole);
        free(cut);
    }
    free(whole);
}

Test(quality, the_distortion_of_a_tone_is_measured)
{
    add_sine(700, 0.5, 0.5);
    add_sine(1400, 0.03, 0.03);
    add_sine(2100, 0.04, 0.04);
    cr_assert_float_eq(quality_of(2, "thd"), 0.1, 1e-4);
}

Test(quality, two_pitches_have_no_distortion)
{
    add_sine(700, 0.3, 0.3);
    add_sine(930, 0.3, 0.3);
    cr_assert(isnan(quality_of(2, "thd")));
}

Test(quality, noise_under_a_tone_is_found_within_a_decibel)
{
    for (int db = 10; db <= 50; db += 20) {
        memset(pcm, 0, 2 * FRAMES * sizeof *pcm);
        add_sine(1000, 0.3, 0.3);
        add_noise(0.3 / sqrt(2) * sqrt(12) * pow(10, -db / 20.0));
        cr_assert_float_eq(quality_of(2, "snr"), db, 1);
    }
}

Test(quality, what_moves_below_16_hz_is_no_louder_noise_than_the_floor_above)
{
    add_sine(1000, 0.3, 0.3);
    add_noise(0.3 / sqrt(2) * sqrt(12) * pow(10, -50 / 20.0));
    add_sine(9, 0.03, 0.03);
    cr_assert_float_eq(quality_of(2, "snr"), 50, 1);
}

Test(quality, noise_alone_has_no_signal)
{
    add_noise(0.2);
    cr_assert(isnan(quality_of(2, "snr")));
}

Test(quality, samples_in_flat_tops_are_counted)
{
    add_sine(997, 0.9, 0.9);
    cr_assert_eq(quality_of(2, "clipping_ratio"), 0);
    for (size_t i = 0; i < 2 * (size_t)FRAMES; i++)
        pcm[i] = fmaxf(-0.6F, fminf(pcm[i], 0.6F));
    cr_assert_float_eq(quality_of(2, "clipping_ratio"), 1 - 2 / M_PI * asin(0.6 / 0.9), 0.002);
}

Test(quality, a_low_sine_in_sixteen_bits_is_not_clipped)
{
    add_sine(30, 0.99, 0.99);
    for (size_t i = 0; i < 2 * (size_t)FRAMES; i++)
        pcm[i] = roundf(pcm[i] * 32767) / 32768;
    cr_assert_eq(quality_of(2, "clipping_ratio"), 0);
}

Test(quality, a_constant_is_an_offset_and_neither_clipped_nor_correlated)
{
    for (size_t i = 0; i < 2 * (size_t)FRAMES; i++)
        pcm[i] = i % 2 ? -0.25F : 0.1F;
    char *text = analyse(2);
    cr_assert_float_eq(quality(text, "dc_offset"), -0.25, 1e-6);
    cr_assert_eq(quality(text, "clipping_ratio"), 0);
    cr_assert(isnan(quality(text, "stereo_correlation")));
    free(text);
}

Test(quality, an_inverted_channel_is_detected)
{
    add_sine(440, 0.3, -0.3);
    char *text = analyse(2);
    cr_assert_float_eq(quality(text, "stereo_correlation"), -1, 1e-6);
    cr_assert_eq(quality(text, "phase_inverted"), 1);
    free(text);
}

Test(quality, one_channel_has_no_correlation_and_eight_have_that_of_the_front)
{
    add_sine(440, 0.3, 0.3);
    cr_assert(isnan(quality_of(1, "stereo_correlation")));
    memset(pcm, 0, 2 * FRAMES * sizeof *pcm);
    for (size_t i = 0; i < FRAMES / 4; i++) {
        pcm[8 * i]     = sinf((float)i * 0.1F);
        pcm[8 * i + 1] = -pcm[8 * i];
        pcm[8 * i + 5] = 1;
    }
    char *text = analyse(8);
    cr_assert_float_eq(quality(text, "stereo_correlation"), -1, 1e-6);
    cr_assert_lt(fabs(quality(text, "dc_offset")), 0.01);
    free(text);
}

Test(quality, hum_has_its_frequency_and_its_level)
{
    for (int mains = 50; mains <= 60; mains += 10) {
        memset(pcm, 0, 2 * FRAMES * sizeof *pcm);
        add_sine(440, 0.3, 0.3);
        add_noise(0.01);
        cr_assert(isnan(quality_of(2, "hum_frequency")));
        add_sine(mains, 0.003, 0.003);
        char *text = analyse(2);
        cr_assert_eq(quality(text, "hum_frequency"), mains);
        cr_assert_float_eq(quality(text, "hum_level"), -40, 1);
        free(text);
    }
}

Test(quality, a_bass_note_is_no_hum)
{
    add_sine(49.0, 0.02, 0.02);
    add_sine(440, 0.3, 0.3);
    cr_assert(isnan(quality_of(2, "hum_frequency")));
}

Test(quality, clicks_and_dropouts_are_counted_and_edges_measured)
{
    add_sine(440, 0.3, 0.3);
    for (size_t i = 0; i < 5; i++)
        pcm[2 * (RATE * (i + 1) + 77)] += 0.4F;
    for (size_t i = 0; i < 3; i++)
        memset(pcm + 2 * (RATE * (i + 7) + 30), 0, 2 * 400 * sizeof *pcm);
    memset(pcm, 0, 2 * RATE / 2 * sizeof *pcm);
    memset(pcm + 2 * (FRAMES - RATE / 4), 0, 2 * RATE / 4 * sizeof *pcm);
    char *text = analyse(2);
    cr_assert_eq(quality(text, "clicks"), 5);
    cr_assert_eq(quality(text, "dropouts"), 3);
    cr_assert_float_eq(quality(text, "silence_head"), 0.5, 0.001);
    cr_assert_float_eq(quality(text, "silence_tail"), 0.25, 0.001);
    free(text);
}

Test(quality, noise_and_bursts_have_no_clicks)
{
    add_noise(1);
    for (size_t i = 0; i < FRAMES; i++)
        for (size_t c = 0; c < 2; c++)
            pcm[2 * i + c] *= expf(-(float)(i % 11025) / 800);
    cr_assert_eq(quality_of(2, "clicks"), 0);
}

// Noise through a windowed sinc.
static void
cut_above(double hz)
{
    enum { REACH = 200 };
    float *copy = malloc(2 * FRAMES * sizeof *copy), taps[2 * REACH + 1];
    memcpy(copy, pcm, 2 * FRAMES * sizeof *copy);
    for (int k = -REACH; k <= REACH; k++) {
        const double t = 2 * hz / RATE, u = (k + REACH) * M_PI / REACH;
        taps[k + REACH] = (float)((k ? sin(M_PI * t * k) / (M_PI * k) : t) * (0.42 - 0.5 * cos(u) + 0.08 * cos(2 * u)));
    }
    for (size_t i = REACH; i < FRAMES - REACH; i++)
        for (size_t c = 0; c < 2; c++) {
            float sum = 0;
            for (int k = 0; k <= 2 * REACH; k++)
                sum += taps[k] * copy[2 * (i + (size_t)k - REACH) + c];
            pcm[2 * i + c] = sum;
        }
    memset(pcm, 0, 2 * REACH * sizeof *pcm);
    memset(pcm + 2 * (FRAMES - REACH), 0, 2 * REACH * sizeof *pcm);
    free(copy);
}

Test(quality, a_brick_wall_betrays_the_coder)
{
    add_noise(0.3);
    char *full = analyse(2);
    cr_assert_float_eq(quality(full, "band_limit"), RATE / 2.0, 1);
    cr_assert_not_null(strstr(full, "\"lossy_source\":\"none\""));
    cut_above(16500);
    char *cut = analyse(2);
    cr_assert_float_eq(quality(cut, "band_limit"), 16700, 300);
    cr_assert_not_null(strstr(cut, "\"lossy_source\":\"mp3_128\""));
    free(full);
    free(cut);
}

Test(quality, any_rate_and_the_shortest_of_sounds_give_a_valid_message)
{
    static const uint32_t rates[] = {1000, 3999, 8000, 11025, 48000, 96000, 384000};
    add_noise(0.5);
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++)
        for (size_t n = 0; n < 6; n++) {
            const size_t frames[] = {0, 1, 63, 65, 4097, 60000};
            free(ax_analyse(pcm, frames[n], rates[r], 2, KT_OPTION_QUALITY, 0, 0).text);
        }
}
