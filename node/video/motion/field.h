// kt_field -- how the parts of one picture moved since an earlier one: a grid of cells of 16 x 16 pixels of the reduced
// picture. Two methods fill it: codec vectors (field.c) and block matching (match.c). Plain data.
#pragma once

#include "kernels/image/blocks.h"
#include "node/decode/video_frame.h"

#include <stdbool.h>
#include <stddef.h>

enum { KT_CELLS_ACROSS = KT_SMALL_MOST / KT_BLOCK, KT_CELLS = KT_CELLS_ACROSS * KT_CELLS_ACROSS };

// Movement of the content, in reduced pixels. The texture says in which directions a movement can be seen: along an
// edge it cannot. It is the matrix of the products of the derivatives, without the block's mean, over its trace and a
// constant, so that its trace tends to 1 with strong texture and to 0 with none.
typedef struct kt_cell {
    float x, y;  // centre, from the middle of the picture
    float dx, dy;
    float length;      // mean length of the movements within the cell: more than that of (dx, dy) if they differ
    float xx, xy, yy;  // texture
    float precision;   // inverse variance of a component that can be seen, by the residual of the match; 0: unknown
    float difference;  // sum of absolute differences of the match
    float weight;      // share of the cell for which the movement is known, times the squared trace of the texture
} kt_cell_t;

typedef struct kt_field {
    uint32_t  width, height;   // reduced picture
    uint32_t  across, down;    // cells; 0: the picture is too small
    uint32_t  left, top;       // pixel of the first cell
    kt_cell_t cell[KT_CELLS];  // across x down of them
} kt_field_t;

// Grid and centres; all weights 0.
void kt_field_init(kt_field_t *self, uint32_t width, uint32_t height);
// Texture of a cell from its sums.
void kt_cell_texture(kt_cell_t *self, const kt_block_sums_t *sums);

// Movements from the vectors of a picture that was predicted from an earlier one; `weight` is the share of the cell
// that has vectors. factor: coded pixels per reduced pixel.
void kt_field_from_vectors(kt_field_t *self, const kt_video_frame_t *frame, uint32_t factor);
