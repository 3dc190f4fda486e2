// kt_bass -- what the bass plays: amplitudes of its pitch classes, under all else that sounds. A chroma of all voices
// shows the chords; the bass moves where bars begin, and says so where melody and chords do not.
//
// Samples pass a Hann window of four steps, which leaves -43 dB of what would be mirrored into the bass, to about 1400
// values per second; of 512 of them (0.37 s) under a Hann window, the bins from 34 to 264 Hz (C#1 to C4) are summed per
// pitch class, as square roots of amplitudes, so that the overtones of a loud note do not hide a soft one. One thread.
#pragma once

#include "common/err.h"
#include "kernels/audio/ops.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_BASS_WIDTH = 12, KT_BASS_STEPS = 4 };
enum { KT_BASS_ALL, KT_BASS_COSINE, KT_BASS_SINE, KT_BASS_SUMS };  // weighted sums of the samples of a step

// The least total power of a row that is not silent.
#define KT_BASS_LEAST_POWER 1e-10

// Sizes, which follow from the rate and the hop. A window of samples is (points + KT_BASS_STEPS - 1) * step long.
typedef struct kt_bass_shape {
    uint32_t rate_hz, row, step;  // of the samples; samples per row, per low value
    uint32_t low_hz, hop;         // low values per second, per row (rounded up where it is not is_whole)
    uint32_t points;              // low values per window
    uint32_t first, past;         // bins
    bool     is_whole;            // a row is whole low values
} kt_bass_shape_t;

// Rows of a segment: row i is of the window around sample first + i * hop of samples[0 .. n), with zeros on both sides.
// Finite samples.
typedef struct kt_bass_span {
    const float *samples;
    size_t       n, first, rows;
} kt_bass_span_t;

typedef struct kt_bass kt_bass_t;

// hop: samples from row to row. KT_EINVAL: the rate is too low for the highest note.
KT_MUST_USE kt_err_t kt_bass_shape_of(uint32_t rate_hz, uint32_t hop, kt_bass_shape_t *out);
// tap: [KT_BASS_SUMS][stride], stride at least a step, zeros beyond it; pitch_class: [past], from A.
void kt_bass_tables(const kt_bass_shape_t *shape, size_t stride, float *tap, uint8_t *pitch_class);

// ops: borrowed. KT_EINVAL as kt_bass_shape_of; KT_ENOMEM.
KT_MUST_USE kt_err_t   kt_bass_new(kt_bass_t **self_p, const kt_cpu_ops_t *ops, uint32_t rate_hz, uint32_t hop);
void                   kt_bass_destroy(kt_bass_t **self_p);
const kt_bass_shape_t *kt_bass_shape(const kt_bass_t *self);
// out: [rows][KT_BASS_WIDTH], each row of length 65535, or 0 in silence.
void kt_bass_rows(kt_bass_t *self, const kt_bass_span_t *span, uint16_t *out);
