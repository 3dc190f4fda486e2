// The pitch class of a bass note, whatever sounds above it.
#include "kernels/audio/bass.h"
#include "kernels/isa.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RATE = 22050, HOP = 1024, SECONDS = 4, SAMPLES = SECONDS * RATE, ROWS = SAMPLES / HOP };

static const double PI = 3.14159265358979323846;

static uint16_t rows[ROWS * KT_BASS_WIDTH];

static void
add_sine(float *pcm, double hz, double amplitude)
{
    for (int i = 0; i < SAMPLES; i++)
        pcm[i] += (float)(amplitude * sin(2 * PI * hz * i / RATE));
}

static void
run(const float *pcm, const char *isa)
{
    kt_bass_t *bass = NULL;
    cr_assert_eq(kt_bass_new(&bass, kt_isa(isa)->rows, RATE, HOP), KT_OK);
    kt_bass_rows(bass, &(kt_bass_span_t){pcm, SAMPLES, 0, ROWS}, rows);
    kt_bass_destroy(&bass);
    kt_bass_destroy(&bass);
}

static int
largest_class(const uint16_t *row)
{
    int best = 0;
    for (int c = 1; c < KT_BASS_WIDTH; c++)
        if (row[c] > row[best])
            best = c;
    return best;
}

Test(bass, a_note_is_found_under_a_louder_melody)
{
    static const struct {
        double hz;
        int    pitch_class;  // from A
    } NOTE[] = {{110, 0}, {65.406, 3}, {97.999, 10}, {146.83, 5}, {246.94, 2}};
    for (size_t i = 0; i < sizeof NOTE / sizeof *NOTE; i++) {
        float *pcm = calloc(SAMPLES, sizeof *pcm);
        add_sine(pcm, NOTE[i].hz, 0.1);
        add_sine(pcm, 1318.5, 0.3);
        add_sine(pcm, 880, 0.3);
        run(pcm, NULL);
        for (int row = 4; row < ROWS - 4; row++)
            cr_expect_eq(largest_class(rows + row * KT_BASS_WIDTH), NOTE[i].pitch_class, "%g Hz, row %d: %d",
                         NOTE[i].hz, row, largest_class(rows + row * KT_BASS_WIDTH));
        free(pcm);
    }
}

Test(bass, silence_has_rows_of_zero)
{
    float *pcm = calloc(SAMPLES, sizeof *pcm);
    run(pcm, NULL);
    for (int i = 0; i < ROWS * KT_BASS_WIDTH; i++)
        cr_assert_eq(rows[i], 0);
    free(pcm);
}

// Rows of parts of the samples are those of all of them, away from the borders.
Test(bass, a_part_has_the_rows_of_the_whole)
{
    enum { FIRST = 20, SOME = 30 };
    uint16_t part[SOME * KT_BASS_WIDTH];
    float   *pcm = calloc(SAMPLES, sizeof *pcm);
    for (int n = 0; n < 40; n++)
        add_sine(pcm, 41.2 * (1 + n % 5) * (1 + n * 0.01), 0.02);
    run(pcm, NULL);
    kt_bass_t *bass = NULL;
    cr_assert_eq(kt_bass_new(&bass, kt_isa(NULL)->rows, RATE, HOP), KT_OK);
    kt_bass_rows(bass, &(kt_bass_span_t){pcm, SAMPLES, FIRST * HOP, SOME}, part);
    for (int i = 0; i < SOME * KT_BASS_WIDTH; i++)
        cr_expect_leq(abs(part[i] - rows[FIRST * KT_BASS_WIDTH + i]), 1, "%d", i);
    kt_bass_destroy(&bass);
    free(pcm);
}

Test(bass, all_instruction_sets_agree)
{
    static uint16_t plain[ROWS * KT_BASS_WIDTH];
    float          *pcm = calloc(SAMPLES, sizeof *pcm);
    for (int n = 0; n < 40; n++)
        add_sine(pcm, 41.2 * (1 + n % 5) * (1 + n * 0.01), 0.02);
    run(pcm, "ref");
    memcpy(plain, rows, sizeof plain);
    run(pcm, NULL);
    for (int i = 0; i < ROWS * KT_BASS_WIDTH; i++)
        cr_expect_leq(abs(plain[i] - rows[i]), 20, "%d: %d, %d", i, plain[i], rows[i]);
    free(pcm);
}

Test(bass, a_rate_without_bass_is_refused)
{
    kt_bass_t *bass = NULL;
    cr_expect_eq(kt_bass_new(&bass, kt_isa(NULL)->rows, 500, HOP), KT_EINVAL);
    cr_expect_eq(kt_bass_new(&bass, kt_isa(NULL)->rows, RATE, 0), KT_EINVAL);
    cr_expect_null(bass);
}

// Hops that no long step divides, and the rates of other settings.
Test(bass, other_rates_and_hops)
{
    static const struct {
        uint32_t rate_hz, hop;
    } OPTION[] = {{8000, 512}, {48000, 2048}, {11025, 509}, {96000, 4410}};
    for (size_t i = 0; i < sizeof OPTION / sizeof *OPTION; i++) {
        const size_t n    = OPTION[i].rate_hz * 2;
        float       *pcm  = calloc(n, sizeof *pcm);
        kt_bass_t   *bass = NULL;
        for (size_t t = 0; t < n; t++)
            pcm[t] = (float)(0.2 * sin(2 * PI * 82.407 * (double)t / OPTION[i].rate_hz));  // E2
        cr_assert_eq(kt_bass_new(&bass, kt_isa(NULL)->rows, OPTION[i].rate_hz, OPTION[i].hop), KT_OK);
        kt_bass_rows(bass, &(kt_bass_span_t){pcm, n, n / 2, 1}, rows);
        cr_expect_eq(largest_class(rows), 7, "%u Hz: %d", OPTION[i].rate_hz, largest_class(rows));
        kt_bass_destroy(&bass);
        free(pcm);
    }
}
