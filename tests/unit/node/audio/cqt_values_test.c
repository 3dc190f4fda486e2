// chroma_cqt and tonnetz as the segment and the document give them.
#include "kernels/audio/cqt.h"
#include "kernels/isa.h"
#include "node/audio/segment.h"
#include "tests/unit/node/audio/track_fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RATE = 9000, HOP = 512, N_FFT = 2048 };  // the lowest rates are the quickest for more than ten minutes

static const double PI = 3.14159265358979323846;

// Tones at the given steps above C4, a sixth of a semitone sharp, each swelling and fading at a pace of its own.
static float *
chord(const double *steps, size_t count, uint32_t rate_hz, size_t n)
{
    float *out = calloc(n, sizeof *out);
    for (size_t k = 0; k < count; k++) {
        const double turn = 2 * PI * 261.6255653 * exp2((steps[k] + 1.0 / 6) / 12) / rate_hz;
        for (size_t i = 0; i < n; i++)
            out[i] += (float)(0.2 * (0.6 + 0.4 * sin((double)i / rate_hz * (0.3 + (double)k))) * sin(turn * (double)i));
    }
    return out;
}

Test(cqt_features, a_chord_has_its_classes, .init = ax_open, .fini = ax_close)
{
    enum { N = 8 * 22050 };
    const double steps[] = {0, 4, 7};
    float       *pcm     = chord(steps, 3, 22050, N);
    ax_result_t  r       = ax_analyse(pcm, N, 22050, 1, KT_OPTION_SPECTRAL, 0, 0);
    for (size_t c = 0; c < 12; c++) {
        const double mean = ax_value(r.text, "chroma_cqt", c);
        if (c == 0 || c == 4 || c == 7)
            cr_assert_gt(mean, 0.5, "class %zu: %g", c, mean);
        else
            cr_assert_lt(mean, 0.4, "class %zu: %g", c, mean);
    }
    for (size_t d = 0; d < 6; d++) {
        cr_assert(fabs(ax_value(r.text, "tonnetz", d)) <= 1);
        cr_assert_leq(ax_statistic(r.text, "tonnetz", "min", d), ax_statistic(r.text, "tonnetz", "max", d));
    }
    free(r.text);
    free(pcm);
}

Test(cqt_features, chunks_change_nothing, .init = ax_open, .fini = ax_close)
{
    enum { N = 100000 };
    float      *pcm   = ax_noise(N, 3);
    ax_result_t whole = ax_analyse(pcm, N, 22050, 1, KT_OPTION_SPECTRAL, 0, 0);
    for (unsigned seed = 1; seed < 5; seed++) {
        ax_result_t cut = ax_analyse(pcm, N, 22050, 1, KT_OPTION_SPECTRAL, 9000, seed);
        cr_assert_str_eq(whole.text, cut.text);
        free(cut.text);
    }
    free(whole.text);
    free(pcm);
}

Test(cqt_features, silence_has_neither_classes_nor_a_centroid, .init = ax_open, .fini = ax_close)
{
    float      *pcm = calloc(30000, sizeof *pcm);
    ax_result_t r   = ax_analyse(pcm, 30000, 22050, 1, KT_OPTION_SPECTRAL, 0, 0);
    for (size_t c = 0; c < 12; c++)
        cr_assert_eq(ax_value(r.text, "chroma_cqt", c), 0);
    for (size_t d = 0; d < 6; d++)
        cr_assert_eq(ax_value(r.text, "tonnetz", d), 0);
    free(r.text);
    free(pcm);
}

Test(cqt_features, one_sample_is_enough, .init = ax_open, .fini = ax_close)
{
    const float one = 1;
    ax_result_t r   = ax_analyse(&one, 1, 22050, 1, KT_OPTION_SPECTRAL, 0, 0);
    for (size_t c = 0; c < 12; c++)
        cr_assert(ax_value(r.text, "chroma_cqt", c) >= 0);
    free(r.text);
}

Test(cqt_features, a_rate_too_low_is_null_with_its_reason, .init = ax_open_8k, .fini = ax_close)
{
    float      *pcm = ax_noise(20000, 5);
    ax_result_t r   = ax_analyse(pcm, 20000, 8000, 1, KT_OPTION_SPECTRAL, 0, 0);
    cr_assert(isnan(ax_value(r.text, "chroma_cqt", 0)));
    cr_assert(isnan(ax_value(r.text, "tonnetz", 0)));
    cr_assert_not_null(strstr(r.text, "8,412 Hz"));
    free(r.text);
    free(pcm);
}

