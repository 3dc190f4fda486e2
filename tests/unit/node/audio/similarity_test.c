#include "tests/unit/node/audio/track_fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RATE = 22050, SECONDS = 12, LENGTH = RATE * SECONDS, TIMBRE = 57, PATTERN = 154, COMBINED = 211 };

typedef struct piece {
    double   beat_s, brightness, semitones;
    unsigned seed;
} piece_t;

// A random walk over a scale, a note a beat, overtones that fall off by `brightness`, and a tick on every second beat.
static float *
play(const piece_t *piece)
{
    static const int scale[7] = {0, 2, 4, 5, 7, 9, 11};
    float           *out      = calloc(LENGTH, sizeof *out);
    uint32_t         state    = piece->seed;
    int              degree   = 3;
    size_t           each     = (size_t)(piece->beat_s * RATE);
    for (size_t beat = 0; (beat + 1) * each <= LENGTH; beat++) {
        state     = state * 1664525u + 1013904223u;
        degree    = (degree + (int)(state >> 16) % 3 + 6) % 7;
        double hz = 220 * exp2((scale[degree] + piece->semitones) / 12);
        float *at = out + beat * each;
        for (size_t i = 0; i < each; i++) {
            double t = (double)i / RATE, sum = 0;
            for (int h = 1; h <= 8; h++)
                sum += pow(h, -piece->brightness) * sin(2 * M_PI * h * hz * t);
            state = state * 1664525u + 1013904223u;
            sum += beat % 2 ? exp(-60 * t) * ((double)(state >> 8) / 8388608.0 - 1) : 0;
            at[i] = (float)(0.2 * sum * exp(-3 * t));
        }
    }
    return out;
}

// Values of the vector; the number of them, 0 when null.
static size_t
vector_of(const char *text, const char *name, double out[256])
{
    char    why[KT_JSON_WHY];
    json_t *document = NULL;
    cr_assert_eq(kt_json_parse(text, strlen(text), KT_DOCUMENT_MAX_BYTES, &document, why), KT_OK, "%s", why);
    const json_t *list = kt_json_get(kt_json_get(document, "similarity_vectors"), name);
    size_t        n    = kt_json_count(list);
    for (size_t i = 0; i < n; i++)
        cr_assert(kt_json_number(kt_json_at(list, i), &out[i]));
    kt_json_free(&document);
    return n;
}

static double
cosine(const double *a, const double *b, size_t n)
{
    double dot = 0;
    for (size_t i = 0; i < n; i++)
        dot += a[i] * b[i];
    return dot;
}

typedef struct vectors {
    double timbre[256], pattern[256], combined[256];
} vectors_t;

static vectors_t
listen(const float *samples, size_t n)
{
    vectors_t   out;
    ax_result_t result = ax_analyse(samples, n, RATE, 1, KT_OPTION_SIMILARITY, 0, 0);
    cr_assert_eq(vector_of(result.text, "spectral_vector", out.timbre), TIMBRE);
    cr_assert_eq(vector_of(result.text, "mir_vector", out.pattern), PATTERN);
    cr_assert_eq(vector_of(result.text, "combined_vector", out.combined), COMBINED);
    free(result.text);
    return out;
}

static const piece_t FIRST = {0.31, 1.2, 0, 1}, SECOND = {0.47, 2.1, 3, 9}, MOVED = {0.31, 1.2, 2, 1};

TestSuite(similarity, .init = ax_open, .fini = ax_close);

Test(similarity, vectors_have_length_one)
{
    float    *samples = play(&FIRST);
    vectors_t v       = listen(samples, LENGTH);
    cr_expect_float_eq(cosine(v.timbre, v.timbre, TIMBRE), 1, 1e-6);
    cr_expect_float_eq(cosine(v.pattern, v.pattern, PATTERN), 1, 1e-6);
    cr_expect_float_eq(cosine(v.combined, v.combined, COMBINED), 1, 1e-6);
    free(samples);
}

Test(similarity, the_combined_vector_is_the_other_two_side_by_side)
{
    float    *samples = play(&FIRST);
    vectors_t v       = listen(samples, LENGTH);
    for (int i = 0; i < COMBINED; i++)
        cr_expect_float_eq(v.combined[i], M_SQRT1_2 * (i < TIMBRE ? v.timbre[i] : v.pattern[i - TIMBRE]), 1e-7);
    free(samples);
}

