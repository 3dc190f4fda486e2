#include "node/audio/segment.h"
#include "tests/unit/node/audio/track_fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RATE = 22050 };

TestSuite(analysis, .init = ax_open, .fini = ax_close);

static const char *const SCALARS[] = {"spectral_centroid", "spectral_rolloff",   "spectral_bandwidth",
                                      "spectral_flatness", "zero_crossing_rate", "rms",
                                      "onset_strength"};

Test(analysis, the_cut_into_chunks_changes_no_byte)
{
    enum { SAMPLES = 44100 * 9 + 17 };
    float      *pcm   = ax_noise(SAMPLES * 2, 1);
    ax_result_t whole = ax_analyse(pcm, SAMPLES, 44100, 2, KT_OPTION_ALL, 0, 0);
    for (unsigned seed = 1; seed <= 50; seed++) {
        ax_result_t cut = ax_analyse(pcm, SAMPLES, 44100, 2, KT_OPTION_ALL, 1 + seed * seed * 40, seed);
        cr_assert_str_eq(cut.text, whole.text, "seed %u", seed);
        free(cut.text);
    }
    free(whole.text);
    free(pcm);
}

Test(analysis, a_second_of_silence_has_defined_values)
{
    static float pcm[RATE];
    ax_result_t  r = ax_analyse(pcm, RATE, RATE, 1, KT_OPTION_ALL, 0, 0);
    for (size_t i = 0; i < sizeof SCALARS / sizeof *SCALARS; i++)
        cr_assert_eq(ax_value(r.text, SCALARS[i], 0), strcmp(SCALARS[i], "spectral_flatness") == 0 ? 1 : 0, "%s",
                     SCALARS[i]);
    for (size_t c = 0; c < 12; c++)
        cr_assert_eq(ax_value(r.text, "chroma", c), 0);
    cr_assert_float_eq(ax_value(r.text, "mfcc", 0), -100 * sqrt(128), 1e-3);  // -100 dB in each band
    free(r.text);
}

Test(analysis, one_sample_is_one_frame)
{
    ax_result_t r = ax_analyse((float[]){0.5f}, 1, RATE, 1, KT_OPTION_ALL, 0, 0);
    cr_assert_float_eq(ax_value(r.text, "rms", 0), 0.5 / sqrt(2048), 1e-8);
    cr_assert_eq(ax_statistic(r.text, "rms", "std", 0), 0);
    cr_assert_eq(ax_statistic(r.text, "rms", "median", 0), ax_value(r.text, "rms", 0));
    cr_assert_eq(ax_value(r.text, "zero_crossing_rate", 0), 0);
    free(r.text);
}

Test(analysis, a_constant_has_its_root_mean_square_and_no_crossings)
{
    float *pcm = malloc(RATE * sizeof *pcm);
    for (size_t i = 0; i < RATE; i++)
        pcm[i] = 0.25f;
    ax_result_t r = ax_analyse(pcm, RATE, RATE, 1, KT_OPTION_ALL, 0, 0);
    cr_assert_float_eq(ax_statistic(r.text, "rms", "max", 0), 0.25, 1e-6);
    cr_assert_float_eq(ax_statistic(r.text, "rms", "median", 0), 0.25, 1e-6);
    cr_assert_eq(ax_value(r.text, "zero_crossing_rate", 0), 0);
    free(r.text);
    free(pcm);
}

Test(analysis, a_stream_without_samples_gives_nulls_with_a_reason)
{
    ax_result_t r = ax_analyse(NULL, 0, 44100, 2, KT_OPTION_ALL, 0, 0);
    for (size_t i = 0; i < sizeof SCALARS / sizeof *SCALARS; i++)
        cr_assert(isnan(ax_value(r.text, SCALARS[i], 0)), "%s", SCALARS[i]);
    cr_assert_not_null(strstr(r.text, "the sound has no samples"));
    free(r.text);
}

Test(analysis, a_file_without_sound_has_the_reason)
{
    ax_result_t r = ax_analyse(NULL, 0, 0, 0, KT_OPTION_ALL, 0, 0);
    cr_assert_not_null(strstr(r.text, "no sound"));
    free(r.text);
}

Test(analysis, what_is_not_finite_counts_as_zero)
{
    float *bad = ax_noise(RATE, 3), *clean = ax_noise(RATE, 3);
    float  odd[] = {NAN, INFINITY, -INFINITY, 1e30f};
    for (size_t i = 0; i < RATE; i += 97) {
        bad[i]   = odd[i % 4];
        clean[i] = 0;
    }
    ax_result_t a = ax_analyse(bad, RATE, RATE, 1, KT_OPTION_ALL, 0, 0);
    ax_result_t b = ax_analyse(clean, RATE, RATE, 1, KT_OPTION_ALL, 0, 0);
    cr_assert_str_eq(a.text, b.text);
    free(a.text);
    free(b.text);
    free(bad);
    free(clean);
}