// A file of 8,000 Hz is brought to the analysis rate first.
Test(cqt_features, an_8_khz_source_has_chroma, .init = ax_open, .fini = ax_close)
{
    enum { N = 24000 };
    const double steps[] = {9};
    float       *pcm     = chord(steps, 1, 8000, N);
    ax_result_t  r       = ax_analyse(pcm, N, 8000, 1, KT_OPTION_SPECTRAL, 0, 0);
    cr_assert_gt(ax_value(r.text, "chroma_cqt", 9), 0.95);
    free(r.text);
    free(pcm);
}

// --- segments
// -----------------------------------------------------------------------------------------------------------

typedef struct long_stream {
    kt_plan_t    *plan;
    kt_device_t  *device;
    kt_segment_t *segment;
    float        *pcm, *rows;
    size_t        samples, frames;
} long_stream_t;

static void
keep_segment(long_stream_t *self)
{
    cr_assert_eq(kt_segment_close(self->segment), KT_OK);
    const size_t n = kt_segment_frames(self->segment);
    memcpy(self->rows + self->frames * 12, kt_segment_matrix(self->segment, KT_MATRIX_CHROMA_CQT),
           n * 12 * sizeof(float));
    self->frames += n;
}

static void
run_segments(long_stream_t *self)
{
    static const float zeros[N_FFT / 2];
    const float       *from[] = {self->pcm, zeros};
    const size_t       many[] = {self->samples, N_FFT / 2};
    cr_assert_eq(
        kt_segment_new(&self->segment, self->plan, self->device, KT_SEGMENT_SECONDS, KT_READS(KT_MATRIX_TONNETZ)),
        KT_OK);
    cr_assert_eq(kt_segment_width(self->segment, KT_MATRIX_TONNETZ), KT_TONNETZ);
    for (size_t part = 0; part < 2; part++) {
        if (part == 1)
            kt_segment_end(self->segment);
        for (size_t at = 0, taken; at < many[part]; at += taken) {
            cr_assert_eq(kt_segment_feed(self->segment, from[part] + at, many[part] - at, &taken), KT_OK);
            if (at + taken < many[part]) {
                keep_segment(self);
                kt_segment_next(self->segment);
            }
        }
    }
    keep_segment(self);
    kt_segment_destroy(&self->segment);
}

// The tuning is the same in both segments, so only frames within a window of the border depend on it.
Test(cqt_features, a_border_is_seen_only_within_a_window_of_it)
{
    const kt_frontend_opts_t opts    = {RATE, N_FFT, HOP, 1, 1, 12};
    const double             steps[] = {-12, 3, 7, 22};
    const size_t             border = kt_segment_max_frames(&opts, KT_SEGMENT_SECONDS), near_by = 4 * RATE / HOP;
    long_stream_t            self = {.samples = (border + 300) * HOP};
    self.pcm                      = chord(steps, 4, RATE, self.samples);
    self.rows                     = calloc((border + 400) * 12, sizeof(float));
    float    *whole               = calloc((border + 400) * 12, sizeof(float));
    kt_cqt_t *cqt                 = NULL;
    cr_assert_eq(kt_plan_new(&self.plan, &opts), KT_OK);
    cr_assert_eq(kt_device_cpu(&self.device, NULL), KT_OK);
    run_segments(&self);
    cr_assert_eq(self.frames, 1 + self.samples / HOP);
    cr_assert_eq(kt_cqt_new(&cqt, kt_device_isa(self.device)->rows, RATE, HOP), KT_OK);
    cr_assert_eq(kt_cqt_chroma(cqt, -0.5, self.pcm, self.samples, self.frames, whole), KT_OK);
    float best = 1;
    for (int bin = 0; bin < 100; bin++) {  // which of the hundred tunings it was
        cr_assert_eq(kt_cqt_chroma(cqt, bin * 0.01 - 0.5, self.pcm, 20 * RATE, 100, whole), KT_OK);
        float worst = 0;
        for (size_t i = 40 * 12; i < 60 * 12; i++)
            worst = fmaxf(worst, fabsf(whole[i] - self.rows[i]));
        if (worst >= best)
            continue;
        best = worst;
        cr_assert_eq(kt_cqt_chroma(cqt, bin * 0.01 - 0.5, self.pcm, self.samples, self.frames, whole), KT_OK);
        if (worst < 1e-6F)
            break;
    }
    cr_assert_lt(best, 1e-6F);
    for (size_t t = 0; t < self.frames; t++)
        for (size_t c = 0; c < 12; c++)
            if (t + near_by < border || t > border + near_by)
                cr_assert_float_eq(self.rows[t * 12 + c], whole[t * 12 + c], 2e-5, "frame %zu of %zu", t, self.frames);
    free(self.pcm);
    free(self.rows);
    free(whole);
    kt_cqt_destroy(&cqt);
    kt_device_destroy(&self.device);
    kt_plan_destroy(&self.plan);
}
