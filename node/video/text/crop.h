// kt_crop -- cuts a line of text out of a picture, as a horizontal rectangle: the perspective transform of its four
// corners, bicubic (OpenCV's kernel), the border repeated outside. A box of more than 1.5 times its width in height is
// turned by a quarter counter-clockwise. Pure; any thread.
#pragma once

#include "models/input/image_input.h"
#include "node/video/text/boxes.h"

enum { KT_CROP_ASPECT = 80 };  // longer boxes are squeezed to this: the recogniser takes no wider ones

// corner: in pixels of the picture, clockwise from the upper left one. *rgb: packed, of the crop's size; free it.
// KT_EINVAL: a side is shorter than a pixel. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_crop_new(const kt_picture_t *picture, const kt_point_t corner[4], uint8_t **rgb,
                                 kt_picture_t *out);
