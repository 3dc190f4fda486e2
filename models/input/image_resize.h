// kt_image_resize -- a picture to another size, 8 bits to 8 bits. Pure; any thread.
#pragma once

#include "models/input/image_input.h"

typedef enum kt_image_filter { KT_FILTER_BILINEAR, KT_FILTER_BICUBIC, KT_FILTER_AREA } kt_image_filter_t;

// out: [height][width][3]. All sides are from 1 to KT_PICTURE_SIDE. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_image_resize(kt_image_filter_t filter, const kt_picture_t *picture, uint32_t width,
                                     uint32_t height, uint8_t *out);
