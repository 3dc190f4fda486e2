#include "node/video/motion/field.h"

#include <string.h>

enum { PIXELS = KT_BLOCK * KT_BLOCK };
// Trace of a block, in squared levels per pixel, at which a movement is known half: what noise of one level causes,
// twice.
#define HALF_TRACE 4.0F

void
kt_field_init(kt_field_t *self, uint32_t width, uint32_t height)
{
    self->width  = width;
    self->height = height;
    self->across = width > 2 * KT_BLOCK_MARGIN ? (width - 2 * KT_BLOCK_MARGIN) / KT_BLOCK : 0;
    self->down   = height > 2 * KT_BLOCK_MARGIN ? (height - 2 * KT_BLOCK_MARGIN) / KT_BLOCK : 0;
    self->left   = (width - self->across * KT_BLOCK) / 2;
    self->top    = (height - self->down * KT_BLOCK) / 2;
    for (uint32_t i = 0; i < self->across * self->down; i++)
        self->cell[i] =
            (kt_cell_t){.x = (float)(self->left + i % self->across * KT_BLOCK) + KT_BLOCK / 2.0F - (float)width / 2,
                        .y = (float)(self->top + i / self->across * KT_BLOCK) + KT_BLOCK / 2.0F - (float)height / 2};
}

void
kt_cell_texture(kt_cell_t *self, const kt_block_sums_t *sums)
{
    const float unit = 1.0F / (PIXELS * KT_BLOCK_SLOPE * KT_BLOCK_SLOPE), x = (float)sums->x, y = (float)sums->y;
    self->xx          = ((float)sums->xx - x * x / PIXELS) * unit;
    self->xy          = ((float)sums->xy - x * y / PIXELS) * unit;
    self->yy          = ((float)sums->yy - y * y / PIXELS) * unit;
    const float whole = 1 / (self->xx + self->yy + HALF_TRACE);
    self->xx *= whole;
    self->xy *= whole;
    self->yy *= whole;
}

typedef struct cell_sum {
    float area, dx, dy;
} cell_sum_t;

bool
kt_field_from_vectors(kt_field_t *self, const kt_block_ops_t *ops, const kt_video_frame_t *frame, uint32_t factor)
{
    cell_sum_t  sums[KT_CELLS];
    const float scale = 1.0F / (4.0F * (float)factor);
    float       known = 0, all = 0;
    memset(sums, 0, self->across * self->down * sizeof *sums);
    const int32_t side = (int32_t)(KT_BLOCK * factor), left = (int32_t)(self->left * factor),
                  top = (int32_t)(self->top * factor);
    for (size_t i = 0; i < frame->n_vectors; i++) {
        const kt_motion_vector_t *v = &frame->vectors[i];
        const int32_t             x = v->x - left, y = v->y - top;
        if (v->backward || x < 0 || y < 0 || x >= side * (int32_t)self->across || y >= side * (int32_t)self->down)
            continue;
        const float area = (float)(v->width * v->height);
        cell_sum_t *sum  = &sums[(uint32_t)(y / side) * self->across + (uint32_t)(x / side)];
        sum->area += area;
        sum->dx -= area * v->dx;
        sum->dy -= area * v->dy;
    }
    // Of large pictures there are fewer vectors than blocks: the fullest cell counts as covered.
    float most = (float)(side * side);
    if (frame->n_vectors >= KT_VECTORS_MAX)
        for (size_t i = most = 0; i < (size_t)self->across * self->down; i++)
            most = sums[i].area > most ? sums[i].area : most;
    for (uint32_t i = 0; i < self->across * self->down; i++) {
        kt_cell_t     *cell = &self->cell[i];
        const uint8_t *at   = frame->small.y + (self->top + i / self->across * KT_BLOCK) * frame->small.y_stride +
                            self->left + i % self->across * KT_BLOCK;
        kt_block_sums_t texture;
        const float     share = most > 0 ? sums[i].area / most : 0;
        ops->sums(at, frame->small.y_stride, at, frame->small.y_stride, &texture);
        kt_cell_texture(cell, &texture);
        cell->dx        = sums[i].area > 0 ? sums[i].dx / sums[i].area * scale : 0;
        cell->dy        = sums[i].area > 0 ? sums[i].dy / sums[i].area * scale : 0;
        cell->precision = cell->difference = 0;
        cell->weight                       = (share < 1 ? share : 1) * (cell->xx + cell->yy) * (cell->xx + cell->yy);
        known += cell->weight;
        all += (cell->xx + cell->yy) * (cell->xx + cell->yy);
    }
    return 2 * known >= all;
}
