#include "kernels/isa.h"
#include "node/audio/key/key_profiles.h"
#include "node/audio/key/pitch_classes.h"
#include "tests/unit/node/audio/track_fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RATE = 22050, CHORD_S = 1, CHORDS = 8, LENGTH = RATE * CHORD_S * CHORDS };

// A triad of decaying overtones, `root` semitones over A3, at `at`.
static void
add_triad(float *out, size_t n, uint32_t rate_hz, const int steps[3], double root)
{
    for (int s = 0; s < 3; s++)
        for (int h = 1; h <= 5; h++) {
            double hz = h * 220 * exp2((root + steps[s]) / 12);
            for (size_t i = 0; i < n; i++)
                out[i] += (float)(0.1 / h * sin(2 * M_PI * hz * (double)i / rate_hz) * exp(-2.0 * (double)i / rate_hz));
        }
}

// I IV V I twice, in minor with a major dominant; tonic: semitones over A.
static float *
cadence(uint32_t rate_hz, double tonic, bool minor)
{
    static const int MAJOR[3] = {0, 4, 7}, MINOR[3] = {0, 3, 7};
    static const int roots[CHORDS] = {0, 5, 7, 0, 0, 5, 7, 0};
    size_t           each          = (size_t)rate_hz * CHORD_S;
    float           *out           = calloc(each * CHORDS, sizeof *out);
    for (int c = 0; c < CHORDS; c++)
        add_triad(out + (size_t)c * each, each, rate_hz, minor && roots[c] != 7 ? MINOR : MAJOR, tonic + roots[c]);
    return out;
}

static void
fold(kt_pitch_classes_t *classes, const float *samples, size_t n, uint32_t rate_hz)
{
    kt_cents_counter_t *counter = NULL;
    kt_cents_t          cents;
    cr_assert_eq(kt_cents_counter_new(&counter, kt_isa(NULL)->rows, rate_hz), KT_OK);
    kt_cents_count(counter, samples, n, &cents);
    kt_pitch_classes_fold(classes, &cents);
    kt_cents_counter_destroy(&counter);
}

static double
alone(const float *samples, size_t n)
{
    kt_pitch_classes_t classes = {0};
    fold(&classes, samples, n, RATE);
    return kt_pitch_classes_alone(&classes);
}

static kt_musical_key_t
key_of(const float *samples, size_t n, uint32_t rate_hz, double *tuning)
{
    kt_pitch_classes_t classes = {0};
    double             profile[KT_PITCH_CLASSES];
    fold(&classes, samples, n, rate_hz);
    kt_pitch_classes_profile(&classes, profile);
    *tuning = kt_pitch_classes_tuning(&classes);
    return kt_key_of(profile);
}

// A text or number of features.mir as text; "null" when null. free() it.
static char *
member(const char *text, const char *name)
{
    char    why[KT_JSON_WHY], plain[64];
    json_t *document = NULL;
    cr_assert_eq(kt_json_parse(text, strlen(text), KT_DOCUMENT_MAX_BYTES, &document, why), KT_OK, "%s", why);
    const json_t *value = kt_json_get(kt_json_get(kt_json_get(document, "features"), "mir"), name);
    if (kt_json_is_null(value))
        snprintf(plain, sizeof plain, "null");
    else
        kt_json_plain(value, plain, sizeof plain);
    kt_json_free(&document);
    return strdup(plain);
}

static void
expect_member(const char *text, const char *name, const char *expected)
{
    char *found = member(text, name);
    cr_expect_str_eq(found, expected, "%s is %s, not %s", name, found, expected);
    free(found);
}

TestSuite(key, .init = ax_open, .fini = ax_close);

Test(key, a_cadence_is_in_its_key_in_all_twenty_four)
{
    for (int key = 0; key < KT_KEYS; key++) {
        double           tuning, tonic = (key + 3) % 12;  // over A
        float           *samples = cadence(RATE, tonic, key >= 12);
        kt_musical_key_t found   = key_of(samples, LENGTH, RATE, &tuning);
        cr_expect_eq(found.best, key, "%s %s taken for %s %s", kt_key_tonic(key), kt_key_mode(key),
                     kt_key_tonic(found.best), kt_key_mode(found.best));
        cr_expect(found.strength > 0.8 && found.strength <= 1 && found.second_strength < found.strength);
        cr_expect_float_eq(tuning, 0, 0.02);
        free(samples);
    }
}

Test(key, a_detuned_piece_keeps_its_key_and_has_its_tuning)
{
    for (double detuned = -0.4; detuned < 0.45; detuned += 0.2) {
        double           tuning;
        float           *samples = cadence(RATE, 3 + detuned, false);
        kt_musical_key_t found   = key_of(samples, LENGTH, RATE, &tuning);
        cr_expect_eq(found.best, 0, "%g semitones: %s %s", detuned, kt_key_tonic(found.best), kt_key_mode(found.best));
        cr_expect_float_eq(tuning, detuned, 0.03, "%g for %g", tuning, detuned);
        free(samples);
    }
}

