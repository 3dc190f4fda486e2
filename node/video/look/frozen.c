#include "node/video/look/frozen.h"

#include <stdlib.h>
#include <string.h>

// FFmpeg's freezedetect allows a mean difference of 0.001 of full scale, 0.26 levels, on the whole picture. Coding a
// still anew at each key frame changes the reduced picture by up to half a level. A small thing that moves shows in its
// block, whose mean may differ by 4 levels.
#define MEAN_LEVELS 0.5
enum { BLOCK_LEVELS = 4 };

void
kt_frozen_fini(kt_frozen_t *self)
{
    free(self->luma);
    self->luma = NULL;
}

// Blocks of 16 x 16 over the picture; the last of a row or column overlaps the one before.
static bool
is_same(const kt_frozen_t *self, const kt_yuv_t *now)
{
    uint64_t sum = 0, blocks = 0;
    for (uint32_t row = 0; row < now->height; row += KT_BLOCK) {
        const uint32_t y = row + KT_BLOCK > now->height ? now->height - KT_BLOCK : row;
        for (uint32_t column = 0; column < now->width; column += KT_BLOCK, blocks++) {
            const uint32_t x = column + KT_BLOCK > now->width ? now->width - KT_BLOCK : column;
            const uint32_t d = self->ops->difference(now->y + y * now->y_stride + x, now->y_stride,
                                                     self->luma + (size_t)y * self->width + x, self->width);
            if (d > BLOCK_LEVELS * KT_BLOCK * KT_BLOCK)
                return false;
            sum += d;
        }
    }
    return (double)sum <= MEAN_LEVELS * KT_BLOCK * KT_BLOCK * (double)blocks;
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
        self->width  = now->width;
        self->height = now->height;
    } else if ((*same = is_same(self, now))) {
        return KT_OK;
    }
    for (uint32_t y = 0; y < now->height; y++)
        memcpy(self->luma + (size_t)y * now->width, now->y + y * now->y_stride, now->width);
    return KT_OK;
}
