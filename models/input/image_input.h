// kt_image_input -- preprocessing of a picture model, as its file describes it: 8-bit RGB in, the graph's input out.
//
// Members of "input" with kind "image" (defaults in brackets); "frames" has the same with a fixed size, and blocks:
//   colour: "rgb" [default] or "bgr"
//   size: {mode: "fixed" (height, width); "stretch" (multiple: each side up to a multiple of it); "short_side" (least,
//     most, multiple: the shorter side is enlarged to least, unless the longer one would be above most; each side is
//     rounded to a multiple); "height" (height, least [1], multiple [1]: the width in proportion, filled up with zeros
//     to a multiple that is at least least)}
//   filter: "bilinear" [default] or "bicubic": OpenCV's, with half-pixel centres and no smoothing before a reduction,
//     in its integer arithmetic, to 8 bits; bilinear gives OpenCV's bytes, bicubic is within 1 of them; "area": means
//     of the covered areas, to 8 bits, within 1 of OpenCV's for reductions
//   scale [1], offset [0]: v * scale + offset, one number or one per channel in the graph's order
//   blocks, of "frames" alone: {frames, left [0], right [0]}: each run is about `frames` consecutive pictures and has
//   so
//     many more before and behind them as context. Copies of the first and of the last picture stand where the video
//     has none, also behind a last block that lacks some of its own
#pragma once

#include "models/format/ktm.h"

typedef struct kt_image_input kt_image_input_t;  // constant; any thread

enum { KT_PICTURE_SIDE = 32768 };

typedef struct kt_picture {
    const uint8_t *rgb;  // packed, 3 bytes per pixel
    uint32_t       width, height;
    size_t         stride;  // bytes from row to row
} kt_picture_t;

typedef struct kt_image_blocks {
    uint32_t frames, left, right;  // frames 0: single pictures
} kt_image_blocks_t;

// KT_EMODEL: why names the member. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_image_input_new(kt_image_input_t **self_p, const kt_ktm_t *file, char why[KT_KTM_WHY]);
// The same of a description without a file.
KT_MUST_USE kt_err_t kt_image_input_parse(kt_image_input_t **self_p, const json_t *input, char why[KT_KTM_WHY]);
void                 kt_image_input_destroy(kt_image_input_t **self_p);
kt_image_blocks_t    kt_image_input_blocks(const kt_image_input_t *self);
// Size of the graph's input for a picture with sides from 1 to KT_PICTURE_SIDE.
void kt_image_input_size(const kt_image_input_t *self, uint32_t width, uint32_t height, int64_t *h, int64_t *w);
// out: [3][h][w]. KT_EINVAL: a side is 0 or above KT_PICTURE_SIDE, in the picture or in the result. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_image_input_place(const kt_image_input_t *self, const kt_picture_t *picture, float *out);
