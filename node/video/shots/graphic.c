#include "node/video/shots/graphic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    NEAR       = 3,  // pixels of movement
    PIXELS     = KT_SHOT_BLOCK * KT_SHOT_BLOCK,
    STRUCTURED = PIXELS * 3 / 2,  // a block with structure: sum of |level - mean|
    CHANGED    = PIXELS * 3 / 2,  // sum of differences at rest of a block that is not still
    LOOK       = 12,              // pictures on either side in which blocks may move
};

_Static_assert(KT_SHOT_BLOCK == 8, "difference_8 compares blocks of 8 x 8 pixels");

// A block is kept when this part of its structure differs, at most.
static const float  differs_most = 0.4f;
static const double look_s       = 1;

// Of the blocks with structure, those that are kept and move, so that it is a graphic at once. Cuts of made and
// labelled films have at most .14 (docs/accuracy.md).
static const float live_least = 0.2f;

// What may be a graphic over a picture at rest keeps so many of the blocks with structure. A cut within a frame or
// above a ticker keeps what rests and changes what moves: of the changed blocks at most this part moves, or of the kept
// ones at least so much of it.
static const float kept_least = 0.25f, changed_move_most = 0.65f, kept_move_least = 0.5f;

// A picture comes back when this part of its blocks does: what is behind the graphic may have moved on. Where hardly
// anything moves it comes back as it was: slides of text resemble each other.
static const float back_least = 0.5f, back_as_it_was = 0.9f, hardly = 0.1f;

// A change back to a picture from so long ago is none.
static const double remembered_s = 30;

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

// The block at (x, y) of b and the most similar one of a within NEAR.
static uint32_t
nearest(const kt_block_ops_t *ops, const kt_shot_picture_t *a, const kt_shot_picture_t *b, const kt_shot_size_t *size,
        int x, int y)
{
    const int last_x = (int)size->width - KT_SHOT_BLOCK, last_y = (int)size->height - KT_SHOT_BLOCK;
    uint32_t  best = UINT32_MAX;
    for (int top = y > NEAR ? y - NEAR : 0; top <= y + NEAR && top <= last_y; top++)
        for (int left = x > NEAR ? x - NEAR : 0; left <= x + NEAR && left <= last_x; left++) {
            const uint32_t sum = ops->difference_8(a->luma + (size_t)top * size->width + left, size->width,
                                                   b->luma + (size_t)y * size->width + x, size->width);
            best               = sum < best ? sum : best;
        }
    return best;
}

// Whether the block changes in one of the pictures of the shot from `serial` on, in the direction of `step`.
static bool
changes(const kt_block_ops_t *ops, const kt_shot_history_t *h, uint64_t serial, int step, size_t at)
{
    const kt_shot_picture_t *fixed = kt_shot_history_at(h, serial);
    const uint64_t           end   = step > 0 ? h->count - 1 : kt_shot_history_oldest(h);
    for (int i = 0; i < LOOK && serial != end; i++) {
        const uint64_t other = step > 0 ? serial + 1 : serial - 1;
        if (kt_shot_history_change(h, step > 0 ? other : serial) >= KT_SHOT_PASSING ||
            fabs(kt_shot_history_at(h, other)->time_s - fixed->time_s) > look_s)
            return false;
        if (ops->difference_8(fixed->luma + at, h->size.width, kt_shot_history_at(h, other)->luma + at, h->size.width) >
            CHANGED)
            return true;
        serial = other;
    }
    return false;
}

// The blocks with structure around a change: all, those that are kept, and those of both that move.
typedef struct blocks {
    uint32_t n, kept, kept_live, changed_live;
    struct {
        size_t at;  // in luma
        bool   kept;
    } block[KT_SHOT_BLOCKS];
} blocks_t;

// Whether the block is in both pictures, within NEAR. structured: it has structure in one of them.
static bool
is_kept(const kt_block_ops_t *ops, const kt_shot_picture_t *a, const kt_shot_picture_t *b, const kt_shot_size_t *size,
        size_t at, bool *structured)
{
    const uint32_t before = structure_of(a->luma + at, size->width), after = structure_of(b->luma + at, size->width),
                   most = before > after ? before : after;
    *structured         = most >= STRUCTURED;
    return *structured && (float)nearest(ops, a, b, size, (int)(at % size->width), (int)(at / size->width)) <=
                              differs_most * (float)most;
}

static void
blocks_of(const kt_block_ops_t *ops, const kt_shot_history_t *h, uint64_t serial, blocks_t *out)
{
    const kt_shot_picture_t *a = kt_shot_history_at(h, serial - 1), *b = kt_shot_history_at(h, serial);
    const kt_shot_size_t    *size = &h->size;
    out->n = out->kept = out->kept_live = out->changed_live = 0;
    for (uint32_t y = 0; y + KT_SHOT_BLOCK <= size->height; y += KT_SHOT_BLOCK)
        for (uint32_t x = 0; x + KT_SHOT_BLOCK <= size->width; x += KT_SHOT_BLOCK) {
            const size_t at = (size_t)y * size->width + x;
            bool         structured;
            const bool   kept = is_kept(ops, a, b, size, at, &structured);
            if (!structured)
                continue;
            const bool live           = changes(ops, h, serial - 1, -1, at) || changes(ops, h, serial, 1, at);
            out->block[out->n].at     = at;
            out->block[out->n++].kept = kept;
            out->kept += kept;
            out->kept_live += kept && live;
            out->changed_live += !kept && live;
        }
}