Test(key, the_rate_changes_no_key)
{
    static const uint32_t rates[] = {8000, 11025, 16000, 32000, 44100, 48000, 96000};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        double           tuning;
        float           *samples = cadence(rates[i], 0, true);
        kt_musical_key_t found   = key_of(samples, (size_t)rates[i] * CHORD_S * CHORDS, rates[i], &tuning);
        cr_expect_eq(found.best, 21, "%u Hz: %s %s", rates[i], kt_key_tonic(found.best), kt_key_mode(found.best));
        free(samples);
    }
    kt_cents_counter_t *counter = NULL;
    cr_expect_eq(kt_cents_counter_new(&counter, kt_isa(NULL)->rows, 4000), KT_EINVAL);
    cr_expect_null(counter);
}

Test(key, segments_of_different_tuning_add_up_to_one_key)
{
    kt_pitch_classes_t classes = {0};
    double             profile[KT_PITCH_CLASSES], sum = 0;
    for (int i = 0; i < 4; i++) {
        float *samples = cadence(RATE, 5 + 0.2 * (i - 1.5), true);
        fold(&classes, samples, LENGTH, RATE);
        free(samples);
    }
    kt_pitch_classes_profile(&classes, profile);
    for (int c = 0; c < KT_PITCH_CLASSES; c++)
        sum += profile[c];
    cr_expect_float_eq(sum, 1, 1e-12);
    cr_expect_eq(kt_key_of(profile).best, 12 + 2, "D minor");
}

Test(key, a_stretch_shorter_than_a_frame_counts)
{
    double           tuning;
    float           *samples = cadence(RATE, 0, false);
    kt_musical_key_t found   = key_of(samples, RATE / 5, RATE, &tuning);
    cr_expect_eq(found.best % 12, 9, "A, and not %s", kt_key_tonic(found.best));
    free(samples);
}

Test(key, the_message_has_key_mode_strength_and_runner_up)
{
    float      *samples = cadence(RATE, 0, true);
    ax_result_t result  = ax_analyse(samples, LENGTH, RATE, 1, KT_OPTION_MIR, 0, 0);
    expect_member(result.text, "key", "A");
    expect_member(result.text, "mode", "minor");
    char *strength = member(result.text, "key_strength"), *second = member(result.text, "key_alternative");
    cr_expect(strtod(strength, NULL) > 0.8 && strtod(strength, NULL) <= 1, "%s", strength);
    cr_expect(strstr(second, " m") && strcmp(second, "A minor") != 0, "%s", second);
    free(strength);
    free(second);
    free(result.text);
    free(samples);
}

Test(key, level_and_chunks_change_nothing)
{
    float      *samples = cadence(RATE, 7, false);
    ax_result_t whole   = ax_analyse(samples, LENGTH, RATE, 1, KT_OPTION_MIR, 0, 0);
    for (unsigned seed = 1; seed <= 5; seed++) {
        ax_result_t chunks = ax_analyse(samples, LENGTH, RATE, 1, KT_OPTION_MIR, 7000, seed);
        cr_expect_str_eq(chunks.text, whole.text);
        free(chunks.text);
    }
    for (size_t i = 0; i < LENGTH; i++)
        samples[i] *= 0.01f;
    ax_result_t quiet = ax_analyse(samples, LENGTH, RATE, 1, KT_OPTION_MIR, 0, 0);
    expect_member(quiet.text, "key", "E");
    expect_member(quiet.text, "mode", "major");
    free(quiet.text);
    free(whole.text);
    free(samples);
}

static void
expect_no_key(const float *samples, size_t n, const char *reason)
{
    static const char *const names[] = {"key", "mode", "key_strength", "key_alternative", "tuning"};
    ax_result_t              result  = ax_analyse(samples, n, RATE, 1, KT_OPTION_MIR, 0, 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        expect_member(result.text, names[i], "null");
    cr_expect(strstr(result.text, reason), "no '%s' in %s", reason, result.text);
    free(result.text);
}

Test(key, silence_has_no_key)
{
    float *samples = calloc(LENGTH, sizeof *samples);
    expect_no_key(samples, LENGTH, "silence");
    expect_no_key(samples, 1, "silence");
    for (size_t i = 0; i < LENGTH; i++)
        samples[i] = 0.5f;
    expect_no_key(samples, LENGTH, "");  // a constant
    free(samples);
}

Test(key, noise_has_no_key)
{
    for (unsigned seed = 1; seed <= 10; seed++) {
        size_t n       = seed % 2 ? LENGTH : RATE;
        float *samples = ax_noise(n, seed);
        expect_no_key(samples, n, "keep to no scale");
        free(samples);
    }
}

Test(key, one_pitch_class_alone_is_known_from_chords)
{
    float *tone = calloc(LENGTH, sizeof *tone), *music = cadence(RATE, 0, false);
    for (size_t i = 0; i < LENGTH; i++)
        tone[i] = (float)(.3 * sin(2 * M_PI * 440 * (double)i / RATE) + .2 * sin(2 * M_PI * 880 * (double)i / RATE));
    cr_expect_gt(alone(tone, LENGTH), .99);
    cr_expect_lt(alone(music, LENGTH), .5);
    memset(tone, 0, LENGTH * sizeof *tone);
    cr_expect_eq(alone(tone, LENGTH), 0);
    free(tone);
    free(music);
}
