// kt_sound -- the sound of a file, from decoded frames to samples in the ring. Runs in the sandboxed child.
#pragma once

#include "node/decoder/channel.h"
#include "node/decoder/coder.h"
#include "node/decoder/convert.h"
#include "node/decoder/counts.h"

typedef struct kt_sound {
    kt_coder_t   *coder;  // the caller's, as channel and counts
    kt_channel_t *channel;
    kt_counts_t  *counts;
    double        max_duration_s;
    kt_convert_t  convert;
    uint64_t      frames, frames_max;
} kt_sound_t;

// first: a frame of the rate and layout that all samples are given at. KT_ESTREAM, with the reason in the coder;
// KT_EDECMEM.
KT_MUST_USE kt_err_t kt_sound_init(kt_sound_t *self, const AVFrame *first);
// Decodes a packet and sends what comes of it; NULL: the end.
// KT_EDECMEM, KT_ETOOLONG.
KT_MUST_USE kt_err_t kt_sound_packet(kt_sound_t *self, const AVPacket *packet);
KT_MUST_USE kt_err_t kt_sound_ready(kt_sound_t *self);  // sends the frames that the coder has ready
