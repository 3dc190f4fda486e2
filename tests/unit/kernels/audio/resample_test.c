#include "kernels/audio/resample.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct output {
    float *values;
    size_t count;
} output_t;

static float *
tone(size_t n, double hz, double rate)
{
    float *out = calloc(n, sizeof *out);
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(0.5 * sin(2 * 3.14159265358979 * hz * (double)i / rate));
    return out;
}

// Everything, in input chunks of `chunk` and output pieces of `capacity`.
static output_t
resample(const float *in, size_t n, uint32_t from, uint32_t to, size_t chunk, size_t capacity)
{
    kt_resample_t *self = NULL;
    const size_t   most = (size_t)((double)n * to / from) + 16;
    output_t       out  = {calloc(most + capacity, sizeof(float)), 0};
    size_t         made = 0;
    cr_assert_eq(kt_resample_new(&self, from, to), KT_OK);
    for (size_t at = 0; at < n; at += chunk) {
        size_t take = chunk < n - at ? chunk : n - at;
        do {
            cr_assert_eq(kt_resample_push(self, in + at, take, out.values + out.count, capacity, &made), KT_OK);
            out.count += made;
            cr_assert_leq(out.count, most);
            take = 0;
        } while (made == capacity);
    }
    do {
        cr_assert_eq(kt_resample_finish(self, out.values + out.count, capacity, &made), KT_OK);
        out.count += made;
        cr_assert_leq(out.count, most);
    } while (made > 0);
    kt_resample_destroy(&self);
    return out;
}

Test(resample, chunks_give_the_same_bytes_as_one_call)
{
    static const uint32_t rates[]   = {8000, 22050, 44100, 48000, 96000};
    static const size_t   ways[][2] = {{1024, 4096}, {4096, 100}, {977, 31}, {20000, 1}};
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
        float         *in    = tone(20011, 700, rates[r]);
        const output_t whole = resample(in, 20011, rates[r], 22050, 20011, 80000);
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
            output_t parts = resample(in, 20011, rates[r], 22050, ways[w][0], ways[w][1]);
            cr_assert_eq(parts.count, whole.count);
            cr_assert_eq(memcmp(parts.values, whole.values, whole.count * sizeof(float)), 0, "%u Hz, way %zu", rates[r],
                         w);
            free(parts.values);
        }
        free(whole.values);
        free(in);
    }
}

Test(resample, the_length_is_rounded_up)
{
    static const uint32_t rates[]   = {8000, 11025, 16000, 32000, 44100, 48000, 88200, 96000, 192000};
    static const size_t   lengths[] = {0, 1, 2, 3, 999, 4801, 9600};
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++)
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            float         *in  = tone(lengths[i] + 1, 440, rates[r]);
            const output_t out = resample(in, lengths[i], rates[r], 22050, 4096, 4096);
            cr_assert_eq(out.count, (size_t)ceil((double)lengths[i] * (22050.0 / rates[r])),
                         "%zu samples at %u Hz gave %zu", lengths[i], rates[r], out.count);
            free(out.values);
            free(in);
        }
}

Test(resample, equal_rates_pass_through)
{
    float         *in  = tone(5000, 440, 22050);
    const output_t out = resample(in, 5000, 22050, 22050, 700, 300);
    cr_assert_eq(out.count, 5000);
    cr_assert_eq(memcmp(in, out.values, 5000 * sizeof *in), 0);
    free(out.values);
    free(in);
}

static double
level(const output_t *out)
{
    double sum = 0;
    for (size_t i = out->count / 4; i < out->count * 3 / 4; i++)
        sum += (double)out->values[i] * out->values[i];
    return sqrt(sum / ((double)out->count / 2));
}

Test(resample, what_lies_above_the_new_band_vanishes_and_the_rest_stays)
{
    float   *low = tone(48000, 1000, 48000), *high = tone(48000, 15000, 48000);
    output_t kept = resample(low, 48000, 48000, 22050, 4800, 4096),
             gone = resample(high, 48000, 48000, 22050, 4800, 4096);
    cr_assert_float_eq(level(&kept), 0.5 / sqrt(2), 1e-4);
    cr_assert_lt(level(&gone), 1e-5);
    free(kept.values);
    free(gone.values);
    free(low);
    free(high);
}

Test(resample, rates_out_of_range_are_refused)
{
    kt_resample_t *self = NULL;
    cr_assert_eq(kt_resample_new(&self, 0, 22050), KT_EINVAL);
    cr_assert_eq(kt_resample_new(&self, 44100, 0), KT_EINVAL);
    cr_assert_eq(kt_resample_new(&self, 4000000000U, 22050), KT_EINVAL);
    cr_assert_null(self);
    kt_resample_destroy(&self);
}

Test(resample, nothing_is_taken_after_the_end_or_over_what_is_held)
{
    kt_resample_t *self = NULL;
    float         *in   = tone(4096, 440, 22050), out[8];
    size_t         made = 77;
    cr_assert_eq(kt_resample_new(&self, 22050, 22050), KT_OK);
    cr_assert_eq(kt_resample_push(self, in, 4096, out, 8, &made), KT_OK);
    cr_assert_eq(made, 8);
    made = 77;
    cr_assert_eq(kt_resample_push(self, in, 1, out, 8, &made), KT_EINVAL);
    cr_assert_eq(made, 77);
    do
        cr_assert_eq(kt_resample_finish(self, out, 8, &made), KT_OK);
    while (made > 0);
    cr_assert_eq(kt_resample_push(self, in, 1, out, 8, &made), KT_EINVAL);
    kt_resample_destroy(&self);
    free(in);
}

Test(mono, it_is_the_mean_in_float)
{
    const float in[] = {1, 3, -1, 1, 0.1F, 0.2F};
    float       out[3];
    kt_to_mono(in, 3, 2, out);
    cr_assert_eq(out[0], 2);
    cr_assert_eq(out[1], 0);
    cr_assert_eq(out[2], (0.1F + 0.2F) / 2);
    kt_to_mono(in, 2, 3, out);
    cr_assert_eq(out[0], 1);
    kt_to_mono(in, 3, 1, out);
    cr_assert_eq(out[1], 3);
}

// Of so many frames as are taken at once, and of others.
Test(mono, every_frame_of_stereo_is_its_mean_to_the_last_bit)
{
    static const float ODD[] = {0, -0.0F, 1e-45F, 3e-45F, 1e38F, 3e38F, -3e38F, INFINITY, -INFINITY, NAN, 1e-38F};
    enum { MOST = 41, KINDS = sizeof ODD / sizeof *ODD };
    float    in[2 * MOST], out[MOST + 1];
    uint32_t state = 1;
    for (size_t n = 0; n <= MOST; n++) {
        for (size_t i = 0; i < 2 * n; i++) {
            state = state * 1664525U + 1013904223U;
            in[i] = state >> 28 ? (float)(int32_t)state * 3e-10F : ODD[state % KINDS];
        }
        out[n] = 77;
        kt_to_mono(in, n, 2, out);
        for (size_t i = 0; i < n; i++) {
            const float want = (in[2 * i] + in[2 * i + 1]) / 2;
            cr_assert(isnan(want) ? isnan(out[i]) : memcmp(&want, &out[i], sizeof want) == 0, "%zu of %zu", i, n);
        }
        cr_assert_eq(out[n], 77);
    }
}
