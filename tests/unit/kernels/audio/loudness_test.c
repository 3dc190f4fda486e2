#include "kernels/audio/loudness.h"
#include "tests/unit/kernels/isa_named.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 4096, LONG = N + KT_PEAK_MARGIN };
static const char *const isas[] = {"base", "avx2", "avx512"};

static void
fill_noise(float *x, size_t n, float level, unsigned seed)
{
    uint32_t state = seed * 2654435761U + 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525U + 1013904223U;
        x[i]  = level * ((float)(state >> 8) / 8388608.0F - 1);
    }
}

static void
fill_sine(float *x, size_t n, double cycles_a_sample, double phase, double level)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(level * sin(2 * M_PI * cycles_a_sample * (double)i + phase));
}

static double
energy_of(const kt_loudness_ops_t *ops, double rate, const float *x, size_t n)
{
    kt_kweight_t       weight;
    kt_kweight_state_t state[2]  = {{{0}, {0}, {0}}, {{0}, {0}, {0}}};
    const float       *planes[2] = {x, x};
    double             out[2]    = {0, 0};
    kt_kweight_design(&weight, rate);
    ops->energy(&weight, state, planes, n, out);
    cr_assert_eq(out[0], out[1]);
    return out[0];
}

Test(loudness, every_instruction_set_weighs_like_the_reference)
{
    static const double rates[] = {8000, 22050, 44100, 48000, 96000, 384000};
    float              *x       = malloc(2 * N * sizeof *x);
    fill_noise(x, N, 0.7F, 1);
    fill_sine(x + N, N, 0.01, 0, 1.5);
    for (size_t i = 0; i < 3; i++) {
        const kt_loudness_ops_t *fast = isa_named(isas[i])->loudness, *ref = isa_named("ref")->loudness;
        for (size_t r = 0; r < 6; r++)
            for (int part = 0; part < 2; part++) {
                double want = energy_of(ref, rates[r], x + part * N, N),
                       is   = energy_of(fast, rates[r], x + part * N, N);
                cr_assert_float_eq(is, want, 1e-9 * want, "%s at %g Hz: %g, not %g", isas[i], rates[r], is, want);
            }
    }
    free(x);
}

Test(loudness, a_cut_between_calls_changes_no_bit)
{
    const kt_loudness_ops_t *ops = isa_named(NULL)->loudness;
    kt_kweight_t             weight;
    kt_kweight_state_t       state[2] = {{{0}, {0}, {0}}, {{0}, {0}, {0}}}, whole[2];
    float                    x[2][N];
    double                   cut[2] = {0, 0}, once[2] = {0, 0};
    const float             *planes[2] = {x[0], x[1]};
    fill_noise(x[0], N, 1, 2);
    fill_noise(x[1], N, 1, 3);
    memcpy(whole, state, sizeof whole);
    kt_kweight_design(&weight, 44100);
    ops->energy(&weight, whole, planes, N, once);
    for (size_t at = 0, n = 1; at < N; at += n, n = 3 * n < N - at ? 3 * n : N - at) {
        const float *from[2] = {x[0] + at, x[1] + at};
        ops->energy(&weight, state, from, n, cut);
    }
    cr_assert_eq(memcmp(cut, once, sizeof cut), 0);
    cr_assert_eq(memcmp(state, whole, sizeof state), 0);
}

Test(loudness, the_weighting_has_the_gain_of_the_standard)
{
    // BS.1770-4: a 997 Hz sine of full scale reads -3.01 LKFS; below, the high-pass, above, the shelf of 4 dB.
    static const struct {
        double hz, gain_db, tolerance;
    } rows[] = {{997, 0.691, 0.01}, {10000, 4.0, 0.06}, {38.135, -5.99, 0.05}};
    float *x = malloc(480000 * sizeof *x);
    for (size_t i = 0; i < 3; i++) {
        fill_sine(x, 480000, rows[i].hz / 48000, 0, 1);
        double mean = energy_of(isa_named(NULL)->loudness, 48000, x, 480000) / 480000;
        double gain = 10 * log10(mean / 0.5);
        cr_assert_float_eq(gain, rows[i].gain_db, rows[i].tolerance, "%g Hz: %g dB", rows[i].hz, gain);
    }
    free(x);
}

