#include "kernels/audio/polyphase.h"
#include "kernels/audio/resample.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// START: outputs in which libsoxr cuts its filter.
enum { MARGIN = 2048, FRAMES = 60000, START = 80 };

// Noise in [-1, 1] between margins of zeros; the first sample of the stream.
static float *
noise(float **memory_p)
{
    float   *out   = calloc(MARGIN + FRAMES + MARGIN, sizeof *out);
    uint32_t state = 7;
    for (size_t i = 0; i < FRAMES; i++) {
        state           = state * 1664525U + 1013904223U;
        out[MARGIN + i] = (float)((double)state / 2147483648.0 - 1);
    }
    *memory_p = out;
    return out + MARGIN;
}

static size_t
resample(const float *in, uint32_t from_hz, uint32_t to_hz, float *out, size_t most)
{
    kt_resample_t *self = NULL;
    size_t         made, total;
    cr_assert_eq(kt_resample_new(&self, from_hz, to_hz), KT_OK);
    cr_assert_eq(kt_resample_push(self, in, FRAMES, out, most, &total), KT_OK);
    do {
        cr_assert_eq(kt_resample_finish(self, out + total, most - total, &made), KT_OK);
        total += made;
    } while (made > 0);
    kt_resample_destroy(&self);
    return total;
}

Test(polyphase, it_agrees_with_the_resampler_within_a_millionth_of_full_scale)
{
    static const uint32_t rates[][2] = {{44100, 22050}, {48000, 22050}, {32000, 22050}, {16000, 22050}, {11025, 22050},
                                        {96000, 22050}, {8000, 22050},  {88200, 22050}, {22050, 22050}, {48000, 16000}};
    float                *memory, *in = noise(&memory);
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
        const uint32_t  from_hz = rates[r][0], to_hz = rates[r][1];
        const size_t    most = (size_t)FRAMES * to_hz / from_hz + 4096;
        float          *want = calloc(most, sizeof *want), *got = calloc(most, sizeof *got);
        kt_polyphase_t *self = NULL;
        cr_assert_eq(kt_polyphase_new(&self, from_hz, to_hz), KT_OK);
        cr_assert(self->reach < MARGIN && self->reach <= kt_polyphase_reach(from_hz, to_hz));
        const size_t total = resample(in, from_hz, to_hz, want, most);
        const size_t n     = (size_t)kt_polyphase_first(from_hz, to_hz, FRAMES);
        cr_assert(n == total || n + 1 == total, "%zu of %zu at %u Hz", n, total, from_hz);
        kt_polyphase_run(self, in, 0, FRAMES, got);
        double worst = 0;
        for (size_t i = START; i + 1 < total; i++)
            worst = fmax(worst, fabs((double)want[i] - got[i]));
        cr_expect_leq(worst, from_hz == to_hz ? 0 : 1e-6, "%u to %u Hz: %g", from_hz, to_hz, worst);
        kt_polyphase_destroy(&self);
        free(want);
        free(got);
    }
    free(memory);
}

Test(polyphase, pieces_give_the_same_bytes_as_the_whole)
{
    float          *memory, *in = noise(&memory), *whole = calloc(FRAMES, sizeof *whole);
    float          *parts = calloc(FRAMES, sizeof *parts);
    kt_polyphase_t *self  = NULL;
    cr_assert_eq(kt_polyphase_new(&self, 48000, 22050), KT_OK);
    const size_t n = (size_t)kt_polyphase_first(48000, 22050, FRAMES);
    kt_polyphase_run(self, in, 0, FRAMES, whole);
    size_t made = 0;
    for (size_t at = 0, some; at < FRAMES; at += some) {
        some = at % 3 == 0 ? 1000 : 4097;
        some = some < FRAMES - at ? some : FRAMES - at;
        cr_assert_eq(kt_polyphase_first(48000, 22050, at), made);
        kt_polyphase_run(self, in + at, at, some, parts + made);
        made = (size_t)kt_polyphase_first(48000, 22050, at + some);
    }
    cr_assert_eq(made, n);
    cr_assert_eq(memcmp(whole, parts, n * sizeof *whole), 0);
    kt_polyphase_destroy(&self);
    free(memory);
    free(whole);
    free(parts);
}

Test(polyphase, rates_with_too_large_a_table_are_refused)
{
    kt_polyphase_t *self = NULL;
    cr_assert_eq(kt_polyphase_new(&self, 44101, 22050), KT_EINVAL);
    cr_assert_eq(kt_polyphase_new(&self, 768000, 22050), KT_EINVAL);
    cr_assert_eq(kt_polyphase_new(&self, 999, 22050), KT_EINVAL);
    cr_assert_eq(kt_polyphase_new(&self, 44100, 0), KT_EINVAL);
    cr_assert_null(self);
}
