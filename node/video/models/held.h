// kt_held -- a sampled picture, held until it is decided whether the models see it, and its RGB as shown. One thread.
#pragma once

#include "common/err.h"
#include "kernels/image/rgb.h"
#include "models/input/image_input.h"
#include "node/decode/video_frame.h"

// The longer side is reduced to at most this, by an integer factor, as means of blocks: models see no more than this.
enum { KT_HELD_SIDE = 2048 };

typedef struct kt_held {
    double   time_s;
    uint32_t factor;  // coded pixels per pixel of yuv
    kt_yuv_t yuv;     // without gaps; lies in bytes
    uint8_t *bytes;
    size_t   capacity;
} kt_held_t;

// Copies the frame's whole picture. The memory of an earlier one is used again. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_held_set(kt_held_t *self, const kt_video_frame_t *frame);
void                 kt_held_fini(kt_held_t *self);

// Packed RGB without gaps, turned clockwise by 0, 90, 180 or 270 degrees; each pixel has the chroma of its block of
// four. rgb: 3 x width x height bytes. Returns the picture, which borrows rgb.
kt_picture_t kt_held_rgb(const kt_held_t *self, const kt_rgb_t *matrix, uint32_t rotation, bool mirrored, uint8_t *rgb);
