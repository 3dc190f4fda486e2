#include "kernels/audio/power_spectrum.h"
#include "tests/unit/kernels/isa_named.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_FFT = 2048, HOP = 700, FRAMES = 37, BINS = N_FFT / 4, LENGTH = (FRAMES - 1) * HOP + N_FFT };

static float *
chord(void)
{
    float   *out   = malloc(LENGTH * sizeof *out);
    uint32_t state = 7;
    for (size_t i = 0; i < LENGTH; i++) {
        state  = state * 1664525u + 1013904223u;
        out[i] = (float)(0.4 * sin(0.0627 * (double)i) + 0.2 * sin(0.3 * (double)i)) +
                 (float)(state >> 8) / 16777216.0f * 0.01f;
    }
    return out;
}

static float *
rows_with(const char *isa, const float *pcm, size_t frames)
{
    kt_power_spectra_t *powers = NULL;
    float              *out    = calloc(FRAMES * BINS, sizeof *out);
    cr_assert_eq(kt_power_spectra_new(&powers, isa_named(isa)->rows, 22050, N_FFT, HOP), KT_OK);
    kt_power_spectra_rows(powers, pcm, frames, BINS, out);
    kt_power_spectra_destroy(&powers);
    return out;
}

Test(powers, every_instruction_set_agrees_with_the_reference)
{
    static const char *const sets[] = {"base", "avx2", "avx512", ""};
    float                   *pcm = chord(), *ref = rows_with("ref", pcm, FRAMES);
    for (size_t s = 0; s < sizeof sets / sizeof *sets; s++) {
        float *fast = rows_with(sets[s], pcm, FRAMES);
        for (size_t f = 0; f < FRAMES; f++) {
            float largest = 0, worst = 0;
            for (size_t k = f * BINS; k < (f + 1) * BINS; k++) {
                largest = fmaxf(largest, ref[k]);
                worst   = fmaxf(worst, fabsf(fast[k] - ref[k]));
            }
            cr_expect(worst <= 2e-6f * largest, "'%s', frame %zu: %g of %g", sets[s], f, (double)worst,
                      (double)largest);
        }
        free(fast);
    }
    free(ref);
    free(pcm);
}

Test(powers, a_frame_depends_on_its_samples_alone)
{
    float *pcm = chord(), *all = rows_with("", pcm, FRAMES);
    for (size_t f = 0; f < FRAMES; f += 5) {
        float *one = rows_with("", pcm + f * HOP, 1);
        cr_expect_eq(memcmp(one, all + f * BINS, BINS * sizeof *one), 0, "frame %zu", f);
        free(one);
    }
    free(all);
    free(pcm);
}

Test(powers, no_frames_and_wrong_sizes)
{
    kt_power_spectra_t *powers = NULL;
    cr_expect_eq(kt_power_spectra_new(&powers, kt_isa(NULL)->rows, 22050, 1000, 500), KT_EINVAL);
    cr_expect_null(powers);
    float *out = rows_with("", NULL, 0);
    cr_expect_eq(out[0], 0);
    free(out);
    kt_power_spectra_destroy(&powers);
}
