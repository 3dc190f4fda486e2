// kt_rhythm_rows -- what a stream leaves for its rhythm until it is judged (epochs.h): the rises of the envelope, the
// harmony and the bass some twenty times per second, in 16 bits (10 MB per hour). A segment adds its own; the rows of
// two adjoining ranges are put one after the other, and are to the last bit those of one analysis of both. One thread.
#pragma once

#include "kernels/audio/bass.h"
#include "node/audio/rhythm/activations.h"
#include "node/audio/rhythm/envelope.h"
#include "node/audio/segment.h"

typedef struct kt_rhythm_rows {
    double               rate_hz;          // of the envelope; frame t is centred at (first + t) / rate_hz of the stream
    double               harmony_rate_hz;  // row t begins at t / harmony_rate_hz from frame 0
    uint64_t             first;            // frames that were dropped
    size_t               frames, harmony_frames, harmony_width;
    uint16_t            *rises;    // [frames][KT_ENVELOPE_WIDTH]
    uint16_t            *harmony;  // [harmony_frames][harmony_width] chroma, each row of length 65535 or 0
    uint16_t            *bass;     // [harmony_frames][KT_BASS_WIDTH], at the same times; the same lengths
    size_t               capacity, harmony_capacity, bass_capacity;
    size_t               begun;                 // frames of the segment that is being added
    kt_device_job_t     *rises_job, *bass_job;  // of it; NULL: none, or it is over
    kt_activation_rows_t activations;  // of a model of beats, from the stream's start; set where rows are judged
} kt_rhythm_rows_t;

// Samples from one row of the harmony to the next, of a stream whose frames have these options.
uint32_t kt_rhythm_harmony_hop(const kt_frontend_opts_t *opts);
// A segment in two steps. begin: its samples and the number of its frames are there; plan: kt_envelope_plan's; bass: of
// kt_rhythm_harmony_hop, in use until the end. The windows of the bass see nothing beyond the segment's borders. add:
// it is closed. cancel: of one that was begun, before fini; else it does nothing. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_rhythm_rows_begin(kt_rhythm_rows_t *self, kt_device_t *device, const kt_plan_t *plan,
                                          kt_bass_t *bass, const kt_segment_t *segment);
KT_MUST_USE kt_err_t kt_rhythm_rows_add(kt_rhythm_rows_t *self, kt_device_t *device, const kt_segment_t *segment);
void                 kt_rhythm_rows_cancel(kt_rhythm_rows_t *self, kt_device_t *device);
KT_MUST_USE kt_err_t kt_rhythm_rows_append(kt_rhythm_rows_t *self, const kt_rhythm_rows_t *next);  // KT_ENOMEM
// Drops the first `frames` frames, which were judged, and the harmony of their time.
void kt_rhythm_rows_drop(kt_rhythm_rows_t *self, size_t frames);
void kt_rhythm_rows_fini(kt_rhythm_rows_t *self);
