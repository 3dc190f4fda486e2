// A few spans of sound with room for all of their rows, and threads that put them through a device.
#pragma once

#include "kernels/audio/cqt.h"
#include "kernels/audio/plan.h"
#include "kernels/gpu/gpus.h"

#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const kt_frontend_opts_t gpu_defaults = {22050, 2048, 512, 128, 13, 12};

typedef struct sound {
    kt_plan_t          *plan;
    kt_device_t        *device;
    float              *pcm, *row[KT_ROWS], *chroma;
    kt_span_t           span;
    double              tuning;
    kt_spectral_peaks_t peaks, cqt_peaks;
    pthread_t           thread;
} sound_t;

// A chord and some noise, another one for each seed.
static inline sound_t
sound_new(const kt_frontend_opts_t *opts, size_t frames, uint32_t seed)
{
    sound_t  self   = {.tuning = 0.01 * (double)(seed % 50)};
    size_t   length = (frames - 1) * opts->hop + opts->n_fft;
    uint32_t state  = seed * 2654435761u + 1;
    cr_assert_eq(kt_plan_new(&self.plan, opts), KT_OK);
    self.pcm    = calloc(length, sizeof(float));
    self.chroma = calloc(frames * opts->n_chroma, sizeof(float));
    self.span   = (kt_span_t){self.pcm, frames, opts->n_fft / 2, length};
    for (size_t i = opts->n_fft / 2; i < length; i++) {
        state       = state * 1664525u + 1013904223u;
        self.pcm[i] = 0.3f * sinf((float)i * 0.1254f) + 0.2f * sinf((float)i * (0.05f + 0.01f * (float)(seed % 7))) +
                      (float)(state >> 8) / 16777216.0f * 0.02f;
    }
    for (int r = 0; r < KT_ROWS; r++)
        self.row[r] = calloc(frames * kt_row_width(self.plan, (kt_row_t)r) + 1, sizeof(float));
    return self;
}

static inline void
sound_free(sound_t *self)
{
    for (int r = 0; r < KT_ROWS; r++)
        free(self->row[r]);
    free(self->pcm);
    free(self->chroma);
    kt_spectral_peaks_fini(&self->peaks);
    kt_spectral_peaks_fini(&self->cqt_peaks);
    kt_device_destroy(&self->device);
    kt_plan_destroy(&self->plan);
}

// Both passes. The device is made here, unless it is there.
static inline void
sound_run(sound_t *self, kt_gpus_t *gpus)
{
    kt_rows_t out = {.peaks = &self->peaks, .cqt_peaks = &self->cqt_peaks};
    for (int r = 0; r < KT_ROWS; r++)
        out.row[r] = kt_row_width(self->plan, (kt_row_t)r) ? self->row[r] : NULL;
    if (!self->device)
        cr_assert_eq(gpus ? kt_device_gpu(&self->device, gpus, NULL) : kt_device_cpu(&self->device, NULL), KT_OK);
    self->peaks.count = self->cqt_peaks.count = 0;
    cr_assert_eq(kt_device_frontend(self->device, self->plan, &self->span, 1, &out), KT_OK);
    cr_assert_eq(kt_device_chroma(self->device, self->plan, self->tuning, &self->span, 1, &self->chroma), KT_OK);
}

static inline void *
sound_thread(void *argument)
{
    sound_run(argument, NULL);
    return NULL;
}

// On a thread of its own; sound_join ends it.
static inline void
sound_start(sound_t *self, kt_gpus_t *gpus)
{
    if (!self->device)
        cr_assert_eq(kt_device_gpu(&self->device, gpus, NULL), KT_OK);
    cr_assert_eq(pthread_create(&self->thread, NULL, sound_thread, self), 0);
}

static inline void
sound_join(sound_t *self)
{
    cr_assert_eq(pthread_join(self->thread, NULL), 0);
}

static inline void
sound_same_row(const float *a, const float *b, size_t n, float limit, const char *what)
{
    float largest = 1e-20f;
    for (size_t i = 0; i < n; i++)
        largest = fmaxf(largest, fabsf(a[i]));
    for (size_t i = 0; i < n; i++)
        cr_assert(fabsf(a[i] - b[i]) <= limit * largest, "%s [%zu]: %g and %g", what, i, (double)a[i], (double)b[i]);
}

// Everything of two sounds that were put through: within limit, 0: to the last bit. The rolloff may move by a bin.
static inline void
sound_same(const sound_t *a, const sound_t *b, float limit)
{
    static const char *const NAMES[KT_ROWS] = {"centroid", "bandwidth", "rolloff", "flatness", "zcr",
                                               "rms",      "peak",      "valley",  "mel"};
    for (int r = 0; r < KT_ROWS; r++)
        sound_same_row(a->row[r], b->row[r], a->span.frames * kt_row_width(a->plan, (kt_row_t)r),
                       r == KT_ROW_ROLLOFF && limit > 0 ? 2e-3f : limit, NAMES[r]);
    sound_same_row(a->chroma, b->chroma, a->span.frames * kt_plan_opts(a->plan)->n_chroma, limit, "chroma");
    cr_assert_eq(a->peaks.count, b->peaks.count);
    cr_assert_eq(a->cqt_peaks.count, b->cqt_peaks.count);
    sound_same_row(a->peaks.magnitude, b->peaks.magnitude, a->peaks.count, limit, "peaks");
    sound_same_row(a->cqt_peaks.magnitude, b->cqt_peaks.magnitude, a->cqt_peaks.count, limit, "cqt_peaks");
}

// What the processor makes of the same sound.
static inline void
sound_check(const sound_t *self, const kt_frontend_opts_t *opts, uint32_t seed, float limit)
{
    sound_t cpu = sound_new(opts, self->span.frames, seed);
    sound_run(&cpu, NULL);
    sound_same(&cpu, self, limit);
    sound_free(&cpu);
}

// Constant-Q chroma of a sound of its own, for free(); gpus NULL: the processor's.
static inline float *
sound_cqt(const kt_frontend_opts_t *opts, size_t frames, kt_gpus_t *gpus, kt_device_info_t *info)
{
    sound_t          sound  = sound_new(opts, frames, 3);
    kt_device_job_t *job    = NULL;
    float           *chroma = calloc(frames * KT_CQT_CLASSES, sizeof *chroma);
    const size_t     n      = frames * opts->hop - opts->hop / 3;
    cr_assert(chroma);
    cr_assert_eq(gpus ? kt_device_gpu(&sound.device, gpus, NULL) : kt_device_cpu(&sound.device, NULL), KT_OK);
    cr_assert_eq(kt_device_begin_chroma_cqt(sound.device, sound.plan, sound.tuning, sound.pcm, n, frames, chroma, &job),
                 KT_OK);
    cr_assert_eq(kt_device_end(sound.device, &job), KT_OK);
    kt_device_info(sound.device, info);
    sound_free(&sound);
    return chroma;
}
