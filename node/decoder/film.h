// kt_film -- the moving picture of a file, from decoded frames to records and planes in the ring: presentation times,
// reduced planes, vectors, whole pictures at the sampled times. A picture is sent when the next one is there, because
// only then it is known how long it is shown. Runs in the sandboxed child.
#pragma once

#include "node/decoder/channel.h"
#include "node/decoder/coder.h"
#include "node/decoder/counts.h"
#include "node/decoder/picture.h"
#include "node/decoder/sampler.h"
#include "node/decoder/times.h"

typedef struct kt_film {
    kt_coder_t        *coder;  // the caller's, as channel and counts
    kt_channel_t      *channel;
    kt_counts_t       *counts;
    kt_picture_t       picture;
    kt_times_t         times;
    kt_sampler_t       sampler;
    uint32_t           small_factor, whole_factor;
    double             max_duration_s, first_s;
    AVFrame           *held;  // decoded and not sent; its time and flags
    double             held_s, held_duration_s;
    uint32_t           held_flags;
    bool               is_held, vectors;
    uint64_t           sent, damaged;  // damaged: packets so far
    uint8_t            last[KT_SMALL_MOST * KT_SMALL_MOST * 3 / 2];
    kt_motion_vector_t moved[KT_VECTORS_MAX];
} kt_film_t;

// first: the first picture. duration_s: declared length of the film, 0: unknown. KT_ECODEC, with the reason in the
// coder: pictures of this size or format are not read. KT_EDECMEM.
KT_MUST_USE kt_err_t kt_film_init(kt_film_t *self, const AVFrame *first, double duration_s, double max_duration_s,
                                  const kt_decode_want_t *want);
// Takes the frame that the coder has received. KT_EDECMEM, KT_ETOOLONG.
KT_MUST_USE kt_err_t kt_film_send(kt_film_t *self);
KT_MUST_USE kt_err_t kt_film_end(kt_film_t *self);  // sends the last picture. KT_EDECMEM
