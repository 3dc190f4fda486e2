// Rises of a sound's mel rows that a device computes.
#pragma once

#include "tests/unit/kernels/gpu/gpu_fixture.h"

// Rises of a sound of its own, for free(), from its third frame or from the stream's start on; gpus NULL: the
// processor's.
static inline uint16_t *
sound_rises(size_t frames, bool begins, kt_gpus_t *gpus, kt_device_info_t *info)
{
    const kt_frontend_opts_t opts   = {22050, 1024, 220, 80, 1, 12};
    sound_t                  sound  = sound_new(&opts, frames + KT_RISE_LAG, 3);
    const size_t             before = begins ? 0 : KT_RISE_LAG * 220;
    const kt_rise_span_t     span   = {sound.pcm + before, frames, {0.02f, 1598.4f, begins}};
    kt_device_job_t         *job    = NULL;
    uint16_t                *out    = calloc(frames * KT_RISE_WIDTH, sizeof *out);
    cr_assert(out);
    cr_assert_eq(gpus ? kt_device_gpu(&sound.device, gpus, NULL) : kt_device_cpu(&sound.device, NULL), KT_OK);
    cr_assert_eq(kt_device_begin_rises(sound.device, sound.plan, &span, out, &job), KT_OK);
    cr_assert_eq(kt_device_end(sound.device, &job), KT_OK);
    kt_device_info(sound.device, info);
    sound_free(&sound);
    return out;
}

// Within so many units: of 1/256 dB, of 65535ths.
static inline void
rises_same(const uint16_t *a, const uint16_t *b, size_t frames, int units)
{
    for (size_t i = 0; i < frames * KT_RISE_WIDTH; i++)
        cr_assert(abs((int)a[i] - (int)b[i]) <= units, "rise %zu.%zu: %u and %u", i / KT_RISE_WIDTH, i % KT_RISE_WIDTH,
                  a[i], b[i]);
}
