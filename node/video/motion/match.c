#include "node/video/motion/match.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    COARSE      = 4,  // reduced pixels per pixel of the coarse search, in both directions
    COARSE_SIDE = 8,  // of its block
    COARSE_MOST = KT_SMALL_MOST / COARSE / COARSE_SIDE,
    DESCENT     = 8,  // steps of it
    PIXELS      = KT_BLOCK * KT_BLOCK,
    SAME        = PIXELS / 2,  // a difference of half a level per pixel is no movement, without a search
};
#define NOISE 0.5F  // least variance of the residual, squared levels: that of rounding, twice
// Residual of a block that fits, per trace of its derivatives: a block without any relation has twice its variance,
// which is more than the trace; a movement that is wrong by one pixel in both directions has the trace.
#define MISFIT 0.5F
#define UNCONFIRMED 0.25F
#define CONFIRMED_ALL 0.8F
// A cell with several movements: their mean length over the length of their mean, and pixels more. No one movement fits
// it.
#define MIXED 1.25F
#define MIXED_PIXELS 0.1F

// A movement and the difference there. Content moves by (dx, dy): the block lay at -(dx, dy) in the kept picture.
typedef struct move {
    int32_t  dx, dy;
    uint32_t difference;
} move_t;

typedef uint32_t difference_fn(const uint8_t *a, size_t a_stride, const uint8_t *b, size_t b_stride);

// A block in both pictures, and how far it may have moved.
typedef struct place {
    difference_fn *difference;
    const uint8_t *now, *kept;
    size_t         now_stride, kept_stride;
    int32_t        least_dx, most_dx, least_dy, most_dy;
} place_t;

kt_err_t
kt_match_init(kt_match_t *self, const kt_block_ops_t *ops, uint32_t width, uint32_t height)
{
    *self            = (kt_match_t){.ops = ops, .width = width, .height = height};
    self->luma       = calloc(width, height);
    self->quarter[0] = calloc(width / COARSE + 1, height / COARSE + 1);
    self->quarter[1] = calloc(width / COARSE + 1, height / COARSE + 1);
    if (self->luma && self->quarter[0] && self->quarter[1])
        return KT_OK;
    kt_match_fini(self);
    return KT_ENOMEM;
}

void
kt_match_fini(kt_match_t *self)
{
    free(self->luma);
    free(self->quarter[0]);
    free(self->quarter[1]);
    *self = (kt_match_t){0};
}

void
kt_match_keep(kt_match_t *self, const kt_yuv_t *yuv)
{
    const size_t rows  = yuv->y_stride == self->width ? 1 : self->height;
    const size_t bytes = rows == 1 ? (size_t)self->width * self->height : self->width;
    for (size_t y = 0; y < rows; y++)
        memcpy(self->luma + y * self->width, yuv->y + y * yuv->y_stride, bytes);
    uint8_t *quarter = self->quarter[0];
    self->quarter[0] = self->quarter[1];
    self->quarter[1] = quarter;
    self->made[0]    = self->made[1];
    self->made[1]    = false;
}

// As lroundf, which is a call of a function.
static int32_t
nearest(float value)
{
    return (int32_t)(value < 0 ? value - 0.5F : value + 0.5F);
}

static int32_t
within(int32_t value, int32_t least, int32_t most)
{
    return value < least ? least : value > most ? most : value;
}

static uint32_t
difference_at(const place_t *place, int32_t dx, int32_t dy)
{
    const uint8_t *kept = place->kept - (ptrdiff_t)dy * (ptrdiff_t)place->kept_stride - dx;
    return place->difference(place->now, place->now_stride, kept, place->kept_stride);
}

// Takes the movement, within the picture, if it is better than the best so far.
static bool
try_move(const place_t *place, int32_t dx, int32_t dy, move_t *best)
{
    dx = within(dx, place->least_dx, place->most_dx);
    dy = within(dy, place->least_dy, place->most_dy);
    if (dx == best->dx && dy == best->dy)
        return false;
    const uint32_t d = difference_at(place, dx, dy);
    if (d >= best->difference)
        return false;
    *best = (move_t){dx, dy, d};
    return true;
}

