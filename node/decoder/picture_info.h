// kt_picture_info -- what FFmpeg reports about the moving picture, as node/decode/media_info.h.
#pragma once

#include "node/decode/media_info.h"

#include <libavformat/avformat.h>

// first: the first decoded picture, which overrides the container (a sample table may state the size of another
// version of the film); NULL if none has been decoded. Texts are names of FFmpeg.
void kt_picture_info_fill(kt_media_info_t *out, AVFormatContext *format, AVStream *stream, const AVFrame *first);
