// kt_picture -- decoded pictures of any pixel format as 8-bit Y, U, V with 4:2:0 chroma, reduced by a factor. YUV keeps
// its range and matrix; RGB, palettes and their like become BT.601 of full range, gray gets chroma of 128. One thread.
#pragma once

#include "common/err.h"
#include "node/decoder/reduce.h"

#include <libavutil/frame.h>
#include <libavutil/pixdesc.h>
#include <stdbool.h>

typedef struct kt_picture {
    uint32_t    width, height;  // of the first picture; a later one of another size is scaled to it
    kt_reduce_t reduce;
    uint32_t    begin[KT_WHOLE_MOST], end[KT_WHOLE_MOST];
    uint8_t     rgb[3][2][KT_WHOLE_MOST];  // two rows
    uint8_t    *unpacked;                  // of formats that are read sample by sample
    size_t      unpacked_bytes;
} kt_picture_t;

// Whether pictures of this format can be read.
bool kt_picture_format(int format);
void kt_picture_init(kt_picture_t *self, uint32_t width, uint32_t height);  // each at most KT_VIDEO_SIDE_MAX
// Planes without gaps: Y, U, V of width / factor x height / factor, which is at least 1 and at most KT_WHOLE_MOST, into
// kt_yuv_bytes. KT_ECODEC (a format that kt_picture_format denies, a side above KT_VIDEO_SIDE_MAX), KT_EDECMEM.
KT_MUST_USE kt_err_t kt_picture_planes(kt_picture_t *self, const AVFrame *frame, uint32_t factor, uint8_t *out);
