#include "tests/unit/models/input/front_ends.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct placed {
    kt_audio_input_t *input;
    float            *values;  // all rows as one block
    size_t            rows, width;
} placed_t;

static placed_t
placed_second(const char *text)
{
    placed_t out   = {.input = front_end(text)};
    out.width      = kt_audio_input_width(out.input);
    const size_t n = kt_audio_input_rate(out.input);
    float       *x = front_end_signal((uint32_t)n, n), *rows = front_end_rows(out.input, x, n, n, &out.rows);
    out.values = calloc(out.rows * out.width, sizeof *out.values);
    cr_assert(out.values);
    kt_audio_input_place(out.input, rows, out.rows, out.values);
    free(rows);
    free(x);
    return out;
}

static void
placed_free(placed_t *self)
{
    kt_audio_input_destroy(&self->input);
    free(self->values);
}

// Rounding to float16 is .0005 of a band, whose sums of musicnn's reference are in single precision.
enum { musicnn, training, vibenet, kaldi, beatnet, FRONT_ENDS };
static const struct {
    const char *text;
    double      tolerance;
} CASES[FRONT_ENDS] = {[musicnn]  = {FRONT_END_MUSICNN, 5e-4},
                       [training] = {FRONT_END_TRAINING, 2e-5},
                       [vibenet]  = {FRONT_END_VIBENET, 2e-5},
                       [kaldi]    = {FRONT_END_KALDI, 5e-6},
                       [beatnet]  = {FRONT_END_BEATNET, 1e-6}};

Test(audio_rows, values_are_those_of_librosa_kaldi_and_madmom)
{
    static const struct {
        int    front_end;
        size_t row, band;
        double value;
    } CELLS[] = {
#define KT_EXPECTED(name, row, band, value) {name, row, band, value},
#define KT_EXPECTED_ALL(name, rows, width, mean)
#include "tests/unit/models/input/audio_expected.def"
#undef KT_EXPECTED
#undef KT_EXPECTED_ALL
    };
    static const struct {
        size_t rows, width;
        double mean;
    } ALL[FRONT_ENDS] = {
#define KT_EXPECTED(name, row, band, value)
#define KT_EXPECTED_ALL(name, rows, width, mean) [name] = {rows, width, mean},
#include "tests/unit/models/input/audio_expected.def"
#undef KT_EXPECTED
#undef KT_EXPECTED_ALL
    };
    for (int f = 0; f < FRONT_ENDS; f++) {
        placed_t got = placed_second(CASES[f].text);
        cr_assert_eq(got.rows, ALL[f].rows, "%d: %zu rows", f, got.rows);
        cr_assert_eq(got.width, ALL[f].width, "%d: %zu values", f, got.width);
        double sum = 0;
        for (size_t i = 0; i < got.rows * got.width; i++)
            sum += (double)got.values[i];
        cr_expect_float_eq(sum / (double)(got.rows * got.width), ALL[f].mean, CASES[f].tolerance, "%d: mean %.9g", f,
                           sum / (double)(got.rows * got.width));
        for (size_t c = 0; c < sizeof CELLS / sizeof *CELLS; c++)
            if (CELLS[c].front_end == f) {
                const double value = (double)got.values[CELLS[c].row * got.width + CELLS[c].band];
                cr_expect_float_eq(value, CELLS[c].value, CASES[f].tolerance, "%d, row %zu, band %zu: %.9g", f,
                                   CELLS[c].row, CELLS[c].band, value);
            }
        placed_free(&got);
    }
}

Test(audio_rows, a_cut_into_pushes_changes_nothing)
{
    static const size_t cuts[] = {1, 7, 160, 441, 4096, 100000};
    for (int f = 0; f < FRONT_ENDS; f++) {
        kt_audio_input_t *input = front_end(CASES[f].text);
        const uint32_t    rate  = kt_audio_input_rate(input);
        const size_t      n = 3 * (size_t)rate + 123, width = kt_audio_input_width(input);
        size_t            whole_rows;
        float            *x = front_end_signal(rate, n), *whole = front_end_rows(input, x, n, n, &whole_rows);
        for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
            size_t rows;
            float *cut = front_end_rows(input, x, n, cuts[c], &rows);
            cr_assert_eq(rows, whole_rows);
            cr_expect(memcmp(cut, whole, rows * width * sizeof *cut) == 0, "front end %d, cut %zu", f, cuts[c]);
            free(cut);
        }
        free(whole);
        free(x);
        kt_audio_input_destroy(&input);
    }
}

