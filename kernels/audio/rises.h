// Rises of a sound's level in mel bands, from frame to frame: what the rhythm reads of its finer rows.
// - Level: 10 log10(P + floor), where P is the power of a band.
// - Rise: max(0, level(t) - level(t - 2)), mean over bands, dB; of all bands, and of six groups.
// - Rise of the amplitude in two ranges: the same of sqrt(P / unit).
//
// Plain functions of mel rows (kernels/audio/rows.h); any thread. kt_device_begin_rises makes them of samples.
#pragma once

#include "kernels/audio/rows.h"

#include <stdbool.h>

enum {
    KT_RISE_GROUPS = 6,
    KT_RISE_RANGES = 2,
    KT_RISE_WIDTH  = 1 + KT_RISE_GROUPS + KT_RISE_RANGES,
    KT_RISE_UNITS  = 256,  // per dB
    KT_RISE_LAG    = 2,    // frames that a rise compares across
    KT_RISE_BANDS  = 80,   // further bands do not count
};

// Bands: the first of each group, and the end of the last; of each range the first, and its end.
#define KT_RISE_GROUP_EDGES                                                                                            \
    {                                                                                                                  \
        0, 3, 8, 18, 34, 54, KT_RISE_BANDS                                                                             \
    }
#define KT_RISE_RANGE_EDGES                                                                                            \
    {                                                                                                                  \
        1, 6, 43, KT_RISE_BANDS                                                                                        \
    }
#define KT_RISE_HUGE 1e36f     // the largest power; also replaces NaN
#define KT_RISE_LOUDEST 16.0f  // rise of the amplitude that can be stored

// Of a run of frames. begins: the frames before the first one are silence, whatever lies before pcm.
typedef struct kt_rise_opts {
    float floor, unit;
    bool  begins;
} kt_rise_opts_t;

// Frame i begins at pcm[i * hop]; unless `begins`, KT_RISE_LAG hops before pcm are read too.
typedef struct kt_rise_span {
    const float   *pcm;
    size_t         frames;
    kt_rise_opts_t opts;
} kt_rise_span_t;

// Levels and amplitudes of the KT_RISE_LAG frames before, then of a batch of frames.
typedef struct kt_rises {
    size_t bands;      // of a mel row
    float *level;      // [KT_RISE_LAG + room][bands]
    float *amplitude;  // [KT_RISE_LAG + room][KT_RISE_RANGES]
} kt_rises_t;

KT_MUST_USE kt_err_t kt_rises_init(kt_rises_t *self, size_t bands, size_t room);  // KT_ENOMEM
void                 kt_rises_fini(kt_rises_t *self);
void                 kt_rises_begin(kt_rises_t *self, const kt_rise_opts_t *opts);  // silence before
// mel: [frames][bands]; out: [frames][KT_RISE_WIDTH], NULL: these frames are only those before the next. Rises are in
// KT_RISE_UNITS, those of the amplitude the root of their share of 16 in 65535ths.
void kt_rises_add(kt_rises_t *self, const kt_rise_opts_t *opts, const float *mel, size_t frames, uint16_t *out);
