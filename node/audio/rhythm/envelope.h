// kt_envelope -- onset strength, about a hundred times per second: the rise of the sound's level in mel
// bands, in six groups of bands and in all of them. After Boeck and Widmer, "Maximum filter vibrato suppression for
// onset detection" (DAFx 2013), with mel bands for their quarter tones; a band is wide enough here that the maximum
// over its neighbours, which would cost quiet notes, is left out.
//
// Level: 10 log10(P + floor), P the power of windows of some 46 ms, floor 65 dB under the loudest second of the segment
// and never under a sine of -100 dBFS. Rise: max(0, level(t) - level(t - 2)), mean over bands, dB.
#pragma once

#include "common/err.h"
#include "kernels/device.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_ENVELOPE_GROUPS = 6 };  // from 0, 160, 370, 780, 1600, 3700 Hz up

typedef struct kt_envelope {
    double rate_hz;  // frames per second
    size_t frames;   // frame t is centred at t / rate_hz of the segment
    float *rise;     // of all bands
    float *full;     // the same, smoothed over three frames, as the groups are
    float *group[KT_ENVELOPE_GROUPS];
    void  *memory;
} kt_envelope_t;

// The plan of the windows for a rate of samples. KT_EINVAL, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_envelope_plan(kt_plan_t **plan, uint32_t rate_hz);

// begins: the samples are the stream's first; else the first frames, whose windows lack samples before them, are 0. The
// last ones, whose windows lack samples after them, are always 0: the cut of a sound is no onset. A rise is one frame
// after the onset that causes it. n > 0. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_envelope_new(kt_envelope_t *self, kt_device_t *device, const kt_plan_t *plan,
                                     const float *samples, size_t n, bool begins);
void                 kt_envelope_fini(kt_envelope_t *self);
