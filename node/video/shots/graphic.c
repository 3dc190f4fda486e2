#include "node/video/shots/graphic.h"

#include <math.h>
#include <stdlib.h>

enum {
    NEAR       = 3,  // pixels of movement
    PIXELS     = KT_SHOT_BLOCK * KT_SHOT_BLOCK,
    STRUCTURED = PIXELS * 3 / 2,  // a block with structure: sum of |level - mean|
    CHANGED    = PIXELS * 3 / 2,  // sum of differences at rest of a block that is not still
    LOOK       = 12,              // pictures on either side in which blocks may move
};

// A block is kept when this part of its structure differs, at most.
static const float  differs_most = 0.4f;
static const double look_s       = 1;

// Of the blocks with structure, those that go on and move. Cuts of made and labelled films have at most .14
// (docs/accuracy.md).
static const float live_least = 0.2f;

static uint32_t
structure_of(const uint8_t *block, size_t stride)
{
    uint32_t sum = PIXELS / 2, result = 0;
    for (size_t y = 0; y < KT_SHOT_BLOCK; y++)
        for (size_t x = 0; x < KT_SHOT_BLOCK; x++)
            sum += block[y * stride + x];
    for (size_t y = 0; y < KT_SHOT_BLOCK; y++)
        for (size_t x = 0; x < KT_SHOT_BLOCK; x++)
            result += (uint32_t)abs(block[y * stride + x] - (int)(sum / PIXELS));
    return result;
}

static uint32_t
difference(const uint8_t *a, const uint8_t *b, size_t stride)
{
    uint32_t sum = 0;
    for (size_t y = 0; y < KT_SHOT_BLOCK; y++)
        for (size_t x = 0; x < KT_SHOT_BLOCK; x++)
            sum += (uint32_t)abs(a[y * stride + x] - b[y * stride + x]);
    return sum;
}

// The block at (x, y) of b and the most similar one of a within NEAR.
static uint32_t
nearest(const kt_shot_picture_t *a, const kt_shot_picture_t *b, const kt_shot_size_t *size, int x, int y)
{
    const int last_x = (int)size->width - KT_SHOT_BLOCK, last_y = (int)size->height - KT_SHOT_BLOCK;
    uint32_t  best = UINT32_MAX;
    for (int top = y > NEAR ? y - NEAR : 0; top <= y + NEAR && top <= last_y; top++)
        for (int left = x > NEAR ? x - NEAR : 0; left <= x + NEAR && left <= last_x; left++) {
            const uint32_t sum = difference(a->luma + (size_t)top * size->width + left,
                                            b->luma + (size_t)y * size->width + x, size->width);
            best               = sum < best ? sum : best;
        }
    return best;
}

// Whether the block changes in one of the pictures of the shot from `serial` on, in the direction of `step`.
static bool
changes(const kt_shot_history_t *h, uint64_t serial, int step, size_t at)
{
    const kt_shot_picture_t *fixed = kt_shot_history_at(h, serial);
    const uint64_t           end   = step > 0 ? h->count - 1 : kt_shot_history_oldest(h);
    for (int i = 0; i < LOOK && serial != end; i++) {
        const uint64_t other = step > 0 ? serial + 1 : serial - 1;
        if (kt_shot_history_change(h, step > 0 ? other : serial) >= KT_SHOT_PASSING ||
            fabs(kt_shot_history_at(h, other)->time_s - fixed->time_s) > look_s)
            return false;
        if (difference(fixed->luma + at, kt_shot_history_at(h, other)->luma + at, h->size.width) > CHANGED)
            return true;
        serial = other;
    }
    return false;
}

bool
kt_shot_is_graphic(const kt_shot_history_t *h, uint64_t serial)
{
    const kt_shot_picture_t *a = kt_shot_history_at(h, serial - 1), *b = kt_shot_history_at(h, serial);
    const kt_shot_size_t    *size = &h->size;
    uint32_t                 n = 0, live = 0;
    for (uint32_t y = 0; y + KT_SHOT_BLOCK <= size->height; y += KT_SHOT_BLOCK)
        for (uint32_t x = 0; x + KT_SHOT_BLOCK <= size->width; x += KT_SHOT_BLOCK) {
            const size_t   at     = (size_t)y * size->width + x;
            const uint32_t before = structure_of(a->luma + at, size->width),
                           after = structure_of(b->luma + at, size->width), most = before > after ? before : after;
            if (most < STRUCTURED)
                continue;
            n++;
            if ((float)nearest(a, b, size, (int)x, (int)y) > differs_most * (float)most)
                continue;
            live += changes(h, serial - 1, -1, at) || changes(h, serial, 1, at);
        }
    return n > 0 && (float)live >= live_least * (float)n;
}
