// kt_rgb -- Y, U, V with 4:2:0 chroma to packed RGB, full range, in integers. Coefficients: ITU-R BT.601, BT.709,
// BT.2020 (non-constant luminance), 14 bits. Pure; any thread.
#pragma once

#include "kernels/image/rgb.h"
#include "node/decode/video_frame.h"

#include <stdbool.h>

// color_space: FFmpeg's name; "": BT.709 for 720 lines and more, else BT.601.
void kt_rgb_init(kt_rgb_t *self, const char *color_space, uint32_t height, bool full_range);
// One pixel per chroma sample, from the rounded mean of its Y (four, or those that the picture has):
// [(height + 1) / 2][(width + 1) / 2][3].
void kt_rgb_half(const kt_rgb_t *self, const kt_rgb_ops_t *ops, const kt_yuv_t *yuv, uint8_t *rgb);