kt_err_t
kt_graphics_init(kt_graphics_t *self, const kt_block_ops_t *ops)
{
    const size_t bytes = kt_shot_picture_bytes_most();
    memset(self, 0, sizeof *self);
    self->ops    = ops;
    self->memory = malloc(KT_GRAPHICS * bytes);
    return self->memory ? KT_OK : KT_ENOMEM;
}

void
kt_graphics_fini(kt_graphics_t *self)
{
    free(self->memory);
    self->memory = NULL;
}

static void
remember(kt_graphics_t *self, const kt_shot_history_t *h, uint64_t serial)
{
    const kt_shot_picture_t slot = self->before[KT_GRAPHICS - 1];
    memmove(self->before + 1, self->before, (KT_GRAPHICS - 1) * sizeof self->before[0]);
    memmove(self->time_s + 1, self->time_s, (KT_GRAPHICS - 1) * sizeof self->time_s[0]);
    self->before[0] = slot;
    self->time_s[0] = kt_shot_history_at(h, serial)->time_s;
    kt_shot_picture_copy(&self->before[0], &self->size, kt_shot_history_at(h, serial - 1));
    self->n += self->n < KT_GRAPHICS;
}

// What is kept is of pictures of one size.
static void
fit(kt_graphics_t *self, const kt_shot_size_t *size)
{
    if (kt_shot_size_same(&self->size, size))
        return;
    self->size = *size;
    self->n    = 0;
    for (size_t i = 0; i < KT_GRAPHICS; i++)
        kt_shot_picture_init(&self->before[i], size, self->memory + i * kt_shot_picture_bytes_most());
}

// Whether the change may be a graphic, by what it keeps.
static bool
keeps(const blocks_t *blocks)
{
    if (blocks->n == 0 || (float)blocks->kept < kept_least * (float)blocks->n)
        return false;
    const uint32_t changed    = blocks->n - blocks->kept;
    const float    kept_moves = (float)blocks->kept_live / (float)blocks->kept,
                changed_moves = changed ? (float)blocks->changed_live / (float)changed : 0;
    return changed_moves <= changed_move_most || kept_moves >= kept_move_least * changed_moves;
}

// Whether this picture comes back: both of the blocks that changed and of those that were kept, a part is in it.
static bool
is_back(const kt_graphics_t *self, const kt_shot_picture_t *before, const kt_shot_picture_t *now,
        const blocks_t *blocks)
{
    uint32_t structured[2] = {0}, same[2] = {0};
    for (uint32_t i = 0; i < blocks->n; i++) {
        bool       counts;
        const bool is_same = is_kept(self->ops, before, now, &self->size, blocks->block[i].at, &counts);
        structured[blocks->block[i].kept] += counts;
        same[blocks->block[i].kept] += is_same;
    }
    const bool  moves = (float)(blocks->kept_live + blocks->changed_live) > hardly * (float)blocks->n;
    const float least = moves ? back_least : back_as_it_was;
    return (float)same[0] >= least * (float)structured[0] && (float)same[1] >= least * (float)structured[1];
}

// The last change whose picture from before comes back; NULL: there is none.
static const double *
back_to(const kt_graphics_t *self, const kt_shot_picture_t *now, const blocks_t *blocks)
{
    for (size_t i = 0; i < self->n && now->time_s - self->time_s[i] <= remembered_s; i++)
        if (is_back(self, &self->before[i], now, blocks))
            return &self->time_s[i];
    return NULL;
}

kt_change_t
kt_graphics_change(kt_graphics_t *self, const kt_shot_history_t *h, uint64_t serial, double *since_s)
{
    const kt_shot_picture_t *now = kt_shot_history_at(h, serial);
    blocks_t                 blocks;
    blocks_of(self->ops, h, serial, &blocks);
    const bool live = blocks.n > 0 && (float)blocks.kept_live >= live_least * (float)blocks.n;
    if (!live && !keeps(&blocks))
        return KT_CHANGE_CUT;
    fit(self, &h->size);
    const double *appears_s = back_to(self, now, &blocks);
    kt_change_t   result    = live || appears_s ? KT_CHANGE_GRAPHIC : KT_CHANGE_CUT;
    if (appears_s && now->time_s - *appears_s <= KT_GRAPHIC_LASTS_S) {
        *since_s = *appears_s;
        result   = KT_CHANGE_RETURN;
    }
    remember(self, h, serial);
    return result;
}

double
kt_graphics_open_s(const kt_graphics_t *self, double now_s)
{
    double result = now_s;
    for (size_t i = 0; i < self->n && now_s - self->time_s[i] <= KT_GRAPHIC_OPEN_S; i++)
        result = self->time_s[i];
    return result;
}
