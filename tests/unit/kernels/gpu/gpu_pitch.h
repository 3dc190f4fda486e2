// The bass of a sound and its peaks in cents, which a device computes.
#pragma once

#include "kernels/isa.h"
#include "tests/unit/kernels/gpu/gpu_fixture.h"

enum { BASS_ROW = 1024, PITCH_RATE = 22050 };

// Rows of the bass of a sound of its own, for free(): from before its first sample to behind its last one. gpus NULL:
// the processor's.
static inline uint16_t *
sound_bass(size_t rows, kt_gpus_t *gpus, kt_device_info_t *info)
{
    const kt_frontend_opts_t opts  = {PITCH_RATE, 2048, BASS_ROW, 128, 13, 12};
    sound_t                  sound = sound_new(&opts, rows, 3);
    const kt_bass_span_t     span  = {sound.pcm, (rows - 1) * BASS_ROW, BASS_ROW / 2, rows};
    kt_bass_t               *bass  = NULL;
    kt_device_job_t         *job   = NULL;
    uint16_t                *out   = calloc(rows * KT_BASS_WIDTH, sizeof *out);
    cr_assert(out);
    cr_assert_eq(gpus ? kt_device_gpu(&sound.device, gpus, NULL) : kt_device_cpu(&sound.device, NULL), KT_OK);
    cr_assert_eq(kt_bass_new(&bass, kt_device_isa(sound.device)->rows, PITCH_RATE, BASS_ROW), KT_OK);
    cr_assert_eq(kt_device_begin_bass(sound.device, bass, &span, out, &job), KT_OK);
    cr_assert_eq(kt_device_end(sound.device, &job), KT_OK);
    kt_device_info(sound.device, info);
    kt_bass_destroy(&bass);
    sound_free(&sound);
    return out;
}

static inline void
bass_same(const uint16_t *a, const uint16_t *b, size_t rows, int units)
{
    for (size_t i = 0; i < rows * KT_BASS_WIDTH; i++)
        cr_assert(abs((int)a[i] - (int)b[i]) <= units, "bass %zu.%zu: %u and %u", i / KT_BASS_WIDTH, i % KT_BASS_WIDTH,
                  a[i], b[i]);
}

// Peaks of n samples of a sound of its own.
static inline void
sound_cents(size_t n, kt_gpus_t *gpus, kt_device_info_t *info, kt_cents_t *out)
{
    const kt_frontend_opts_t opts    = {PITCH_RATE, 2048, BASS_ROW, 128, 13, 12};
    sound_t                  sound   = sound_new(&opts, n / BASS_ROW + 1, 3);
    kt_cents_counter_t      *counter = NULL;
    kt_device_job_t         *job     = NULL;
    memset(out, 0xff, sizeof *out);
    cr_assert_eq(gpus ? kt_device_gpu(&sound.device, gpus, NULL) : kt_device_cpu(&sound.device, NULL), KT_OK);
    cr_assert_eq(kt_cents_counter_new(&counter, kt_device_isa(sound.device)->rows, PITCH_RATE), KT_OK);
    cr_assert_eq(kt_device_begin_cents(sound.device, counter, sound.pcm, n, out, &job), KT_OK);
    cr_assert_eq(kt_device_end(sound.device, &job), KT_OK);
    kt_device_info(sound.device, info);
    kt_cents_counter_destroy(&counter);
    sound_free(&sound);
}

// As many peaks, and of all that they count so much in the same cents.
static inline void
cents_same(const kt_cents_t *a, const kt_cents_t *b, double limit)
{
    double sum = 0, apart = 0;
    for (size_t i = 0; i < KT_CENTS; i++) {
        sum += a->all[i] + a->own[i];
        apart += fabs(a->all[i] - b->all[i]) + fabs(a->own[i] - b->own[i]);
    }
    for (size_t i = 0; i < KT_CENTS_SEMITONE; i++) {
        sum += a->deviation[i];
        apart += fabs(a->deviation[i] - b->deviation[i]);
    }
    cr_assert_eq(a->peaks, b->peaks);
    cr_assert_gt(sum, 0);
    cr_assert(apart <= limit * sum, "%g of %g", apart, sum);
}
