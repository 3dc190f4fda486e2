// Signals whose rows are known from their formula; run with the best instruction set and with the reference.
#include "tests/unit/kernels/stream.h"

#include <math.h>

static const char *const sets[] = {"", "ref"};
#define FOR_BOTH_SETS for (size_t set = 0; set < 2 && (stream_isa = sets[set]); set++)

Test(frontend, an_impulse_is_flat)
{
    FOR_BOTH_SETS
    {
        stream_t stream       = stream_new(&defaults, 22050);
        stream.samples[11025] = 1;
        stream_run(&stream);
        cr_assert_float_eq(stream.row[KT_ROW_FLATNESS][21], 1, 1e-5);
        cr_assert_float_eq(stream.row[KT_ROW_CENTROID][21], 22050 / 4.0, 0.1);
        cr_assert_float_eq(stream.row[KT_ROW_ROLLOFF][21], 871 * 22050 / 2048.0, 1e-3);
        stream_free(&stream);
    }
}

Test(frontend, silence_has_flatness_one_and_nothing_else)
{
    FOR_BOTH_SETS
    {
        stream_t stream = stream_new(&defaults, 9000);
        stream_run(&stream);
        for (size_t i = 0; i < stream.span.frames; i++) {
            cr_assert_float_eq(stream.row[KT_ROW_FLATNESS][i], 1, 1e-6);
            cr_assert_eq(stream.row[KT_ROW_CENTROID][i], 0);
            cr_assert_eq(stream.row[KT_ROW_BANDWIDTH][i], 0);
            cr_assert_eq(stream.row[KT_ROW_ROLLOFF][i], 0);
            cr_assert_eq(stream.row[KT_ROW_RMS][i], 0);
            cr_assert_eq(stream.row[KT_ROW_ZCR][i], 0);
            cr_assert_eq(stream.row[KT_ROW_MEL][i * 128 + 5], 0);
        }
        cr_assert_eq(stream.peaks.count, 0);
        cr_assert_eq(kt_spectral_peaks_tuning(&stream.peaks), 0);
        stream_free(&stream);
    }
}

Test(frontend, a_sine_has_its_frequency_level_and_crossings)
{
    FOR_BOTH_SETS
    {
        stream_t stream = stream_new(&defaults, 22050);
        for (size_t i = 0; i < 22050; i++)
            stream.samples[i] = (float)(0.5 * sin(2 * 3.14159265358979 * 1000 * (double)i / 22050));
        stream_run(&stream);
        cr_assert_float_eq(stream.row[KT_ROW_CENTROID][20], 1000, 2);
        cr_assert_lt(stream.row[KT_ROW_BANDWIDTH][20], 50);
        cr_assert_float_eq(stream.row[KT_ROW_RMS][20], 0.5 / sqrt(2), 1e-3);
        cr_assert_float_eq(stream.row[KT_ROW_ZCR][20], 2000 / 22050.0, 1e-3);
        cr_assert_float_eq(stream.row[KT_ROW_ROLLOFF][20], 1000, 22);
        cr_assert_lt(stream.row[KT_ROW_FLATNESS][20], 1e-6);
        stream_free(&stream);
    }
}

Test(frontend, the_ends_of_a_stream_are_no_crossings)
{
    FOR_BOTH_SETS
    {
        stream_t stream = stream_new(&defaults, 6000);
        for (size_t i = 0; i < 6000; i++)
            stream.samples[i] = -0.25F;  // the zeros of the padding count as positive, but are not looked at
        stream_run(&stream);
        for (size_t i = 0; i < stream.span.frames; i++)
            cr_assert_eq(stream.row[KT_ROW_ZCR][i], 0);
        stream_free(&stream);
    }
}

Test(frontend, tiny_samples_and_negative_zero_count_as_positive)
{
    FOR_BOTH_SETS
    {
        stream_t stream = stream_new(&defaults, 2048);
        for (size_t i = 0; i < 2048; i++)
            stream.samples[i] = i % 2 ? -1e-10F : i % 4 ? -0.0F : 0.1F;
        stream_run(&stream);
        cr_assert_eq(stream.row[KT_ROW_ZCR][2], 0);
        stream_free(&stream);
    }
}

Test(frontend, one_sample_is_one_frame)
{
    FOR_BOTH_SETS
    {
        stream_t stream   = stream_new(&defaults, 1);
        stream.samples[0] = 0.5F;
        stream_run(&stream);
        cr_assert_eq(stream.span.frames, 1);
        cr_assert_float_eq(stream.row[KT_ROW_RMS][0], 0.5 / sqrt(2048), 1e-7);
        cr_assert_float_eq(stream.row[KT_ROW_CENTROID][0], 22050 / 4.0, 0.1);
        stream_free(&stream);
    }
}

Test(frontend, a_tone_between_two_keys_gives_its_tuning)
{
    FOR_BOTH_SETS
    {
        stream_t     stream = stream_new(&defaults, 22050);
        const double hz     = 880 * exp2(0.25 / 12);
        for (size_t i = 0; i < 22050; i++)
            stream.samples[i] = (float)(0.5 * sin(2 * 3.14159265358979 * hz * (double)i / 22050));
        stream_run(&stream);
        cr_assert_gt(stream.peaks.count, 30);
        cr_assert_float_eq(kt_spectral_peaks_tuning(&stream.peaks), 0.25, 0.06);
        stream_free(&stream);
    }
}

Test(frontend, the_loudest_class_of_chroma_is_one)
{
    FOR_BOTH_SETS
    {
        stream_t stream = stream_new(&defaults, 22050);
        float   *chroma = calloc(stream.span.frames * 12, sizeof *chroma);
        for (size_t i = 0; i < 22050; i++)
            stream.samples[i] = (float)sin(2 * 3.14159265358979 * 440 * (double)i / 22050);
        cr_assert_eq(kt_device_chroma(stream.device, stream.plan, 0, &stream.span, 1, &chroma), KT_OK);
        for (size_t c = 0; c < 12; c++)
            cr_assert(c == 9 ? chroma[20 * 12 + c] == 1 : chroma[20 * 12 + c] < 1);
        free(chroma);
        stream_free(&stream);
    }
}
