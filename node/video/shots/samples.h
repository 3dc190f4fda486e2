// kt_shot_samples -- pictures of the last seconds at even distances in time, stored twice or not: what gradual changes
// are looked for in. One thread.
#pragma once

#include "node/video/shots/difference.h"

#include <stdbool.h>

enum { KT_SHOT_SAMPLES = 96, KT_SHOT_SAMPLE_HZ = 15 };  // kept; at most this many per second

typedef struct kt_shot_samples {
    kt_shot_size_t    size;  // of all that are kept
    uint64_t          count;
    kt_shot_picture_t picture[KT_SHOT_SAMPLES];
    uint8_t          *memory;
} kt_shot_samples_t;

KT_MUST_USE kt_err_t kt_shot_samples_init(kt_shot_samples_t *self, const kt_shot_size_t *size);  // KT_ENOMEM
void                 kt_shot_samples_fini(kt_shot_samples_t *self);
// What is shown from time_s on, as the picture of this index, of this size: where that is another one than before, the
// samples are made for it and this border. The first flat picture, and the first after flat ones, are entered in any
// case.
void kt_shot_samples_push(kt_shot_samples_t *self, const kt_shot_picture_t *shown, const kt_shot_size_t *size,
                          const kt_shot_border_t *border, uint64_t index, double time_s);

static inline const kt_shot_picture_t *
kt_shot_sample(const kt_shot_samples_t *self, uint64_t serial)
{
    return &self->picture[serial % KT_SHOT_SAMPLES];
}

static inline uint64_t
kt_shot_samples_oldest(const kt_shot_samples_t *self)
{
    return self->count > KT_SHOT_SAMPLES ? self->count - KT_SHOT_SAMPLES : 0;
}

// Of one colour: its standard deviation is below 3 steps.
static inline bool
kt_shot_flat(const kt_shot_picture_t *picture)
{
    return picture->deviation < 3;
}

// Serial number of the sample that is nearest to a time; there is at least one.
uint64_t kt_shot_samples_near(const kt_shot_samples_t *self, double time_s);
