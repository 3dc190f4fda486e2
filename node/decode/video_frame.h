// kt_video_frame -- one decoded picture as a track gets it: reduced planes of every picture, the planes at full size of
// the pictures that are sampled, and the codec's motion vectors. Plain data.
//
// Planes are 8-bit Y, U, V with 4:2:0 chroma, as coded: kt_media_info_t says range and matrix. Deeper pictures are
// rounded to 8 bits, other chroma is averaged or repeated to 4:2:0. RGB ("gbr", palettes too) becomes BT.601 of full
// range, gray gets chroma of 128. They are neither rotated nor stretched to square pixels.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KT_SMALL_MOST = 352,  // longer side of the reduced planes: at most this, see kt_small_factor
    KT_WHOLE_MOST =
        4096,  // a longer side is reduced to at most this by an integer factor (kt_video_frame_t.whole_factor)
    KT_VECTORS_MAX    = 8192,   // of one picture; those of larger pictures are thinned out evenly
    KT_VIDEO_SIDE_MAX = 16384,  // coded pictures with a longer side are refused
};

// Pixels of the coded picture per pixel of the reduced planes, in both directions: the least integer that leaves the
// longer side at most KT_SMALL_MOST, which is more than half of that. A reduced pixel is the rounded mean of factor x
// factor pixels; pixels that do not fill a block at the right and lower edge are left out.
static inline uint32_t
kt_small_factor(uint32_t width, uint32_t height)
{
    const uint32_t side = width > height ? width : height, factor = (side + KT_SMALL_MOST - 1) / KT_SMALL_MOST;
    return factor > 1 ? factor : 1;
}

typedef struct kt_yuv {
    uint32_t       width, height;  // of Y; chroma planes have (width + 1) / 2 x (height + 1) / 2. 0: not there
    const uint8_t *y, *u, *v;
    size_t         y_stride, c_stride;  // bytes from row to row
} kt_yuv_t;

// Bytes of planes without gaps.
static inline size_t
kt_yuv_bytes(uint32_t width, uint32_t height)
{
    return (size_t)width * height + 2 * ((size_t)(width + 1) / 2 * ((height + 1) / 2));
}

typedef enum kt_frame_flag {
    KT_FRAME_KEY        = 1 << 0,  // the container or the codec marks it as a key frame
    KT_FRAME_INTRA      = 1 << 1,  // coded without reference to others: it has no vectors
    KT_FRAME_INTERLACED = 1 << 2,  // declared by the codec
    KT_FRAME_TOP_FIRST  = 1 << 3,
    KT_FRAME_DAMAGED    = 1 << 4,  // the decoder reported errors in it or concealed parts of it
    KT_FRAME_REPEATED   = 1 << 5,  // its reduced planes are the same bytes as those of the frame before
    KT_FRAME_SAMPLED    = 1 << 6,  // whole is there
    KT_FRAME_NO_TIME    = 1 << 7,  // the file gives it no time: time_s continues from the frames before
    KT_FRAME_BETWEEN    = 1 << 8,  // predicted from both sides, and its vectors were not asked for: it gives none
} kt_frame_flag_t;

// One block of the picture was predicted from (x + dx, y + dy) of a neighbouring picture; centre in coded pixels,
// movement in quarters of one. The movement of the content from the reference to this picture is (-dx, -dy), of vectors
// to a later picture (backward) it is (dx, dy). Of a picture with backward vectors one of those is given, and no
// others.
typedef struct kt_motion_vector {
    int16_t x, y, dx, dy;
    uint8_t width, height;   // of the block
    uint8_t backward, zero;  // zero: 0
} kt_motion_vector_t;

typedef struct kt_video_frame {
    uint64_t index;  // in the order of presentation, from 0
    double
        time_s;  // presentation time from the file's begin (kt_media_info_t.start_s); may be negative; never decreases
    uint32_t                  flags;         // kt_frame_flag_t
    uint32_t                  whole_factor;  // coded pixels per pixel of whole; 1 but for pictures above KT_WHOLE_MOST
    kt_yuv_t                  small, whole;
    const kt_motion_vector_t *vectors;  // NULL: this codec exports none
    size_t                    n_vectors;
} kt_video_frame_t;

// Whether it was predicted from both sides: its vectors, if it gives any, are no movement since the picture before.
static inline bool
kt_frame_between(const kt_video_frame_t *frame)
{
    return frame->flags & KT_FRAME_BETWEEN || (frame->n_vectors > 0 && frame->vectors[0].backward);
}
