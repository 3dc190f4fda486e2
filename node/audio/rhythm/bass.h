// kt_bass -- what the bass plays: amplitudes of its pitch classes, under all else that sounds. A chroma of all voices
// shows the chords; the bass moves where bars begin, and says so where melody and chords do not.
//
// Samples pass a Hann window of four steps, which leaves -43 dB of what would be mirrored into the bass, to about 1400
// values per second; of 512 of them (0.37 s) under a Hann window, the bins from 34 to 264 Hz (C#1 to C4) are summed per
// pitch class, as square roots of amplitudes, so that the overtones of a loud note do not hide a soft one. Computed on
// the processor whatever the device. One thread.
#pragma once

#include "common/err.h"
#include "kernels/audio/ops.h"

#include <stddef.h>
#include <stdint.h>

enum { KT_BASS_WIDTH = 12 };

typedef struct kt_bass kt_bass_t;

// ops: borrowed. hop: samples from row to row. KT_EINVAL: the rate is too low for the highest note. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_bass_new(kt_bass_t **self_p, const kt_cpu_ops_t *ops, uint32_t rate_hz, uint32_t hop);
void                 kt_bass_destroy(kt_bass_t **self_p);
// out: [rows][KT_BASS_WIDTH], each row of length 65535, or 0 in silence. Row i is of the window around sample first + i
// * hop of samples[0 .. n), with zeros on both sides. Finite samples.
void kt_bass_rows(kt_bass_t *self, const float *samples, size_t n, size_t first, size_t rows, uint16_t *out);
