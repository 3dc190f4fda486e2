// kt_envelope -- onset strength, about a hundred times per second: the rise of the sound's level in mel
// bands, in six groups of bands and in all of them. After Boeck and Widmer, "Maximum filter vibrato suppression for
// onset detection" (DAFx 2013), with mel bands for their quarter tones; a band is wide enough here that the maximum
// over its neighbours, which would cost quiet notes, is left out.
//
// Level: 10 log10(P + floor), P the power of windows of some 46 ms, floor 65 dB under the loudest second of the segment
// and never under a sine of -100 dBFS. Rise: max(0, level(t) - level(t - 2)), mean over bands, dB. A rise is one frame
// after the onset that causes it.
//
// In decibels a soft note after silence rises as much as a drum. So the rise of the amplitude, sqrt(P) against that of
// a sine of full scale, is kept too: kicks and low notes stand out in the lower range, snares and cymbals in the upper
// one.
//
// Frame t is centred at sample t * hop of the stream and belongs to the segment that has the last sample of its window;
// so it is computed once, and from all of its samples. Those whose windows reach past the stream's end are 0: the cut
// of a sound is no onset.
#pragma once

#include "common/err.h"
#include "kernels/device.h"

#include <stddef.h>
#include <stdint.h>

enum {
    KT_ENVELOPE_GROUPS = KT_RISE_GROUPS,  // from 0, 160, 370, 780, 1600, 3700 Hz up
    KT_ENVELOPE_RANGES = KT_RISE_RANGES,  // of the amplitude: 60 to 270 Hz, above 2400 Hz
    KT_ENVELOPE_WIDTH  = KT_RISE_WIDTH,
    KT_ENVELOPE_UNITS  = KT_RISE_UNITS,  // per dB
};

// The plan of the windows for a rate of samples; they and the frames that a rise looks back to last a tenth of a second
// at most. KT_EINVAL, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_envelope_plan(kt_plan_t **plan, uint32_t rate_hz);
// Number of frames whose windows end within the stream's first `samples` samples.
uint64_t kt_envelope_frames(const kt_plan_t *plan, uint64_t samples);
// [frames][KT_ENVELOPE_WIDTH]: the rise of all bands and of each group in KT_ENVELOPE_UNITS, and of the amplitude in
// each range, as the root of its share of 16 in 65535ths. Of the frames whose windows end within samples first .. first
// + n of the stream; samples[-rate / 10] and up can be read. Ends with kt_device_end. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_envelope_begin_rises(kt_device_t *device, const kt_plan_t *plan, const float *samples,
                                             uint64_t first, size_t n, uint16_t *out, kt_device_job_t **job_p);

typedef struct kt_envelope {
    double rate_hz;  // frames per second
    size_t frames;   // frame t is centred at t / rate_hz
    float *rise;     // of all bands, dB
    float *full;     // the same, smoothed over three frames, as the groups are
    float *group[KT_ENVELOPE_GROUPS];
    float *loud[KT_ENVELOPE_RANGES];  // rise of the amplitude, a sine of full scale has 1; smoothed too
    void  *memory;
} kt_envelope_t;

// Frames begin .. end of `rises`, which has `frames` of them; 0 past its end. begin < end. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_envelope_new(kt_envelope_t *self, const uint16_t *rises, size_t frames, double rate_hz,
                                     size_t begin, size_t end);
void                 kt_envelope_fini(kt_envelope_t *self);
