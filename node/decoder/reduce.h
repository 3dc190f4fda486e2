// kt_reduce -- one component of a picture at a smaller size: each pixel is the rounded mean of a block. Exact in
// integers, so that all instruction sets give the same bytes. One thread.
#pragma once

#include "node/decode/video_frame.h"

#include <stddef.h>
#include <stdint.h>

// Samples of 8 bits, or of 16 bits in the machine's byte order of which the lower `depth` bits count.
typedef struct kt_plane {
    const uint8_t *data;           // of the first sample
    ptrdiff_t      stride;         // bytes from row to row; may be negative
    uint32_t       width, height;  // samples of this component
    uint32_t       step;           // samples from one to the next: 1, or more where components are interleaved
    uint32_t       bytes;          // of a sample: 1 or 2
    uint32_t       depth;          // 8, or 9 to 16
} kt_plane_t;

enum {
    KT_REDUCE_STEPS  = 4,                                           // of kt_plane_t.step, at most
    KT_REDUCE_FACTOR = 2 * (KT_VIDEO_SIDE_MAX / KT_SMALL_MOST + 1)  // of chroma that is stored at full size, at most
};

// Scratch: sums of columns, and of blocks. 400 KB.
typedef struct kt_reduce {
    uint32_t columns[KT_VIDEO_SIDE_MAX * KT_REDUCE_STEPS + 64];
    uint32_t blocks[KT_VIDEO_SIDE_MAX + 64];
} kt_reduce_t;

// One row of `width` pixels: blocks of `factor` columns, of which the last may have fewer, over the rows [from, to), at
// least one and at most KT_REDUCE_FACTOR. The plane is at most KT_VIDEO_SIDE_MAX wide, and reaches into the last block.
void kt_reduce_row(kt_reduce_t *self, const kt_plane_t *plane, uint32_t factor, uint32_t from, uint32_t to,
                   uint8_t *out, uint32_t width);
// The same of the columns [begin[x], end[x]), at least one each, and any number of rows.
void kt_reduce_spans(kt_reduce_t *self, const kt_plane_t *plane, const uint32_t *begin, const uint32_t *end,
                     uint32_t from, uint32_t to, uint8_t *out, uint32_t width);
