// kt_edge_lines -- rows and columns at the edges of a picture that are black or of another plain level: what bars are
// found by (look/letterbox.h, shots/bars.h). A line is plain if few of its pixels are outside a band of levels of Y.
// Pure; any thread.
#pragma once

#include "kernels/image/blocks.h"
#include "node/decode/video_frame.h"

#include <stdbool.h>

typedef enum kt_side { KT_TOP, KT_BOTTOM, KT_LEFT, KT_RIGHT, KT_SIDES } kt_side_t;

// Levels of Y, bounds included.
typedef struct kt_edge_band {
    uint8_t low, high;
} kt_edge_band_t;

// Black: up to 7 % of full luma, because coding and an analogue source leave a little more.
kt_edge_band_t kt_edge_black(bool full_range);
// Around the mean of the line at this side.
kt_edge_band_t kt_edge_level(const kt_yuv_t *yuv, kt_side_t side);
// How many lines from a side on have at most `share` of their pixels outside the band; at most `most` and half of the
// picture.
uint32_t kt_edge_lines(const kt_block_ops_t *ops, const kt_yuv_t *yuv, kt_side_t side, uint32_t most,
                       kt_edge_band_t band, double share);
// Share of the pixels outside the band of the line at a distance from a side, which is below the picture's size.
double kt_edge_outside(const kt_block_ops_t *ops, const kt_yuv_t *yuv, kt_side_t side, uint32_t distance,
                       kt_edge_band_t band);
