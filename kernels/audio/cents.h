// kt_cents -- how much of each pitch a segment has: the spectral peaks of its long frames, counted in cents of the
// octave (Gomez 2006, "Tonal description of music audio signals"). A fact of the segment; what it says of the pitch
// classes is known when its tuning is (node/audio/key/pitch_classes.h).
//
// Frames are about 0.37 s long and overlap by half: two semitones are distinguished from 60 Hz on. Every local maximum
// of a frame's power spectrum between 25 and 2000 Hz within 40 dB of its largest (above, there is little but overtones
// and percussion) is a peak; its frequency and power p are those of a parabola through the decibels. It counts p^0.3,
// its loudness by Stevens' law, for its own pitch and, with shares of 0.6 and 0.36, for the pitches whose second and
// third harmonic it could be (Gomez 2006, section 3.2). A frame is divided by the square root of its sum, so that loud
// passages count more, but not in proportion.
#pragma once

#include "common/err.h"
#include "kernels/audio/ops.h"

#include <stddef.h>
#include <stdint.h>

enum { KT_CENTS = 1200, KT_CENTS_SEMITONE = 100, KT_CENTS_HARMONICS = 3 };

// The share of a harmonic in that of the one below it, the exponent of loudness, the least power of a peak as a share
// of the frame's largest and as such (a sine of full scale has n_fft^2 / 16), the pitch A4 = 440 Hz above C.
#define KT_CENTS_SHARE 0.6
#define KT_CENTS_STEVENS 0.3
#define KT_CENTS_RANGE 1e-4f
#define KT_CENTS_FLOOR 1e-6f
#define KT_CENTS_A4 900.0

typedef struct kt_cents {
    double   all[KT_CENTS];                 // from C
    double   own[KT_CENTS];                 // of the peaks themselves, without what they could be a harmonic of
    double   deviation[KT_CENTS_SEMITONE];  // of the peaks from the semitones of A4 = 440 Hz, -50 .. 49
    uint64_t peaks;
} kt_cents_t;

// Sizes, which follow from the rate. Frame i covers samples [i * hop, i * hop + n_fft); bins first .. bins - 2 may be
// peaks.
typedef struct kt_cents_shape {
    uint32_t rate_hz, n_fft, hop, first, bins;
    double   harmonic[KT_CENTS_HARMONICS];  // cents over the pitch
} kt_cents_shape_t;

// KT_EINVAL: a rate at which nothing of this is defined (below 8000 Hz).
KT_MUST_USE kt_err_t kt_cents_shape_of(uint32_t rate_hz, kt_cents_shape_t *out);
// Of n samples. Beyond the last sample are zeros; the last frame has more than a hop of samples, or is the only one.
size_t kt_cents_frames(const kt_cents_shape_t *self, size_t n);

// The processor's. One thread.
typedef struct kt_cents_counter kt_cents_counter_t;
// ops: borrowed. KT_EINVAL as kt_cents_shape_of; KT_ENOMEM.
KT_MUST_USE kt_err_t    kt_cents_counter_new(kt_cents_counter_t **self_p, const kt_cpu_ops_t *ops, uint32_t rate_hz);
void                    kt_cents_counter_destroy(kt_cents_counter_t **self_p);
const kt_cents_shape_t *kt_cents_counter_shape(const kt_cents_counter_t *self);
// Of n finite samples; what was in out is overwritten.
void kt_cents_count(kt_cents_counter_t *self, const float *samples, size_t n, kt_cents_t *out);