static move_t
no_move(const place_t *place)
{
    return (move_t){0, 0, difference_at(place, 0, 0)};
}

// A block of the quarter pictures at column x, row y of `across` x `down` pixels.
static move_t
coarse_move(const kt_match_t *self, uint32_t x, uint32_t y, const move_t *left, const move_t *above, const float *guess)
{
    static const int8_t AROUND[8][2] = {{-1, -1}, {0, -1}, {1, -1}, {-1, 0}, {1, 0}, {-1, 1}, {0, 1}, {1, 1}};
    const uint32_t      across = self->width / COARSE, down = self->height / COARSE;
    const size_t        at    = (size_t)y * across + x;
    const place_t       place = {self->ops->difference_8,
                                 self->quarter[1] + at,
                                 self->quarter[0] + at,
                                 across,
                                 across,
                                 (int32_t)x + COARSE_SIDE - (int32_t)across,
                                 (int32_t)x,
                                 (int32_t)y + COARSE_SIDE - (int32_t)down,
                                 (int32_t)y};
    move_t              best  = no_move(&place);
    if (best.difference <= COARSE_SIDE * COARSE_SIDE / 2)
        return best;
    if (left)
        try_move(&place, left->dx, left->dy, &best);
    if (above)
        try_move(&place, above->dx, above->dy, &best);
    try_move(&place, nearest(guess[0] / COARSE), nearest(guess[1] / COARSE), &best);
    for (int32_t step = 4; step >= 1; step /= 2) {
        const move_t from = best;
        for (size_t i = 0; i < 8; i++)
            try_move(&place, from.dx + step * AROUND[i][0], from.dy + step * AROUND[i][1], &best);
    }
    return best;
}

// Rows and columns of blocks of the coarse search; the last of them may overlap the ones before.
typedef struct coarse {
    uint32_t across, down;
    move_t   move[COARSE_MOST * COARSE_MOST + 2 * COARSE_MOST + 1];
} coarse_t;

static void
coarse_search(const kt_match_t *self, const float *guess, coarse_t *out)
{
    const uint32_t width = self->width / COARSE, height = self->height / COARSE;
    out->across = width >= COARSE_SIDE && height >= COARSE_SIDE ? (width + COARSE_SIDE - 1) / COARSE_SIDE : 0;
    out->down   = (height + COARSE_SIDE - 1) / COARSE_SIDE;
    for (uint32_t i = 0; i < out->across * out->down; i++) {
        const uint32_t column = i % out->across, row = i / out->across;
        const uint32_t x = column * COARSE_SIDE + COARSE_SIDE > width ? width - COARSE_SIDE : column * COARSE_SIDE;
        const uint32_t y = row * COARSE_SIDE + COARSE_SIDE > height ? height - COARSE_SIDE : row * COARSE_SIDE;
        out->move[i] =
            coarse_move(self, x, y, column ? &out->move[i - 1] : NULL, row ? &out->move[i - out->across] : NULL, guess);
    }
}

