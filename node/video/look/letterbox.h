// kt_letterbox -- black bars at the edges of the picture that stay over the film (letterbox, pillarbox). A row belongs
// to a bar if nearly all of its pixels are black; a side's bar is the height that holds in nearly all bright pictures.
// Found on the reduced pictures, and to the pixel on the whole ones where there are any. One instance per thread.
#pragma once

#include "node/video/shots/edge_lines.h"

typedef struct kt_letterbox {
    const kt_block_ops_t *ops;
    kt_edge_band_t        black;
    uint32_t              factor;  // coded pixels per pixel of the reduced planes
    uint64_t              pictures;
    uint32_t              small[KT_SIDES][KT_SMALL_MOST / 2 + 1];  // pictures whose bar is that high
    uint32_t              wholes, whole_factor;
    uint16_t              whole[KT_SIDES][KT_WHOLE_MOST / 2 + 1];
} kt_letterbox_t;

void kt_letterbox_init(kt_letterbox_t *self, const kt_block_ops_t *ops, bool full_range);
// A bright picture; factor: coded pixels per pixel of frame->small.
void kt_letterbox_add(kt_letterbox_t *self, const kt_video_frame_t *frame, uint32_t factor);
// Coded pixels. false: there was no bright picture.
bool kt_letterbox_find(const kt_letterbox_t *self, uint32_t out[KT_SIDES]);
