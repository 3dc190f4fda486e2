#include "node/video/look/letterbox.h"

#include <string.h>

// A row of a bar has at most 2 % of its pixels above the limit: text that reaches into a bar ends it in that picture.
// Such pictures, and those of a part of the film without bars, may be 5 %.
#define BRIGHT_SHARE 0.02
#define EXCEPTIONS 0.05

void
kt_letterbox_init(kt_letterbox_t *self, const kt_block_ops_t *ops, bool full_range)
{
    memset(self, 0, sizeof *self);
    self->ops   = ops;
    self->black = kt_edge_black(full_range);
}

static uint32_t
bar(const kt_letterbox_t *self, const kt_yuv_t *yuv, kt_side_t side, uint32_t most)
{
    return kt_edge_lines(self->ops, yuv, side, most, self->black, BRIGHT_SHARE);
}

void
kt_letterbox_add(kt_letterbox_t *self, const kt_video_frame_t *frame, uint32_t factor)
{
    self->factor = factor;
    self->pictures++;
    for (int side = 0; side < KT_SIDES; side++)
        self->small[side][bar(self, &frame->small, (kt_side_t)side, KT_SMALL_MOST / 2)]++;
    if (!(frame->flags & KT_FRAME_SAMPLED) || frame->whole.width == 0 || self->wholes == UINT16_MAX)
        return;
    self->whole_factor = frame->whole_factor;
    self->wholes++;
    for (int side = 0; side < KT_SIDES; side++)
        self->whole[side][bar(self, &frame->whole, (kt_side_t)side, KT_WHOLE_MOST / 2)]++;
}

// Coded pixels of the largest height that all but the allowed pictures reach.
static uint32_t
small_bar(const kt_letterbox_t *self, kt_side_t side)
{
    const uint64_t allowed = (uint64_t)(EXCEPTIONS * (double)self->pictures);
    uint64_t       lower   = 0;
    uint32_t       i       = 0;
    while (i < KT_SMALL_MOST / 2 && lower + self->small[side][i] <= allowed)
        lower += self->small[side][i++];
    return i * self->factor;
}

static uint32_t
whole_bar(const kt_letterbox_t *self, kt_side_t side)
{
    const uint32_t allowed = (uint32_t)(EXCEPTIONS * self->wholes);
    uint32_t       lower = 0, i = 0;
    while (i < KT_WHOLE_MOST / 2 && lower + self->whole[side][i] <= allowed)
        lower += self->whole[side][i++];
    return i * self->whole_factor;
}

bool
kt_letterbox_find(const kt_letterbox_t *self, uint32_t out[KT_SIDES])
{
    for (int side = 0; side < KT_SIDES && self->pictures > 0; side++) {
        const uint32_t small = small_bar(self, (kt_side_t)side);
        const uint32_t whole = self->wholes ? whole_bar(self, (kt_side_t)side) : small;
        // A reduced row that is partly bar is no bar. More than one such row was seen by the other pictures only.
        out[side] = whole > small + self->factor ? small : whole;
    }
    return self->pictures > 0;
}
