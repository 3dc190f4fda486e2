#include "node/video/shots/history.h"

#include <stdlib.h>
#include <string.h>

// Mean difference of Y plus that of U and V below which two pictures are the same one, coded twice; 8-bit steps.
static const float same = 0.35f;
// Damaged pictures are left out, but a stream of nothing else is not.
static const double damage_s = 0.5;

kt_err_t
kt_shot_history_init(kt_shot_history_t *self, const kt_block_ops_t *ops, uint32_t width, uint32_t height,
                     bool full_range)
{
    memset(self, 0, sizeof *self);
    kt_shot_size(width, height, &self->size);
    kt_shot_bars_init(&self->bars, ops, full_range);
    const size_t bytes = kt_shot_picture_bytes_most();
    self->memory       = malloc(KT_SHOT_HISTORY * bytes);
    if (!self->memory)
        return KT_ENOMEM;
    for (size_t p = 0; p < KT_SHOT_HISTORY; p++)
        kt_shot_picture_init(&self->picture[p], &self->size, self->memory + p * bytes);
    return KT_OK;
}

void
kt_shot_history_fini(kt_shot_history_t *self)
{
    free(self->memory);
    self->memory = NULL;
}

// The part of the picture between bars; the pictures that are kept are made for it when it changes.
static kt_yuv_t
part_of(kt_shot_history_t *self, const kt_video_frame_t *frame, const uint8_t *rgb)
{
    const bool           changed = kt_shot_bars_add(&self->bars, &frame->small, rgb, frame->time_s);
    const kt_shot_size_t before  = self->size;
    uint32_t             left, top;
    const kt_yuv_t       part = kt_shot_bars_part(&self->bars, &frame->small, &left, &top);
    if (changed) {
        kt_shot_size(part.width, part.height, &self->size);
        self->size.left = left;
        self->size.top  = top;
        kt_shot_pictures_refit(self->picture, KT_SHOT_HISTORY, self->count, &before, &self->size, &self->bars.border);
    }
    return part;
}

bool
kt_shot_history_push(kt_shot_history_t *self, const kt_video_frame_t *frame, const uint8_t *rgb,
                     const kt_image_stats_t *stats)
{
    if (self->count && (frame->flags & KT_FRAME_REPEATED))
        return false;
    if (self->count && (frame->flags & KT_FRAME_DAMAGED) &&
        frame->time_s - kt_shot_history_at(self, self->count - 1)->time_s < damage_s)
        return false;
    float              beyond = 1;
    kt_shot_picture_t *now    = &self->picture[self->count % KT_SHOT_HISTORY];
    const kt_yuv_t     part   = part_of(self, frame, rgb);
    kt_shot_picture_make(now, &self->size, &part, stats, &self->bars.border);
    now->index  = frame->index;
    now->time_s = frame->time_s;
    if (self->count) {
        const kt_shot_picture_t *before = kt_shot_history_at(self, self->count - 1);
        if (kt_shot_level_difference(before, now, &self->size) < same)
            return false;
        now->change = kt_shot_difference_moved(before, now, &self->size, &now->moved);
        if (self->count > 1 && now->change >= KT_SHOT_PASSING && before->change >= KT_SHOT_PASSING)
            beyond = kt_shot_difference(kt_shot_history_at(self, self->count - 2), now, &self->size);
    }
    self->beyond[self->count % KT_SHOT_HISTORY] = beyond;
    self->count++;
    return true;
}
