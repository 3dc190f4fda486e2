#include "node/audio/perceptual/perceptual.h"
#include "tests/unit/node/audio/track_fixture.h"
#include "tests/unit/node/audio/values.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

TestSuite(perceptual, .init = ax_open, .fini = ax_close);

enum { RATE = 22050, SECONDS = 12, FRAMES = RATE * SECONDS };
static const char *const names[] = {"energy",       "valence",          "danceability",
                                    "acousticness", "instrumentalness", "speechiness"};

static double
value_of(const char *text, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "features.perceptual.%s", name);
    return number_of(text, path);
}

static ax_result_t
analyse(const float *pcm, size_t frames)
{
    return ax_analyse(pcm, frames, RATE, 1, KT_OPTION_PERCEPTUAL, 0, 0);
}

// A chord that is held.
static void
hold(float *pcm, size_t frames)
{
    for (size_t i = 0; i < frames; i++) {
        double t = 2 * M_PI * (double)i / RATE;
        pcm[i]   = (float)(0.1 * (sin(220 * t) + sin(277.18 * t) + sin(329.63 * t) + 0.5 * sin(880 * t)));
    }
}

// Something like talk: five syllables a second, each a glide of a buzz through a moving resonance, then a hiss; a pause
// after every seven.
static void
talk(float *pcm, size_t frames)
{
    float *noise = ax_noise(frames, 9);
    double phase = 0;
    for (size_t i = 0; i < frames; i++) {
        double t = (double)i / RATE, beat = fmod(t * 5, 1), syllable = floor(t * 5);
        double pitch = 120 + 40 * sin(syllable * 1.7) - 30 * beat, formant = 400 + 350 * (sin(syllable * 2.3) + beat);
        double voice = 0;
        phase += 2 * M_PI * pitch / RATE;
        for (int h = 1; h <= 20; h++)
            voice += sin(h * phase) / (1 + pow((h * pitch - formant) / 150, 2));
        double gate = fmod(syllable, 8) == 7 ? 0 : beat < 0.6 ? sin(M_PI * beat / 0.6) : 0;
        double hiss = beat > 0.65 && beat < 0.9 && fmod(syllable, 8) != 7 ? 0.1 : 0;
        pcm[i]      = (float)(0.3 * gate * voice + hiss * (i ? noise[i] - noise[i - 1] : 0));
    }
    free(noise);
}

Test(perceptual, speech_is_distinguished_from_held_notes_and_a_half_lies_between)
{
    float      *pcm  = malloc(FRAMES * sizeof *pcm);
    double      last = -1, voice = 2;
    const char *word[] = {"held", "half", "talk"};
    for (int part = 0; part < 3; part++) {
        hold(pcm, FRAMES);
        talk(pcm, FRAMES / 2 * (size_t)part);
        ax_result_t out    = analyse(pcm, FRAMES);
        double      speech = value_of(out.text, "speechiness"), without = value_of(out.text, "instrumentalness");
        cr_assert_gt(speech, last + 0.1, "%s: %g after %g", word[part], speech, last);
        cr_assert_lt(without, voice - 0.1, "%s: %g after %g", word[part], without, voice);
        last  = part == 0 ? fmax(speech, 0) : speech;
        voice = without;
        free(out.text);
    }
    cr_assert_gt(last, 0.5);
    free(pcm);
}

Test(perceptual, noise_is_no_speech)
{
    float      *pcm = ax_noise(FRAMES, 3);
    ax_result_t out = analyse(pcm, FRAMES);
    cr_assert_lt(value_of(out.text, "speechiness"), 0.1);
    cr_assert_gt(value_of(out.text, "instrumentalness"), 0.8);
    free(out.text);
    free(pcm);
}

Test(perceptual, energy_rises_with_the_level)
{
    float *pcm  = malloc(FRAMES * sizeof *pcm);
    double last = 0;
    for (int step = 0; step < 6; step++) {
        hold(pcm, FRAMES);
        for (size_t i = 0; i < FRAMES; i++)
            pcm[i] *= (float)pow(10, (step - 5) * 6 / 20.0);
        ax_result_t out = analyse(pcm, FRAMES);
        double      is  = value_of(out.text, "energy");
        cr_assert_gt(is, last);
        last = is;
        free(out.text);
    }
    free(pcm);
}

Test(perceptual, energy_rises_with_density)
{
    float *pcm  = malloc(FRAMES * sizeof *pcm);
    double last = 0;
    for (int rate = 1; rate <= 8; rate *= 2) {  // decaying strokes, all of one loudness
        float *noise = ax_noise(FRAMES, 4);
        for (size_t i = 0; i < FRAMES; i++)
            pcm[i] = (float)(noise[i] * exp(-20 * fmod((double)i / RATE, 1.0 / rate)));
        ax_result_t out = analyse(pcm, FRAMES);
        double      is  = value_of(out.text, "energy");
        cr_assert_gt(is, last, "%d strokes a second: %g", rate, is);
        last = is;
        free(out.text);
        free(noise);
    }
    free(pcm);
}

Test(perceptual, every_value_is_there_and_within_its_range)
{
    float *pcm = malloc(FRAMES * sizeof *pcm);
    talk(pcm, FRAMES);
    ax_result_t out = analyse(pcm, FRAMES);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        double is = value_of(out.text, names[i]);
        cr_assert(is >= 0 && is <= 1, "%s: %g", names[i], is);
    }
    cr_assert(isnan(value_of(out.text, "liveness")));
    cr_assert_not_null(strstr(out.text, "no signal method: needs a model"));
    free(out.text);
    free(pcm);
}

