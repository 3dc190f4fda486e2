// kt_edge_lines -- rows and columns at the edges of a picture that are black: what bars are found by (look/letterbox.h,
// shots/bars.h). A line is black if few of its pixels are above a limit of Y. Pure; any thread.
#pragma once

#include "kernels/image/blocks.h"
#include "node/decode/video_frame.h"

#include <stdbool.h>

typedef enum kt_side { KT_TOP, KT_BOTTOM, KT_LEFT, KT_RIGHT, KT_SIDES } kt_side_t;

// The limit: 7 % of full luma, because coding and an analogue source leave a little more than black.
uint8_t kt_edge_limit(bool full_range);
// How many lines from a side on have at most `share` of their pixels above the limit; at most `most` and half of the
// picture.
uint32_t kt_edge_black_lines(const kt_block_ops_t *ops, const kt_yuv_t *yuv, kt_side_t side, uint32_t most,
                             uint8_t limit, double share);
// Share of the pixels above the limit of the line at a distance from a side, which is below the picture's size.
double kt_edge_bright_share(const kt_block_ops_t *ops, const kt_yuv_t *yuv, kt_side_t side, uint32_t distance,
                            uint8_t limit);
