// kt_image_input -- preprocessing of a picture model, as its file describes it: 8-bit RGB in, the graph's input out.
//
// Members of "input" with kind "image" (defaults in brackets); "frames" has the same and a fixed size:
//   colour: "rgb" [default] or "bgr"
//   size: {mode: "fixed" (height, width), "stretch" (each side up to a multiple), "short_side" (least, most, multiple:
//   the
//     shorter side is enlarged to least, the longer one reduced to most, sides rounded to a multiple), "height"
//     (height; width in proportion, padded with zeros to a multiple, at least least)}
//   filter: "bilinear" [default; OpenCV's: half-pixel centres, no antialias], "bicubic", "area"
//   scale [1], offset [0]: v * scale + offset, one number or one per channel in the graph's order
#pragma once

#include "models/format/ktm.h"

typedef struct kt_image_input kt_image_input_t;  // constant; any thread

typedef struct kt_picture {
    const uint8_t *rgb;  // packed, 3 bytes per pixel
    uint32_t       width, height;
    size_t         stride;  // bytes from row to row
} kt_picture_t;

KT_MUST_USE kt_err_t kt_image_input_new(kt_image_input_t **self_p, const kt_ktm_t *file, char why[KT_KTM_WHY]);
void                 kt_image_input_destroy(kt_image_input_t **self_p);
// Size of the graph's input for a picture of this size.
void kt_image_input_size(const kt_image_input_t *self, uint32_t width, uint32_t height, int64_t *h, int64_t *w);
// out: [3][h][w]. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_image_input_place(const kt_image_input_t *self, const kt_picture_t *picture, float *out);
