// kt_convert -- decoded frames of any sample format to interleaved float32 at the rate and layout of the first frame.
// 16 bits become x / 2^15, 24 bits x / 2^23, exactly. Only a file that changes its rate or layout later is
// resampled.
#pragma once

#include "common/err.h"

#include <libavutil/frame.h>
#include <libswresample/swresample.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_convert {
    uint32_t        rate_hz, channels;  // of the output
    AVChannelLayout layout;
    SwrContext     *swr;
    int             in_rate_hz, in_format;
    AVChannelLayout in_layout;
    float          *pcm;
    size_t          room_frames;
} kt_convert_t;

// KT_ESTREAM: rate or channel count out of range. KT_EDECMEM.
KT_MUST_USE kt_err_t kt_convert_init(kt_convert_t *self, const AVFrame *first);
// The samples of the frame from `skip` on; NULL: what a resampler still holds. *pcm is valid until the next call.
// KT_EDECMEM, KT_EDAMAGED (a format that can not be converted).
KT_MUST_USE kt_err_t kt_convert_run(kt_convert_t *self, const AVFrame *frame, size_t skip, float **pcm, size_t *frames);
