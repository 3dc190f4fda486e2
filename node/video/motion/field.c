#include "node/video/motion/field.h"

#include <math.h>
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
    float area, dx, dy, length;
} cell_sum_t;

void
kt_field_from_vectors(kt_field_t *self, const kt_video_frame_t *frame, uint32_t factor)
{
    cell_sum_t  sums[KT_CELLS];
    const float scale = 1.0F / (4.0F * (float)factor), per_side = 1.0F / (KT_BLOCK * (float)factor);
    memset(sums, 0, self->across * self->down * sizeof *sums);
    const int32_t side = (int32_t)(KT_BLOCK * factor), left = (int32_t)(self->left * factor),
                  top = (int32_t)(self->top * factor);
    for (size_t i = 0; i < frame->n_vectors; i++) {
        const kt_motion_vector_t *v = &frame->vectors[i];
        const int32_t             x = v->x - left, y = v->y - top;
        if (v->backward || x < 0 || y < 0 || x >= side * (int32_t)self->across || y >= side * (int32_t)self->down)
            continue;
        const float area = (float)(v->width * v->height);
        // By multiplication: a division takes longer than all of the rest.
        const uint32_t row    = (uint32_t)(((float)y + 0.5F) * per_side),
                       column = (uint32_t)(((float)x + 0.5F) * per_side);
        cell_sum_t *sum       = &sums[row * self->across + column];
        sum->area += area;
        sum->dx -= area * v->dx;
        sum->dy -= area * v->dy;
        if (v->dx || v->dy)
            sum->length += area * sqrtf((float)(v->dx * v->dx + v->dy * v->dy));
    }
    // Of large pictures there are fewer vectors than blocks: the fullest cell counts as covered.
    float most = (float)(side * side);
    if (frame->n_vectors >= KT_VECTORS_MAX)
        for (size_t i = most = 0; i < (size_t)self->across * self->down; i++)
            most = sums[i].area > most ? sums[i].area : most;
    for (uint32_t i = 0; i < self->across * self->down; i++) {
        const float area = sums[i].area, share = most > 0 ? area / most : 0;
        self->cell[i].dx     = area > 0 ? sums[i].dx / area * scale : 0;
        self->cell[i].dy     = area > 0 ? sums[i].dy / area * scale : 0;
        self->cell[i].length = area > 0 ? sums[i].length / area * scale : 0;
        self->cell[i].weight = share < 1 ? share : 1;
    }
}
