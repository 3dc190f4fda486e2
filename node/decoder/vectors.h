// kt_vectors -- the motion vectors that a codec has used, as node/decode/video_frame.h describes them. Pure.
#pragma once

#include "node/decode/video_frame.h"

#include <libavcodec/avcodec.h>
#include <stdbool.h>

bool kt_vectors_codec(enum AVCodecID codec);  // whether FFmpeg exports those of this codec
// At most KT_VECTORS_MAX, evenly from all; of a picture with backward ones only the first of those, which is half the
// cost of all vectors. 0: the picture has none.
uint32_t kt_vectors_copy(const AVFrame *frame, kt_motion_vector_t *out);
