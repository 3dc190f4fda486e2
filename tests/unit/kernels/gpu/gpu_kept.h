// Requests of one segment, whose samples stay on the device or not.
#pragma once

#include "tests/unit/kernels/gpu/gpu_pitch.h"
#include "tests/unit/kernels/gpu/gpu_rises.h"

// What a segment's requests make of its samples: the first pass, chroma, constant-Q, finer mel rows from some sample on
// and rises of such, the bass, peaks in cents.
enum { KEPT_FRAMES = 40, BASS_ROWS = 20, FINE_FRAMES = 50, FINE_FROM = 333 };
typedef struct kept {
    sound_t             sound;
    float               cqt[KEPT_FRAMES * KT_CQT_CLASSES], fine[FINE_FRAMES * 80];
    uint16_t            rises[2][FINE_FRAMES * KT_RISE_WIDTH];  // from some frame on; from the stream's start
    kt_column_moments_t moments[1 + 128 + 12];                  // of rms, mel rows, chroma
    float               quantile[(1 + 128 + 12) * 3];
    uint16_t            bass[BASS_ROWS * KT_BASS_WIDTH];
    kt_cents_t          cents;
} kept_t;

static inline void
end_job(kt_device_t *device, kt_device_job_t **job)
{
    cr_assert_eq(kt_device_end(device, job), KT_OK);
}

static inline void
kept_run(kept_t *self, kt_gpus_t *gpus, bool keep)
{
    const kt_frontend_opts_t finer = {22050, 1024, 220, 80, 1, 12};
    sound_t                 *sound = &self->sound;
    kt_plan_t               *plan  = NULL;
    kt_device_job_t         *job = NULL, *cqt = NULL;
    *sound         = sound_new(&gpu_defaults, KEPT_FRAMES, 3);
    kt_rows_t rows = {.peaks = &sound->peaks, .cqt_peaks = &sound->cqt_peaks};
    kt_rows_t fine = {.row[KT_ROW_MEL] = self->fine};
    kt_span_t at   = {sound->pcm + FINE_FROM, FINE_FRAMES, 0, (FINE_FRAMES - 1) * 220 + 1024};
    for (int r = 0; r < KT_ROWS; r++)
        rows.row[r] = sound->row[r];
    cr_assert_eq(kt_plan_new(&plan, &finer), KT_OK);
    cr_assert_eq(gpus ? kt_device_gpu(&sound->device, gpus, NULL) : kt_device_cpu(&sound->device, NULL), KT_OK);
    kt_device_t *device = sound->device;
    if (keep)
        kt_device_keep_samples(device);
    cr_assert_eq(kt_device_begin_frontend(device, sound->plan, &sound->span, &rows, &job), KT_OK);
    end_job(device, &job);
    cr_assert_eq(kt_device_begin_chroma(device, sound->plan, 0.1, &sound->span, sound->chroma, &job), KT_OK);
    cr_assert_eq(kt_device_begin_chroma_cqt(device, sound->plan, 0.2, sound->pcm + 1024, (KEPT_FRAMES - 1) * 512 + 100,
                                            KEPT_FRAMES, self->cqt, &cqt),
                 KT_OK);
    end_job(device, &job);
    end_job(device, &cqt);
    cr_assert_eq(kt_device_begin_frontend(device, plan, &at, &fine, &job), KT_OK);
    end_job(device, &job);
    for (int begins = 0; begins < 2; begins++) {
        const kt_rise_span_t span = {sound->pcm + (begins ? 0 : 1000), FINE_FRAMES, {0.02f, 1598.4f, begins}};
        cr_assert_eq(kt_device_begin_rises(device, plan, &span, self->rises[begins], &job), KT_OK);
        end_job(device, &job);
    }
    const kt_columns_matrix_t matrices[] = {
        {sound->row[KT_ROW_RMS], 1}, {sound->row[KT_ROW_MEL], 128}, {sound->chroma, 12}};
    const kt_column_set_t columns = {matrices, 3, KEPT_FRAMES, 3};
    cr_assert_eq(kt_device_columns(device, &columns, self->moments, self->quantile), KT_OK);
    const size_t         n       = (KEPT_FRAMES - 1) * 512 + 100;
    const kt_bass_span_t span    = {sound->pcm + 1024, n, 256, BASS_ROWS};
    kt_bass_t           *bass    = NULL;
    kt_cents_counter_t  *counter = NULL;
    cr_assert_eq(kt_bass_new(&bass, kt_device_isa(device)->rows, PITCH_RATE, BASS_ROW), KT_OK);
    cr_assert_eq(kt_cents_counter_new(&counter, kt_device_isa(device)->rows, PITCH_RATE), KT_OK);
    cr_assert_eq(kt_device_begin_bass(device, bass, &span, self->bass, &job), KT_OK);
    end_job(device, &job);
    cr_assert_eq(kt_device_begin_cents(device, counter, sound->pcm + 1024, n, &self->cents, &job), KT_OK);
    end_job(device, &job);
    kt_bass_destroy(&bass);
    kt_cents_counter_destroy(&counter);
    kt_device_forget_samples(device);
    kt_plan_destroy(&plan);
}

static inline void
kept_same(const kept_t *a, const kept_t *b, float limit)
{
    sound_same(&a->sound, &b->sound, limit);
    sound_same_row(a->cqt, b->cqt, KEPT_FRAMES * KT_CQT_CLASSES, limit, "chroma_cqt");
    sound_same_row(a->fine, b->fine, FINE_FRAMES * 80, limit, "mel");
    for (int begins = 0; begins < 2; begins++)
        rises_same(a->rises[begins], b->rises[begins], FINE_FRAMES, limit > 0);
    for (size_t i = 0; i < sizeof a->moments / sizeof *a->moments; i++) {
        const double got[]  = {a->moments[i].mean, a->moments[i].m2, a->moments[i].min, a->moments[i].max},
                     want[] = {b->moments[i].mean, b->moments[i].m2, b->moments[i].min, b->moments[i].max};
        for (size_t m = 0; m < 4; m++)
            cr_assert(fabs(got[m] - want[m]) <= 3 * (double)limit * fabs(want[m]) + (limit > 0 ? 1e-9 : 0),
                      "column %zu, %zu: %g, %g", i, m, got[m], want[m]);
    }
    sound_same_row(a->quantile, b->quantile, sizeof a->quantile / sizeof *a->quantile, limit, "quantiles");
    bass_same(a->bass, b->bass, BASS_ROWS, limit > 0 ? 4 : 0);
    cents_same(&a->cents, &b->cents, limit > 0 ? 1e-3 : 0);
}
