// kt_still -- a decoded picture as it is shown: RGB, turned, with square pixels; and its planes in between, which
// need a quarter of the memory. Only the source includes cairo, which turns, stretches and writes PNG. One thread.
#pragma once

#include "common/err.h"
#include "node/decode/media_info.h"
#include "node/decode/video_frame.h"
#include "node/video/rgb.h"

#include <stdint.h>

// How the pictures of a stream are shown.
typedef struct kt_still_shape {
    kt_rgb_t matrix;
    uint32_t rotation;      // 0, 90, 180, 270: clockwise
    bool     mirrored;      // and then left to right
    double   pixel_aspect;  // width of a pixel over its height
} kt_still_shape_t;
kt_still_shape_t kt_still_shape(const kt_media_info_t *media_info);

// Own planes: a copy, each plane reduced by an integer factor to a longer side of at most `side` (means of blocks).
typedef struct kt_planes {
    kt_yuv_t yuv;
    uint8_t *bytes;  // of all three
} kt_planes_t;
KT_MUST_USE kt_err_t kt_planes_copy(kt_planes_t *self, const kt_yuv_t *yuv, uint32_t side);  // KT_ENOMEM
void                 kt_planes_fini(kt_planes_t *self);

typedef struct kt_still {
    uint32_t  width, height;
    uint32_t *pixels;  // [height][width], 0xffRRGGBB
} kt_still_t;
// Within most_width x most_height, never larger than it is shown at its own size. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_still_make(kt_still_t *self, const kt_still_shape_t *shape, const kt_yuv_t *yuv,
                                   uint32_t most_width, uint32_t most_height);
void                 kt_still_fini(kt_still_t *self);
// A PNG file. KT_EIO, KT_EDISK, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_still_write(const kt_still_t *self, const char *path);