static kt_peaks_t
peaks_of(const char *isa, double rate, const float *x)
{
    kt_interpolation_t between;
    kt_peaks_t         peaks = {0, 0, 0};
    kt_interpolation_design(&between, rate);
    isa_named(isa)->loudness->peaks(&between, x, N, &peaks);
    return peaks;
}

Test(loudness, every_instruction_set_finds_the_peaks_of_the_reference)
{
    static const double rates[] = {8000, 44100, 96000, 192000};
    float              *x       = calloc(LONG, sizeof *x);
    for (unsigned seed = 0; seed < 12; seed++) {
        fill_noise(x, LONG, 0.1F, seed);
        fill_noise(x + 300 * seed, 40, 0.9F, seed + 50);  // a burst: most groups are left out
        for (size_t r = 0; r < 4; r++) {
            kt_peaks_t want = peaks_of("ref", rates[r], x);
            float      peak = fmaxf(want.between, want.sample);
            for (size_t i = 0; i < 3; i++) {
                kt_peaks_t is = peaks_of(isas[i], rates[r], x);
                cr_assert_eq(is.sample, want.sample);
                cr_assert_float_eq(is.squares, want.squares, 1e-9 * want.squares);
                cr_assert_float_eq(fmaxf(is.between, is.sample), peak, 1e-6 * peak, "%s, seed %u", isas[i], seed);
            }
        }
    }
    free(x);
}

Test(loudness, the_peak_between_two_samples_is_found)
{
    // A quarter of the rate at 45 degrees: every sample is 3 dB below the peak (EBU Tech 3341, case 16).
    float x[LONG];
    fill_sine(x, LONG, 0.25, M_PI / 4, 0.5);
    kt_peaks_t peaks = peaks_of(NULL, 48000, x);
    cr_assert_float_eq(peaks.sample, 0.5 / sqrt(2), 1e-6);
    cr_assert_float_eq(peaks.between, 0.5, 0.002);
    cr_assert_float_eq(peaks_of(NULL, 96000, x).between, 0.5, 0.002);
    cr_assert_eq(peaks_of(NULL, 192000, x).between, 0);
}

Test(loudness, no_value_between_exceeds_the_bound)
{
    kt_interpolation_t between;
    float              x[LONG] = {0};
    kt_interpolation_design(&between, 44100);
    for (uint32_t p = 0; p < between.phases; p++) {
        for (size_t k = 0; k < KT_PEAK_TAPS; k++)
            x[1000 + k] = between.taps[p][k] > 0 ? 1 : -1;  // the worst that samples of 1 can do
        kt_peaks_t peaks = peaks_of(NULL, 44100, x);
        cr_assert_leq(peaks.between, between.bound);
        cr_assert_gt(peaks.between, 0.8F * between.bound);
    }
}

Test(loudness, silence_has_no_peak_and_no_energy)
{
    float      x[LONG] = {0};
    kt_peaks_t peaks   = peaks_of(NULL, 44100, x);
    cr_assert_eq(peaks.sample, 0);
    cr_assert_eq(peaks.between, 0);
    cr_assert_eq(peaks.squares, 0);
    cr_assert_eq(energy_of(isa_named(NULL)->loudness, 44100, x, N), 0);
}

Test(loudness, channels_become_planes)
{
    for (uint32_t channels = 1; channels <= 8; channels++) {
        float pcm[8 * 37], out[8 * 40];
        for (uint32_t i = 0; i < channels * 37; i++)
            pcm[i] = (float)i;
        isa_named(NULL)->loudness->planes(pcm, 37, channels, out, 40);
        for (uint32_t c = 0; c < channels; c++)
            for (uint32_t i = 0; i < 37; i++)
                cr_assert_eq(out[c * 40 + i], (float)(i * channels + c));
    }
}
