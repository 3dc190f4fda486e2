// kt_sound -- the sound of a file, from decoded frames to samples in the ring. What is damaged is left out (kt_gaps),
// and the counts say where and how long. Runs in the sandboxed child.
#pragma once

#include "node/decoder/channel.h"
#include "node/decoder/coder.h"
#include "node/decoder/convert.h"
#include "node/decoder/counts/counts.h"
#include "node/decoder/counts/gaps.h"

typedef struct kt_sound {
    kt_coder_t   *coder;  // the caller's, as channel and counts
    kt_channel_t *channel;
    kt_counts_t  *counts;
    double        max_duration_s;
    bool          raw;     // the demuxer finds packets by their headers alone: mp3, aac
    bool          joined;  // as of kt_media_t
    kt_convert_t  convert;
    uint64_t      frames, frames_max;
    kt_gaps_t     gaps;
    AVFrame      *held;  // decoded and kept, not sent; has data or not
    uint64_t      held_bytes, packet_bytes;
    uint64_t      errors, damaged;        // of the decoder so far
    double        packet_end_s;           // of the last packet; NAN: unknown
    bool          trouble;                // the demuxer has reported damage since the last gap in the time stamps
    float         last[KT_CHANNELS_MAX];  // the last sample that was sent
} kt_sound_t;

// first: a frame of the rate and layout that all samples are given at. KT_ESTREAM, with the reason in the coder;
// KT_EDECMEM.
KT_MUST_USE kt_err_t kt_sound_init(kt_sound_t *self, const AVFrame *first);
// Decodes a packet and sends what comes of it; NULL: the end.
// KT_EDECMEM, KT_ETOOLONG.
KT_MUST_USE kt_err_t kt_sound_packet(kt_sound_t *self, const AVPacket *packet);
KT_MUST_USE kt_err_t kt_sound_ready(kt_sound_t *self);                 // sends the frames that the coder has ready
void                 kt_sound_skip(kt_sound_t *self, uint64_t bytes);  // the demuxer has skipped them
void                 kt_sound_trouble(kt_sound_t *self);  // the demuxer has reported damage before the next packet