Test(analysis, samples_far_beyond_full_scale_leave_nulls_not_failures)
{
    float *loud = ax_noise(RATE, 4);
    for (size_t i = 0; i < RATE; i++)
        loud[i] *= 1e11f;
    ax_result_t r = ax_analyse(loud, RATE, RATE, 1, KT_OPTION_ALL, 0, 0);
    cr_assert(isnan(ax_value(r.text, "mel", 0)));
    cr_assert_gt(ax_value(r.text, "spectral_centroid", 0), 1000);
    cr_assert_not_null(strstr(r.text, "far beyond full scale"));
    free(r.text);
    free(loud);
}

Test(analysis, what_is_not_requested_is_not_computed)
{
    float      *pcm = ax_noise(RATE * 2, 5);
    ax_result_t r   = ax_analyse(pcm, RATE * 2, 44100, 1, 0, 0, 0);
    cr_assert(isnan(ax_value(r.text, "rms", 0)));
    cr_assert_not_null(strstr(r.text, "not asked for"));
    cr_assert_eq(r.stages.resample + r.stages.spectral + r.stages.chroma, 0);
    free(r.text);
    free(pcm);
}

Test(analysis, opposite_channels_cancel_out)
{
    float *pcm = ax_noise(RATE * 2, 6);
    for (size_t i = 0; i < RATE; i++)
        pcm[2 * i + 1] = -pcm[2 * i];
    ax_result_t r = ax_analyse(pcm, RATE, 48000, 2, KT_OPTION_ALL, 0, 0);
    cr_assert_eq(ax_statistic(r.text, "rms", "max", 0), 0);
    free(r.text);
    free(pcm);
}

Test(analysis, memory_is_bounded_whatever_the_length)
{
    const kt_frontend_opts_t *opts        = kt_plan_opts(ax_plan);
    uint64_t                  ten_minutes = kt_analysis_bytes(opts, KT_SEGMENT_SECONDS, 600),
             three_hours                  = kt_analysis_bytes(opts, KT_SEGMENT_SECONDS, 10800);
    cr_assert_lt(kt_analysis_bytes(opts, KT_SEGMENT_SECONDS, 180), ten_minutes / 2);
    cr_assert_geq(three_hours, ten_minutes);
    cr_assert_leq(three_hours, ten_minutes * 13 / 10);
    cr_assert_geq(kt_analysis_bytes(opts, KT_SEGMENT_SECONDS, 0), ten_minutes, "an unknown length needs the most");
    uint64_t five_minutes = kt_analysis_bytes(opts, KT_SEGMENT_SECONDS, 300);
    cr_assert_leq(kt_analysis_bytes(opts, KT_SEGMENT_SHORT_SECONDS, 7200), five_minutes * 13 / 10, "a film");
}

static size_t matrices, matrix_frames;

static void
count_matrix(void *context, const char *feature, const float *rows, size_t frames, size_t width)
{
    (void)context;
    cr_assert(feature && rows && width > 0);
    matrices++;
    matrix_frames = frames;
}

Test(analysis, frames_are_shown_once_a_feature)
{
    float             *pcm      = ax_noise(RATE, 7);
    kt_analysis_opts_t opts     = {.plan     = ax_plan,
                                   .device   = ax_device,
                                   .rate_hz  = RATE,
                                   .channels = 1,
                                   .options  = KT_OPTION_ALL,
                                   .frames   = count_matrix};
    kt_job_t           job      = {.message_id = "m", .file_path = "/a", .options = KT_OPTION_ALL};
    kt_analysis_t     *analysis = NULL;
    kt_document_t     *document = NULL;
    cr_assert_eq(kt_analysis_new(&analysis, &opts), KT_OK);
    cr_assert_eq(kt_document_new(&document, &job), KT_OK);
    cr_assert_eq(kt_analysis_push(analysis, pcm, RATE), KT_OK);
    cr_assert_eq(kt_analysis_finish(analysis, document), KT_OK);
    cr_assert_eq(matrices, 13);
    cr_assert_eq(matrix_frames, 1 + RATE / 512);
    kt_analysis_destroy(&analysis);
    kt_analysis_destroy(&analysis);  // idempotent
    kt_document_destroy(&document);
    free(pcm);
}