Test(audio_rows, there_are_as_many_rows_as_the_description_says)
{
    // length 400, hop 160
    static const struct {
        const char *frame;
        size_t      n, rows;
    } COUNTS[] = {
        {"", 0, 0},
        {"", 399, 0},
        {"", 400, 1},
        {"", 559, 1},
        {"", 560, 2},
        {",'partial':true", 0, 0},
        {",'partial':true", 1, 1},
        {",'partial':true", 160, 1},
        {",'partial':true", 161, 2},
        {",'centre':true", 0, 0},
        {",'centre':true", 1, 1},
        {",'centre':true", 159, 1},
        {",'centre':true", 160, 2},
        {",'centre':true,'partial':true", 1, 1},
        {",'centre':true,'partial':true", 160, 1},
        {",'centre':true,'partial':true", 1600, 10},
        {",'centre':true,'partial':true", 1601, 11},
    };
    float *x = front_end_signal(16000, 1601);
    for (size_t c = 0; c < sizeof COUNTS / sizeof *COUNTS; c++) {
        char text[512];
        snprintf(text, sizeof text,
                 "{'kind':'audio','rate_hz':16000,'frame':{'length':400,'hop':160,'fft':512,'window':'hann'%s},"
                 "'spectrum':'power','bands':{'kind':'mel_slaney','count':40},'log':{'kind':'ln','floor':1e-9},"
                 "'blocks':{'frames':10}}",
                 COUNTS[c].frame);
        kt_audio_input_t *input = front_end(text);
        size_t            rows;
        float            *out = front_end_rows(input, x, COUNTS[c].n, 100, &rows);
        cr_expect_eq(rows, COUNTS[c].rows, "%s, %zu samples: %zu rows", COUNTS[c].frame, COUNTS[c].n, rows);
        free(out);
        kt_audio_input_destroy(&input);
    }
    free(x);
}

Test(audio_rows, silence_gives_the_row_of_silence)
{
    for (int f = 0; f < FRONT_ENDS; f++) {
        kt_audio_input_t *input = front_end(CASES[f].text);
        const size_t      n = kt_audio_input_rate(input), width = kt_audio_input_width(input);
        float            *x      = calloc(n, sizeof *x);
        const float      *silent = kt_audio_input_silence(input);
        size_t            rows;
        float            *out = front_end_rows(input, x, n, n, &rows);
        for (size_t i = 0; i < rows * width; i++)
            cr_expect(fabsf(out[i] - silent[i % width]) <= 1e-5F, "%d: %g", f, (double)out[i]);
        free(out);
        free(x);
        kt_audio_input_destroy(&input);
    }
}

Test(audio_rows, rows_are_finite_whatever_the_samples_are)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY, 3e38F, -1e30F, 1e-40F};
    for (int f = 0; f < FRONT_ENDS; f++)
        for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
            kt_audio_input_t *input = front_end(CASES[f].text);
            const size_t      n     = kt_audio_input_rate(input);
            float            *x     = front_end_signal((uint32_t)n, n);
            for (size_t i = n / 2; i < n / 2 + 3000; i += b % 2 ? 1 : 700)
                x[i] = bad[b];
            size_t       rows;
            float       *out   = front_end_rows(input, x, n, n, &rows);
            const size_t count = rows * kt_audio_input_width(input);
            float       *block = calloc(count, sizeof *block);
            kt_audio_input_place(input, out, rows, block);
            size_t finite = 0;
            for (size_t i = 0; i < count; i++)
                finite += isfinite(out[i]) && isfinite(block[i]);
            cr_expect_eq(finite, count, "front end %d, %g: %zu of %zu", f, (double)bad[b], finite, count);
            free(block);
            free(out);
            free(x);
            kt_audio_input_destroy(&input);
        }
}
