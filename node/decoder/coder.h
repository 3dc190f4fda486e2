// kt_coder -- one stream of a file and its decoder: a codec of a short list, one thread. Runs in the sandboxed child.
#pragma once

#include "common/err.h"
#include "node/decode/client.h"
#include "node/decoder/counts/slots.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdbool.h>

// All codecs that may be opened, as FFmpeg's lists of decoder names.
extern const char KT_AUDIO_CODECS[], KT_VIDEO_CODECS[];

// Of a picture: 16K video has fewer.
enum { KT_PIXELS_MAX = KT_VIDEO_SIDE_MAX * (KT_VIDEO_SIDE_MAX / 2) };

typedef struct kt_coder {
    AVStream       *stream;                 // NULL: there is none
    AVCodecContext *codec;                  // NULL: its packets are only counted
    AVFrame        *frame;                  // the last that was received
    uint64_t        packets, damaged;       // read; refused by the decoder, or without a result
    uint64_t        noted;                  // damaged ones that kt_coder_damage has returned
    uint64_t        unsupported;            // packets of which the decoder reported a missing feature
    bool            last_failed;            // the last packet could not be decoded
    bool            before_failed;          // nor the one before it
    kt_slots_t      slots;                  // of the packets that were sent
    bool            ready;                  // frame has been received by kt_coder_first and not passed on
    char            failure[KT_MEDIA_WHY];  // the decoder's last error
    char            why[KT_MEDIA_WHY];
} kt_coder_t;

bool kt_coder_size(int width, int height);  // whether pictures may be of this size

// stream: NULL is KT_ENOAUDIO. KT_ECODEC, KT_EDAMAGED, KT_EDECMEM; why says more.
KT_MUST_USE kt_err_t kt_coder_open(kt_coder_t *self, AVStream *stream, const kt_decode_want_t *want);
// *have: frame is there, valid until the next call. KT_EDECMEM.
KT_MUST_USE kt_err_t kt_coder_receive(kt_coder_t *self, bool *have);
// Of a decoder that has given nothing so far: the next packet, NULL at the end; ready if a frame came. A packet that
// cannot be decoded is counted. KT_EDECMEM.
KT_MUST_USE kt_err_t kt_coder_first(kt_coder_t *self, const AVPacket *packet);
void                 kt_coder_refuse(kt_coder_t *self);   // counts a packet that is not sent to the decoder
void                 kt_coder_restart(kt_coder_t *self);  // behind a gap, once the decoder has given out all
uint64_t             kt_coder_damage(kt_coder_t *self);   // damaged packets since the last call
kt_err_t kt_coder_nothing(kt_coder_t *self);  // why a stream gave nothing: KT_ETRUNCATED, KT_ECODEC, KT_EDAMAGED
// The decoding time stamp of the packet in whose place the last picture is shown (kt_slots.h); AV_NOPTS_VALUE: unknown.
int64_t kt_coder_slot(kt_coder_t *self);
bool    kt_coder_unsupported(const kt_coder_t *self);  // most of the damaged packets need a missing feature
void    kt_coder_close(kt_coder_t *self);              // the decoder; the stream's packets are counted on
