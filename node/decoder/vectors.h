// kt_vectors -- the motion vectors that a codec has used, as node/decode/video_frame.h describes them. Pure.
#pragma once

#include "node/decode/video_frame.h"

#include <libavcodec/avcodec.h>
#include <stdbool.h>

void kt_vectors_ask(AVCodecContext *codec);          // before it is opened
bool kt_vectors_asked(const AVCodecContext *codec);  // and FFmpeg exports those of this codec
// Whether this picture has none because it is predicted from both sides: those of MPEG-4, which are not measured.
bool kt_vectors_left_out(const AVCodecContext *codec, const AVFrame *frame);
// At most KT_VECTORS_MAX, evenly from all; of a picture with backward ones only the first of those, which is half the
// cost of all vectors. 0: the picture has none.
uint32_t kt_vectors_copy(const AVFrame *frame, kt_motion_vector_t *out);
