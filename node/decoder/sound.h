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
    kt_convert_t  convert;
    uint64_t      frames, frames_max;
} kt_sound_t;

// first: a frame of the rate and layout that all samples are given at. KT_ESTREAM, KT_EDECMEM.
KT_MUST_USE kt_err_t kt_sound_init(kt_sound_t *self, const AVFrame *first, double max_duration_s);
// The frame that the coder has received; end: what the converter still holds. KT_EDECMEM, KT_ETOOLONG.
KT_MUST_USE kt_err_t kt_sound_send(kt_sound_t *self, bool end);
