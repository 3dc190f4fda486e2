// kt_media -- one media file through FFmpeg: a custom AVIO over the input (a stream cannot seek), no protocols, the
// demuxer that the sniffer named, one audio decoder, one thread. Runs in the sandboxed child.
#pragma once

#include "node/decoder/sniff.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdbool.h>

typedef struct kt_media {
    kt_input_t      *input;            // the caller's
    uint64_t         start, position;  // FFmpeg sees the bytes from start on
    bool             hit_end, io_failed;
    AVFormatContext *format;
    AVIOContext     *io;
    AVCodecContext  *codec;
    AVStream        *audio, *video;  // NULL if there is none; video is never cover art
    AVPacket        *packet;
    AVFrame         *frame;
    bool             draining;
    uint64_t         packets, damaged;  // of the audio stream: read; refused by the decoder
    bool             unsupported;       // the decoder reported a missing feature
    char             why[200];
} kt_media_t;

// Opens the container. why holds the reason of a failure. KT_ETRUNCATED, KT_EDAMAGED, KT_EIO, KT_EDECMEM.
KT_MUST_USE kt_err_t kt_media_open(kt_media_t *self, kt_input_t *input, const kt_sniffed_t *sniffed);
// Opens the decoder of self->audio. KT_ENOAUDIO, KT_ECODEC, KT_EDECMEM, KT_EDAMAGED.
KT_MUST_USE kt_err_t kt_media_open_codec(kt_media_t *self);
// The next decoded frame with its time stamp in the stream's time base, valid until the next call; NULL at the end.
// Packets that cannot be decoded are counted and skipped. KT_EIO, KT_EDECMEM.
KT_MUST_USE kt_err_t kt_media_next(kt_media_t *self, AVFrame **frame);
