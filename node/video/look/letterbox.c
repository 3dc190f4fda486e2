#include "node/video/look/letterbox.h"

#include <string.h>

// A row of a bar has at most 2 % of its pixels above 7 % of full luma: coding leaves a little more than black, and text
// that reaches into a bar ends it in that picture. Such pictures, and those of a part of the film without bars, may be
// 5 %.
#define BLACK_LEVEL 0.07
#define BRIGHT_SHARE 0.02
#define EXCEPTIONS 0.05
enum { GROUP = 16 };  // columns

void
kt_letterbox_init(kt_letterbox_t *self, const kt_block_ops_t *ops, bool full_range)
{
    memset(self, 0, sizeof *self);
    self->ops   = ops;
    self->limit = (uint8_t)(full_range ? 255 * BLACK_LEVEL : 16 + 219 * BLACK_LEVEL);
}

static bool
row_is_black(const kt_letterbox_t *self, const kt_yuv_t *yuv, uint32_t row)
{
    return self->ops->above(yuv->y + row * yuv->y_stride, yuv->width, self->limit) <=
           (size_t)(BRIGHT_SHARE * yuv->width);
}

// How many of the GROUP columns from x on, or before it, are black before the first that is not. Columns side by side
// are counted together, by rows.
static uint32_t
black_columns(const kt_letterbox_t *self, const kt_yuv_t *yuv, kt_side_t side, uint32_t x)
{
    const uint16_t most = (uint16_t)(BRIGHT_SHARE * yuv->height);
    const uint8_t *at = yuv->y + (side == KT_LEFT ? x : x - GROUP), limit = self->limit;
    uint16_t       above[GROUP] = {0};
    for (uint32_t y = 0; y < yuv->height; y++, at += yuv->y_stride)
        for (uint32_t i = 0; i < GROUP; i++)
            above[i] = (uint16_t)(above[i] + (at[i] > limit));
    uint32_t n = 0;
    while (n < GROUP && above[side == KT_LEFT ? n : GROUP - 1 - n] <= most)
        n++;
    return n;
}

static bool
column_is_black(const kt_letterbox_t *self, const kt_yuv_t *yuv, uint32_t x)
{
    const size_t most = (size_t)(BRIGHT_SHARE * yuv->height);
    size_t       n    = 0;
    for (uint32_t y = 0; y < yuv->height && n <= most; y++)
        n += yuv->y[y * yuv->y_stride + x] > self->limit;
    return n <= most;
}

static uint32_t
bar_height(const kt_letterbox_t *self, const kt_yuv_t *yuv, kt_side_t side, uint32_t most)
{
    const uint32_t half = yuv->height / 2;
    uint32_t       n    = 0;
    most                = half < most ? half : most;
    while (n < most && row_is_black(self, yuv, side == KT_TOP ? n : yuv->height - 1 - n))
        n++;
    return n;
}

// Most columns are bright, or all of a group are black.
static uint32_t
bar_width(const kt_letterbox_t *self, const kt_yuv_t *yuv, kt_side_t side, uint32_t most)
{
    const uint32_t half = yuv->width / 2;
    uint32_t       n = 0, more = GROUP;
    most = half < most ? half : most;
    if (most == 0 || !column_is_black(self, yuv, side == KT_LEFT ? 0 : yuv->width - 1))
        return 0;
    for (; more == GROUP && n + GROUP <= most; n += more)
        more = black_columns(self, yuv, side, side == KT_LEFT ? n : yuv->width - n);
    while (more == GROUP && n < most && column_is_black(self, yuv, side == KT_LEFT ? n : yuv->width - 1 - n))
        n++;
    return n;
}

static uint32_t
bar(const kt_letterbox_t *self, const kt_yuv_t *yuv, kt_side_t side, uint32_t most)
{
    return side == KT_TOP || side == KT_BOTTOM ? bar_height(self, yuv, side, most) : bar_width(self, yuv, side, most);
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