static void
assert_all_null(const float *pcm, size_t frames, uint32_t channels, const char *reason)
{
    ax_result_t out = ax_analyse(pcm, frames, RATE, channels, KT_OPTION_PERCEPTUAL, 0, 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_assert(isnan(value_of(out.text, names[i])), "%s: %g", names[i], value_of(out.text, names[i]));
    cr_assert_not_null(strstr(out.text, reason), "%s", out.text);
    free(out.text);
}

Test(perceptual, silence_shortness_and_a_constant_have_no_values)
{
    float *pcm = calloc(2 * RATE, sizeof *pcm);
    assert_all_null(pcm, 2 * RATE, 1, "silence");
    assert_all_null(pcm, 1, 1, "shorter than 1 s");
    assert_all_null(pcm, 0, 1, "no samples");
    hold(pcm, RATE);
    assert_all_null(pcm, RATE - 1, 1, "shorter than 1 s");
    for (size_t i = 0; i < RATE; i++)
        pcm[2 * i + 1] = -(pcm[2 * i] = (float)sin(0.1 * (double)i));
    assert_all_null(pcm, RATE, 2, "silence when mixed to mono");
    free(pcm);
}

Test(perceptual, a_second_is_enough)
{
    float *pcm = malloc(2 * RATE * sizeof *pcm);
    hold(pcm, 2 * RATE);
    ax_result_t out = analyse(pcm, RATE + RATE / 10);
    cr_assert(isfinite(value_of(out.text, "energy")));
    cr_assert(isfinite(value_of(out.text, "speechiness")));
    free(out.text);
    free(pcm);
}

Test(perceptual, chunks_change_no_byte)
{
    float *pcm = malloc(FRAMES * sizeof *pcm);
    talk(pcm, FRAMES);
    ax_result_t once = analyse(pcm, FRAMES);
    for (unsigned seed = 1; seed <= 3; seed++) {
        ax_result_t cut = ax_analyse(pcm, FRAMES, RATE, 1, KT_OPTION_PERCEPTUAL, 5000, seed);
        cr_assert_str_eq(cut.text, once.text);
        free(cut.text);
    }
    free(once.text);
    free(pcm);
}

Test(perceptual, major_is_more_positive_than_minor_and_unknown_lies_between)
{
    kt_descriptors_t descriptors = {
        .loudness = -14, .onset_strength = 1, .centroid = 1500, .key_strength = 0.8, .tempo = 110};
    descriptors.mode = 1;
    double major     = kt_valence(&descriptors);
    descriptors.mode = -1;
    double minor     = kt_valence(&descriptors);
    descriptors.mode = descriptors.tempo = NAN;
    double unknown                       = kt_valence(&descriptors);
    cr_assert(minor < unknown && unknown < major && minor >= 0 && major <= 1);
}

Test(perceptual, loud_and_noisy_is_less_acoustic)
{
    kt_descriptors_t soft = {.loudness = -24, .onset_strength = 0.8, .centroid = 900, .flatness = -4};
    kt_descriptors_t loud = {.loudness = -8, .onset_strength = 2, .centroid = 3000, .flatness = -1.5};
    cr_assert_gt(kt_acousticness(&soft), 0.8);
    cr_assert_lt(kt_acousticness(&loud), 0.2);
}

Test(perceptual, danceability_is_a_third_of_the_inverse_exponent)
{
    kt_descriptors_t descriptors = {.scaling = 0.8};
    cr_assert_float_eq(kt_danceability(&descriptors), 1 / 0.8 / 3, 1e-12);
    descriptors.scaling = 0.1;
    cr_assert_eq(kt_danceability(&descriptors), 1);
    descriptors.scaling = NAN;
    cr_assert(isnan(kt_danceability(&descriptors)));
    descriptors.scaling = -0.2;
    cr_assert(isnan(kt_danceability(&descriptors)));
}

TestSuite(perceptual_long, .init = ax_open_8k, .fini = ax_close);

Test(perceptual_long, past_one_segment_the_values_stay_those_of_the_sound)
{
    enum { SHORT = 5 * 60, LONG = 13 * 60, AT = 8000, PIECE = 10 * AT };
    float *pcm = malloc((size_t)LONG * AT * sizeof *pcm);
    talk(pcm, PIECE / 2);
    hold(pcm + PIECE / 2, PIECE / 2);
    for (size_t i = PIECE; i < (size_t)LONG * AT; i++)
        pcm[i] = pcm[i - PIECE];
    ax_result_t one = ax_analyse(pcm, (size_t)SHORT * AT, AT, 1, KT_OPTION_PERCEPTUAL, 0, 0);
    ax_result_t two = ax_analyse(pcm, (size_t)LONG * AT, AT, 1, KT_OPTION_PERCEPTUAL, 0, 0);
    for (size_t i = 0; i < 4; i++)  // frames of 256 ms are too long for the features of a voice
        cr_assert_float_eq(value_of(two.text, names[i]), value_of(one.text, names[i]), 0.01, "%s", names[i]);
    cr_assert(isnan(value_of(one.text, "speechiness")));
    cr_assert_not_null(strstr(one.text, "not defined for these analysis settings"));
    free(one.text);
    free(two.text);
    free(pcm);
}
