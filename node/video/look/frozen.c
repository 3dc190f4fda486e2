#include "node/video/look/frozen.h"

#include <stdlib.h>
#include <string.h>

// FFmpeg's freezedetect allows a mean difference of 0.001 of full scale, 0.26 levels, on the whole picture. A small
// thing that moves shows in its block. At a key frame a still is coded anew: all of the reduced picture changes by a
// level or so, in one to three pictures, and stays like that; the pictures that follow are compared with it. Grain
// changes all pictures as much, but never rests.
#define MEAN_LEVELS 0.5
#define PULSE_MEAN_LEVELS 1.5
#define QUIET_S 1.0
enum { BLOCK_LEVELS = 4, PULSES = 3 };

void
kt_frozen_fini(kt_frozen_t *self)
{
    free(self->luma);
    self->luma = NULL;
}

// Mean difference in levels, by blocks of 16 x 16 over the picture; the last of a row or column overlaps the one
// before. More than BLOCK_LEVELS: in one of the blocks it is more than that.
static double
difference_of(const kt_frozen_t *self, const kt_yuv_t *now)
{
    uint64_t sum = 0, blocks = 0;
    for (uint32_t row = 0; row < now->height; row += KT_BLOCK) {
        const uint32_t y = row + KT_BLOCK > now->height ? now->height - KT_BLOCK : row;
        for (uint32_t column = 0; column < now->width; column += KT_BLOCK, blocks++) {
            const uint32_t x = column + KT_BLOCK > now->width ? now->width - KT_BLOCK : column;
            const uint32_t d = self->ops->difference(now->y + y * now->y_stride + x, now->y_stride,
                                                     self->luma + (size_t)y * self->width + x, self->width);
            if (d > BLOCK_LEVELS * KT_BLOCK * KT_BLOCK)
                return BLOCK_LEVELS + 1;
            sum += d;
        }
    }
    return (double)sum / (KT_BLOCK * KT_BLOCK * (double)blocks);
}

// Whether the still of the current part was coded anew.
static bool
is_pulse(kt_frozen_t *self, double difference, double time_s)
{
    if (difference > PULSE_MEAN_LEVELS)
        return false;
    self->pulses  = time_s - self->pulse_s >= QUIET_S ? 1 : self->pulses + 1;
    self->pulse_s = time_s;
    return self->pulses <= PULSES;
}

kt_err_t
kt_frozen_push(kt_frozen_t *self, const kt_video_frame_t *frame, bool *same)
{
    const kt_yuv_t *now = &frame->small;
    *same               = false;
    if (now->width < KT_BLOCK || now->height < KT_BLOCK)
        return KT_OK;
    if (self->width != now->width || self->height != now->height) {
        kt_frozen_fini(self);
        self->luma = malloc((size_t)now->width * now->height);
        if (!self->luma)
            return KT_ENOMEM;
        self->width   = now->width;
        self->height  = now->height;
        self->pulse_s = frame->time_s;
        self->pulses  = 0;
    } else {
        const double difference = difference_of(self, now);
        *same                   = difference <= MEAN_LEVELS;
        if (*same)
            return KT_OK;
        *same = is_pulse(self, difference, frame->time_s);
    }
    for (uint32_t y = 0; y < now->height; y++)
        memcpy(self->luma + (size_t)y * now->width, now->y + y * now->y_stride, now->width);
    return KT_OK;
}