Test(similarity, the_level_changes_nothing)
{
    float    *samples = play(&FIRST);
    vectors_t loud    = listen(samples, LENGTH);
    for (size_t i = 0; i < LENGTH; i++)
        samples[i] *= 0.05f;
    vectors_t quiet = listen(samples, LENGTH);
    cr_expect_float_eq(cosine(loud.combined, quiet.combined, COMBINED), 1, 1e-4);
    free(samples);
}

Test(similarity, a_cut_with_noise_and_a_transposed_version_are_nearer_than_another_piece)
{
    float    *first = play(&FIRST), *second = play(&SECOND), *moved = play(&MOVED), *noise = ax_noise(LENGTH, 5);
    vectors_t whole = listen(first, LENGTH), other = listen(second, LENGTH), higher = listen(moved, LENGTH);
    for (size_t i = 0; i < LENGTH; i++)
        first[i] += 0.003f * noise[i];
    vectors_t cut     = listen(first + LENGTH / 4, LENGTH / 2);
    double    to_cut  = cosine(whole.combined, cut.combined, COMBINED);
    double    to_high = cosine(whole.combined, higher.combined, COMBINED);
    double    away    = cosine(whole.combined, other.combined, COMBINED);
    cr_expect(to_cut > away + 0.1, "%g and %g", to_cut, away);
    cr_expect(to_high > away + 0.1, "%g and %g", to_high, away);
    cr_expect(cosine(whole.pattern, higher.pattern, PATTERN) > 0.8);
    free(first);
    free(second);
    free(moved);
    free(noise);
}

Test(similarity, chunks_change_no_byte)
{
    float      *samples = play(&SECOND);
    ax_result_t whole   = ax_analyse(samples, LENGTH, RATE, 1, KT_OPTION_SIMILARITY, 0, 0);
    for (unsigned seed = 1; seed <= 5; seed++) {
        ax_result_t chunks = ax_analyse(samples, LENGTH, RATE, 1, KT_OPTION_SIMILARITY, 9000, seed);
        cr_expect_str_eq(chunks.text, whole.text);
        free(chunks.text);
    }
    free(whole.text);
    free(samples);
}

static void
expect_none(const float *samples, size_t n, uint32_t rate_hz, const char *reason)
{
    double      values[256];
    ax_result_t result = ax_analyse(samples, n, rate_hz, 1, KT_OPTION_SIMILARITY, 0, 0);
    cr_expect_eq(vector_of(result.text, "combined_vector", values), 0);
    cr_expect(strstr(result.text, reason), "no '%s' in %s", reason, result.text);
    free(result.text);
}

Test(similarity, silence_has_no_vector)
{
    float *samples = calloc(LENGTH, sizeof *samples);
    expect_none(samples, LENGTH, RATE, "silence");
    expect_none(samples, 0, RATE, "silence");
    free(samples);
}

Test(similarity, one_sample_and_a_constant_give_finite_values)
{
    double values[256];
    float *samples = malloc(RATE * sizeof *samples);
    for (size_t i = 0; i < RATE; i++)
        samples[i] = 0.9f;
    for (size_t n = 1; n <= RATE; n *= 21) {
        ax_result_t result = ax_analyse(samples, n, RATE, 1, KT_OPTION_SIMILARITY, 0, 0);
        size_t      count  = vector_of(result.text, "combined_vector", values);
        cr_expect(count == COMBINED || count == 0);
        for (size_t i = 0; i < count; i++)
            cr_expect(fabs(values[i]) <= 1);
        free(result.text);
    }
    free(samples);
}

Test(similarity, half_a_second_is_not_enough)
{
    float *pcm  = play(&FIRST);
    char  *text = ax_analyse(pcm, RATE / 2, RATE, 1, KT_OPTION_SIMILARITY, 0, 0).text;
    double vector[256];
    cr_assert_eq(vector_of(text, "combined_vector", vector), 0);
    cr_assert_not_null(strstr(text, "shorter than a second"));
    free(text);
    free(pcm);
}

TestSuite(similarity_8k, .init = ax_open_8k, .fini = ax_close);

Test(similarity_8k, at_other_settings_there_is_no_vector)
{
    float *samples = play(&FIRST);
    expect_none(samples, LENGTH, 8000, "defined at 22050 Hz");
    free(samples);
}