// The fraction of a pixel beyond the movement, and what it is worth. false: the blocks do not fit there.
static bool
refine(const place_t *place, const kt_block_ops_t *ops, const move_t *move, kt_cell_t *out)
{
    const uint8_t  *kept = place->kept - (ptrdiff_t)move->dy * (ptrdiff_t)place->kept_stride - move->dx;
    kt_block_sums_t s;
    ops->sums(place->now, place->now_stride, kept, place->kept_stride, &s);
    const float n = PIXELS, slope = KT_BLOCK_SLOPE, unit = 1 / (n * slope * slope);
    const float x = (float)s.x, y = (float)s.y, t = (float)s.t;
    const float xx = ((float)s.xx - x * x / n) * unit, xy = ((float)s.xy - x * y / n) * unit;
    const float yy = ((float)s.yy - y * y / n) * unit, tt = ((float)s.tt - t * t / n) / n;
    const float xt = ((float)s.xt - x * t / n) * unit * slope, yt = ((float)s.yt - y * t / n) * unit * slope;
    const float ridge = 0.01F * (xx + yy) + 0.01F, a = xx + ridge, b = yy + ridge, det = a * b - xy * xy;
    const float dx = -(b * xt - xy * yt) / det, dy = -(a * yt - xy * xt) / det;
    const bool  near     = fabsf(dx) <= 1 && fabsf(dy) <= 1;
    const float residual = tt + (near ? dx * xt + dy * yt : 0);
    kt_cell_texture(out, &s);
    out->dx        = (float)move->dx + (near ? dx : 0);
    out->dy        = (float)move->dy + (near ? dy : 0);
    out->length    = 0;
    out->precision = n * (xx + yy) / ((residual > NOISE ? residual : NOISE) * (out->xx + out->yy + 1e-6F));
    return near && residual <= MISFIT * (xx + yy) + 8 * NOISE;
}

static float
texture_weight(const kt_cell_t *cell)
{
    return (cell->xx + cell->yy) * (cell->xx + cell->yy);
}

static move_t
fine_move(const place_t *place, const move_t *tries, size_t n)
{
    static const int8_t CROSS[4][2] = {{0, -1}, {-1, 0}, {1, 0}, {0, 1}};
    move_t              best        = no_move(place);
    if (best.difference <= SAME)
        return best;
    for (size_t i = 0; i < n; i++)
        try_move(place, tries[i].dx, tries[i].dy, &best);
    bool better = true;
    for (int step = 0; step < DESCENT && better; step++) {
        const move_t from = best;
        better            = false;
        for (size_t i = 0; i < 4; i++)
            better |= try_move(place, from.dx + CROSS[i][0], from.dy + CROSS[i][1], &best);
    }
    return best;
}

static place_t
place_of(const kt_match_t *self, const kt_yuv_t *yuv, uint32_t x, uint32_t y)
{
    return (place_t){self->ops->difference,
                     yuv->y + y * yuv->y_stride + x,
                     self->luma + (size_t)y * self->width + x,
                     yuv->y_stride,
                     self->width,
                     (int32_t)(x + KT_BLOCK + KT_BLOCK_MARGIN) - (int32_t)self->width,
                     (int32_t)x - KT_BLOCK_MARGIN,
                     (int32_t)(y + KT_BLOCK + KT_BLOCK_MARGIN) - (int32_t)self->height,
                     (int32_t)y - KT_BLOCK_MARGIN};
}

// A fade or a change of exposure is no movement: the kept picture gets the mean brightness of the other one.
static void
equalize(kt_match_t *self)
{
    const size_t n   = (size_t)(self->width / COARSE) * (self->height / COARSE);
    int64_t      sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += self->quarter[1][i] - self->quarter[0][i];
    const int by = n ? (int)lround((double)sum / (double)n) : 0;
    if (by == 0)
        return;
    self->ops->brighten(self->luma, (size_t)self->width * self->height, by);
    self->ops->brighten(self->quarter[0], n, by);
}

