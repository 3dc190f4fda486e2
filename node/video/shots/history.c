#include "node/video/shots/history.h"

#include <stdlib.h>
#include <string.h>

// Mean difference of Y plus that of U and V below which two pictures are the same one, coded twice; 8-bit steps.
static const float same = 0.35f;
// Damaged pictures are left out, but a stream of nothing else is not.
static const double damage_s = 0.5;

kt_err_t
kt_shot_history_init(kt_shot_history_t *self, uint32_t width, uint32_t height)
{
    memset(self, 0, sizeof *self);
    kt_shot_size(width, height, &self->size);
    const size_t bytes = kt_shot_picture_bytes(&self->size);
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

bool
kt_shot_history_push(kt_shot_history_t *self, const kt_video_frame_t *frame, const kt_image_stats_t *stats)
{
    if (self->count && (frame->flags & KT_FRAME_REPEATED))
        return false;
    if (self->count && (frame->flags & KT_FRAME_DAMAGED) &&
        frame->time_s - kt_shot_history_at(self, self->count - 1)->time_s < damage_s)
        return false;
    float              beyond = 1;
    kt_shot_picture_t *now    = &self->picture[self->count % KT_SHOT_HISTORY];
    kt_shot_picture_make(now, &self->size, &frame->small, stats);
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
