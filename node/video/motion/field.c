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

// Areas in units of 16 pixels, lengths in quarters of a coded pixel. Whatever the vectors say, there is room for it.
typedef struct cell_sum {
    int64_t area, dx, dy, length;
} cell_sum_t;

// Length of a vector within 2.5 %.
static int32_t
length_of(int32_t dx, int32_t dy)
{
    const int32_t x = dx < 0 ? -dx : dx, y = dy < 0 ? -dy : dy, most = x > y ? x : y, least = x > y ? y : x;
    const int32_t slanted = (116 * most + 61 * least) / 128;
    return slanted > most ? slanted : most;
}

static void
add_vectors(const kt_field_t *self, const kt_video_frame_t *frame, uint32_t factor, cell_sum_t *sums)
{
    // Divisions by multiplication, exact for 16 bits: there are thousands of vectors.
    const uint64_t inverse = ((uint64_t)1 << 32) / (KT_BLOCK * factor) + 1;
    const uint32_t left = self->left * factor, top = self->top * factor;
    for (size_t i = 0; i < frame->n_vectors; i++) {
        const kt_motion_vector_t *v      = &frame->vectors[i];
        const uint32_t            column = (uint32_t)((uint64_t)((uint32_t)v->x - left) * inverse >> 32);
        const uint32_t            row    = (uint32_t)((uint64_t)((uint32_t)v->y - top) * inverse >> 32);
        if (column >= self->across || row >= self->down || v->backward)  // those left of the first are huge
            continue;
        const int64_t units = v->width * v->height / 16, area = units > 0 ? units : 1;
        cell_sum_t   *sum = &sums[row * self->across + column];
        sum->area += area;
        if (v->dx == 0 && v->dy == 0)
            continue;
        sum->dx -= area * v->dx;
        sum->dy -= area * v->dy;
        sum->length += area * length_of(v->dx, v->dy);
    }
}

void
kt_field_from_vectors(kt_field_t *self, const kt_video_frame_t *frame, uint32_t factor)
{
    cell_sum_t     sums[KT_CELLS];
    const uint32_t n = self->across * self->down;
    memset(sums, 0, n * sizeof *sums);
    add_vectors(self, frame, factor, sums);
    // Of large pictures there are fewer vectors than blocks: the fullest cell counts as covered.
    int64_t most = (int64_t)(KT_BLOCK * KT_BLOCK / 16) * factor * factor;
    if (frame->n_vectors >= KT_VECTORS_MAX)
        for (uint32_t i = most = 0; i < n; i++)
            most = sums[i].area > most ? sums[i].area : most;
    for (uint32_t i = 0; i < n; i++) {
        const float area = (float)sums[i].area, share = most > 0 ? area / (float)most : 0;
        const float scale    = area > 0 ? 1 / (4 * (float)factor * area) : 0;
        self->cell[i].dx     = scale * (float)sums[i].dx;
        self->cell[i].dy     = scale * (float)sums[i].dy;
        self->cell[i].length = scale * (float)sums[i].length;
        self->cell[i].weight = share < 1 ? share : 1;
    }
}
