// kt_shot_history -- the last different pictures of a stream, each with what changed from the one before. Files store
// pictures twice (films at another rate, drawings, screen recordings); a picture that equals the last different one is
// not entered. Pictures have serial numbers from 0. One thread.
#pragma once

#include "node/video/shots/bars.h"
#include "node/video/shots/difference.h"

#include <stdbool.h>

enum { KT_SHOT_HISTORY = 128 };  // pictures that are kept
#define KT_SHOT_PASSING 0.25F

typedef struct kt_shot_history {
    kt_shot_size_t    size;  // of all that are kept: of the part between bars
    kt_shot_bars_t    bars;
    uint64_t          count;  // of pictures so far: serial numbers end before it
    kt_shot_picture_t picture[KT_SHOT_HISTORY];
    // kt_shot_difference to the picture before the last, where both changes since then are at least KT_SHOT_PASSING;
    // else
    // 1. What is low passes: a damaged picture, a flash of one picture.
    float    beyond[KT_SHOT_HISTORY];
    uint8_t *memory;
} kt_shot_history_t;

// For reduced planes of this size. KT_ENOMEM
KT_MUST_USE kt_err_t kt_shot_history_init(kt_shot_history_t *self, const kt_block_ops_t *ops, uint32_t width,
                                          uint32_t height, bool full_range);
void                 kt_shot_history_fini(kt_shot_history_t *self);
// rgb: of the reduced planes at the size of their chroma (rgb.h). Returns whether it was entered: it differs from the
// last one.
bool kt_shot_history_push(kt_shot_history_t *self, const kt_video_frame_t *frame, const uint8_t *rgb,
                          const kt_image_stats_t *stats);

// The pictures of serial numbers oldest..count - 1 are there.
static inline uint64_t
kt_shot_history_oldest(const kt_shot_history_t *self)
{
    return self->count > KT_SHOT_HISTORY ? self->count - KT_SHOT_HISTORY : 0;
}

static inline const kt_shot_picture_t *
kt_shot_history_at(const kt_shot_history_t *self, uint64_t serial)
{
    return &self->picture[serial % KT_SHOT_HISTORY];
}

static inline float
kt_shot_history_change(const kt_shot_history_t *self, uint64_t serial)
{
    return self->picture[serial % KT_SHOT_HISTORY].change;
}
