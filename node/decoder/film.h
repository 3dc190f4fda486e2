// kt_film -- the moving picture of a file, from decoded frames to records and planes in the ring: presentation times,
// reduced planes, vectors, whole pictures at the sampled times. A picture is sent when the next one is there, because
// only then it is known how long it is shown. Runs in the sandboxed child.
#pragma once

#include "node/decoder/channel.h"
#include "node/decoder/coder.h"
#include "node/decoder/counts/counts.h"
#include "node/decoder/counts/sampler.h"
#include "node/decoder/counts/times.h"
#include "node/decoder/packets.h"
#include "node/decoder/picture.h"

typedef struct kt_film {
    kt_coder_t         *coder;  // the caller's, as channel and counts
    kt_channel_t       *channel;
    kt_counts_t        *counts;
    kt_picture_t        picture;
    kt_times_t          times;
    kt_sampler_t        sampler;
    kt_decode_want_t    want;
    double              duration_s;  // as the file declares it; 0: unknown
    double              max_duration_s, first_s;
    uint32_t            small_factor, whole_factor;
    bool                joined;        // as of kt_media_t
    bool                by_order;      // the container states no presentation times, but an order
    AVRational          pixel_aspect;  // of the first picture
    kt_packets_t        gop;   // mode SAMPLED: packets since the last key frame that perhaps need not be decoded
    bool                gap;   // packets have been left out
    AVFrame            *held;  // decoded, reduced into its slot and not sent
    kt_decode_picture_t waiting;
    const uint8_t      *held_planes;  // in its slot
    double              start_s;      // of the file: subtracted from the times that are sent
    double              held_s, held_duration_s;
    double              end_s;  // of the last picture, as the end of the file states it; 0: it does not
    bool                is_held, vectors;
    uint64_t            sent, damaged;  // damaged: packets so far
} kt_film_t;

// first: the first picture. KT_ECODEC, with the reason in the coder: pictures of this size or format are not read.
// KT_EDECMEM.
KT_MUST_USE kt_err_t kt_film_init(kt_film_t *self, const AVFrame *first);
KT_MUST_USE kt_err_t
kt_film_send(kt_film_t *self);  // takes the frame that the coder has received. KT_EDECMEM, KT_ETOOLONG
KT_MUST_USE kt_err_t kt_film_end(kt_film_t *self);  // sends the last picture. KT_EDECMEM

// Of film_packets.c: decodes a packet, or what the mode wants to be decoded, and sends what comes of it; takes the
// packet's content. NULL: the end. KT_ECODEC as kt_film_init, KT_EDECMEM, KT_ETOOLONG.
KT_MUST_USE kt_err_t kt_film_packet(kt_film_t *self, AVPacket *packet);
KT_MUST_USE kt_err_t kt_film_ready(kt_film_t *self);  // sends the frames that the coder has ready