void
kt_match_run(kt_match_t *self, const kt_yuv_t *yuv, const float guess[2], kt_field_t *out)
{
    move_t   moves[KT_CELLS];
    coarse_t coarse;
    self->ops->quarter(yuv->y, yuv->y_stride, self->width, self->height, self->quarter[1]);
    if (!self->made[0])
        self->ops->quarter(self->luma, self->width, self->width, self->height, self->quarter[0]);
    self->made[0] = self->made[1] = true;
    equalize(self);
    coarse_search(self, guess, &coarse);
    for (uint32_t i = 0; i < out->across * out->down; i++) {
        const uint32_t column = i % out->across, row = i / out->across;
        const uint32_t x = out->left + column * KT_BLOCK, y = out->top + row * KT_BLOCK;
        const place_t  place    = place_of(self, yuv, x, y);
        move_t         tries[4] = {{nearest(guess[0]), nearest(guess[1]), 0}};
        size_t         n        = 1;
        if (coarse.across) {
            const uint32_t c   = (x + KT_BLOCK / 2) / (COARSE * COARSE_SIDE),
                           r   = (y + KT_BLOCK / 2) / (COARSE * COARSE_SIDE);
            const move_t *move = &coarse.move[(r < coarse.down ? r : coarse.down - 1) * coarse.across +
                                              (c < coarse.across ? c : coarse.across - 1)];
            tries[n++]         = (move_t){COARSE * move->dx, COARSE * move->dy, 0};
        }
        if (column)
            tries[n++] = moves[i - 1];
        if (row)
            tries[n++] = moves[i - out->across];
        moves[i] = fine_move(&place, tries, n);
        refine(&place, self->ops, &moves[i], &out->cell[i]);
        out->cell[i].difference = (float)moves[i].difference;
        out->cell[i].weight     = texture_weight(&out->cell[i]);
    }
}

float
kt_match_confirm(kt_match_t *self, const kt_yuv_t *yuv, kt_field_t *field)
{
    float    confirmed = 0, all                = 0;
    uint32_t unconfirmed[KT_CELLS + 1], others = 0;
    for (uint32_t i = 0; i < field->across * field->down; i++) {
        kt_cell_t     *cell = &field->cell[i];
        const float    dx = cell->dx, dy = cell->dy, length = cell->length, share = cell->weight;
        const uint32_t column = i % field->across, row = i / field->across;
        const place_t  place  = place_of(self, yuv, field->left + column * KT_BLOCK, field->top + row * KT_BLOCK);
        const move_t   move   = {within(nearest(dx), place.least_dx, place.most_dx),
                                 within(nearest(dy), place.least_dy, place.most_dy), 0};
        const bool     fits   = refine(&place, self->ops, &move, cell) && share > 0;
        const bool     mixed  = length > MIXED * sqrtf(dx * dx + dy * dy) + MIXED_PIXELS;
        const float    weight = texture_weight(cell);
        cell->difference      = 0;
        cell->weight          = share * weight;
        all += mixed ? 0 : weight;
        if (fits && !mixed) {
            cell->difference = (float)difference_at(&place, move.dx, move.dy);
            confirmed += cell->weight;
            continue;
        }
        cell->dx        = dx;
        cell->dy        = dy;
        cell->length    = length;
        cell->precision = 0;
        cell->weight *= mixed ? 1 : UNCONFIRMED;
        unconfirmed[others] = i;
        others += mixed ? 0 : 1;
    }
    // Where nearly all vectors fit, the others are of things that move and change.
    for (uint32_t i = 0; i < others && confirmed >= CONFIRMED_ALL * all; i++)
        field->cell[unconfirmed[i]].weight /= UNCONFIRMED;
    return all > 0 ? confirmed / all : 1;
}

// What noise alone lets a search find: some place that looks a little better.
static float
by_chance(float difference)
{
    return difference / 16 + PIXELS / 2;
}

void
kt_match_settle(const kt_match_t *self, const kt_yuv_t *yuv, const kt_camera_t *camera, kt_field_t *field)
{
    for (uint32_t i = 0; i < field->across * field->down; i++) {
        kt_cell_t     *cell = &field->cell[i];
        const uint32_t x = field->left + i % field->across * KT_BLOCK, y = field->top + i / field->across * KT_BLOCK;
        const place_t  place = place_of(self, yuv, x, y);
        float          move[2];
        kt_camera_at(camera, cell, move);
        const int32_t dx = within(nearest(move[0]), place.least_dx, place.most_dx);
        const int32_t dy = within(nearest(move[1]), place.least_dy, place.most_dy);
        if ((float)difference_at(&place, dx, dy) > cell->difference + by_chance(cell->difference))
            continue;
        cell->dx = move[0];
        cell->dy = move[1];
    }
}
