// kt_shot_picture -- what is compared of a picture to find shots: its local structure at about 80 pixels on the longer
// side, its colours, its mean levels. Brightness and contrast are divided out of the structure, so that flicker, fades
// and exposure change it little. Pure functions on memory of the caller; any thread.
#pragma once

#include "common/err.h"
#include "kernels/image/stats.h"
#include "node/decode/video_frame.h"

#include <stdbool.h>

enum {
    KT_SHOT_SIDE     = 80,   // the longer side is about this long
    KT_SHOT_SIDE_MAX = 120,  // and at most this: (2 * side + SIDE) / (2 * SIDE) is 1 up to it
    KT_SHOT_BLOCK    = 8,
    KT_SHOT_ACROSS   = KT_SHOT_SIDE_MAX / KT_SHOT_BLOCK + 1,  // even
    KT_SHOT_BLOCKS   = KT_SHOT_ACROSS * (KT_SHOT_SIDE_MAX / KT_SHOT_BLOCK),
    KT_SHOT_PAD      = 16,  // neutral pixels around the structure: the largest movement that is searched
    KT_SHOT_NEUTRAL  = 128,
};

// Sizes that all pictures of a stream share, until its bars (bars.h) change.
typedef struct kt_shot_size {
    uint32_t left, top;                    // where the part of the reduced planes that is compared begins
    uint32_t factor, width, height;        // pixels of the reduced planes per pixel; size
    uint32_t chroma_width, chroma_height;  // half of it
    uint32_t across, down;                 // blocks
    size_t   stride;                       // of the structure
} kt_shot_size_t;

// What lies around the part that is compared: bars.
typedef struct kt_shot_border {
    double   share;                     // of the pixels of the picture
    uint8_t  level[3];                  // Y, U, V
    uint16_t colour[KT_IMAGE_COLOURS];  // share of each colour, of 65535
} kt_shot_border_t;

typedef struct kt_shot_picture {
    uint64_t index;
    double   time_s;
    float    mean, deviation;           // of luma, 8-bit steps
    float    contrast;                  // mean absolute local structure of luma, 8-bit steps
    float    change, moved;             // from the different picture before: kt_shot_difference_moved
    float    floor;                     // sum of absolute differences per block that noise makes, in steps of detail
    uint16_t colour[KT_IMAGE_COLOURS];  // share of each colour, of 65535
    uint32_t intra[KT_SHOT_BLOCKS];     // sum of |detail - neutral| per block, in rows of KT_SHOT_ACROSS
    uint8_t *detail;  // [height + 2 PAD][stride], origin at (PAD, PAD): local structure, normalised, around neutral
    uint8_t *luma, *u, *v;  // levels, without gaps; luma at the full size, u and v at that of chroma
} kt_shot_picture_t;

// Of reduced planes of this size, of which all is compared.
void   kt_shot_size(uint32_t width, uint32_t height, kt_shot_size_t *out);
bool   kt_shot_size_same(const kt_shot_size_t *a, const kt_shot_size_t *b);
size_t kt_shot_picture_bytes(const kt_shot_size_t *size);  // of the planes of one picture
size_t kt_shot_picture_bytes_most(void);                   // the same of the largest size
// Lays the planes of a picture out in `memory` of that many bytes and makes the padding neutral.
void kt_shot_picture_init(kt_shot_picture_t *self, const kt_shot_size_t *size, uint8_t *memory);
// Copies a picture; both are initialised, of this size.
void kt_shot_picture_copy(kt_shot_picture_t *self, const kt_shot_size_t *size, const kt_shot_picture_t *from);
// yuv: the part of the reduced planes that is compared. stats: of all colours of the picture, those of the border too.
void kt_shot_picture_make(kt_shot_picture_t *self, const kt_shot_size_t *size, const kt_yuv_t *yuv,
                          const kt_image_stats_t *stats, const kt_shot_border_t *border);
// Makes n pictures for another part of the reduced planes, each in memory of kt_shot_picture_bytes_most: the first
// `kept` of what is known of them, the levels of their part and the border around it; the others are initialised. What
// was measured between pictures stays: change, moved.
void kt_shot_pictures_refit(kt_shot_picture_t pictures[], size_t n, size_t kept, const kt_shot_size_t *before,
                            const kt_shot_size_t *size, const kt_shot_border_t *border);
