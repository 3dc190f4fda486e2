// Which packets are decoded. In mode SAMPLED those of a group of pictures wait until a time to sample lies within it;
// if the next group begins before that, they are left out. A decoder is emptied before packets are left out and begins
// anew at the key frame behind them. Of the packets that are decoded those that no other picture refers to are left out
// by the decoder, where they are not near a time to sample.
#include "node/decoder/film.h"

#include <math.h>

// All pictures are decoded that begin this long, and two pictures more, before a time to sample.
#define NEAR_S 0.1

kt_err_t
kt_film_ready(kt_film_t *self)
{
    kt_coder_t *coder = self->coder;
    bool        have  = coder->ready;
    kt_err_t    err   = have && !self->held ? kt_film_init(self, coder->frame) : KT_OK;
    while (have && !err) {
        err = kt_film_send(self);
        if (!err)
            err = kt_coder_receive(coder, &have);
    }
    coder->ready = false;
    return err;
}

static kt_err_t
decode(kt_film_t *self, const AVPacket *packet)
{
    kt_err_t err = kt_coder_first(self->coder, packet);
    return err ? err : kt_film_ready(self);
}

// Before the first packet behind a gap.
static kt_err_t
leap(kt_film_t *self)
{
    if (!self->gap)
        return KT_OK;
    self->gap    = false;
    kt_err_t err = decode(self, NULL);
    kt_coder_restart(self->coder);
    return err;
}

static kt_err_t
decode_key_frames(kt_film_t *self, const AVPacket *packet)
{
    const bool key = (packet->flags & AV_PKT_FLAG_KEY) != 0;
    self->gap |= !key;
    if (!key)
        return KT_OK;
    kt_err_t err = leap(self);
    return err ? err : decode(self, packet);
}

static double
packet_s(const kt_film_t *self, const AVPacket *packet)
{
    const AVRational tick = self->coder->stream->time_base;
    return packet->pts != AV_NOPTS_VALUE ? (double)packet->pts * av_q2d(tick) : INFINITY;
}

static void
choose_pictures(kt_film_t *self, const AVPacket *packet)
{
    const double near_s = kt_sampler_due_s(&self->sampler) - NEAR_S - 2 * self->times.step_s;
    const bool   needed = !self->is_held || packet_s(self, packet) > near_s;
    if (self->coder->codec)
        self->coder->codec->skip_frame = needed ? AVDISCARD_DEFAULT : AVDISCARD_NONREF;
}

static kt_err_t
decode_group(kt_film_t *self)
{
    AVPacket *packet = av_packet_alloc();
    kt_err_t  err    = packet ? KT_OK : KT_EDECMEM;
    while (!err && kt_packets_pop(&self->gop, packet)) {
        err = leap(self);
        choose_pictures(self, packet);
        if (!err)
            err = decode(self, packet);
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    return err;
}

static void
leave_group_out(kt_film_t *self)
{
    AVPacket *packet = av_packet_alloc();
    while (packet && kt_packets_pop(&self->gop, packet)) {
        av_packet_unref(packet);
        self->gap = true;
    }
    av_packet_free(&packet);
}

static kt_err_t
decode_sampled(kt_film_t *self, AVPacket *packet)
{
    // Only a picture behind that time shows that the one before it is sampled.
    const bool reached = !self->is_held || packet_s(self, packet) > kt_sampler_due_s(&self->sampler);
    if (packet->flags & AV_PKT_FLAG_KEY && !reached)
        leave_group_out(self);
    kt_err_t err = kt_packets_full(&self->gop) ? decode_group(self) : KT_OK;
    if (!err)
        err = kt_packets_push(&self->gop, packet);
    return err || !reached ? err : decode_group(self);
}

kt_err_t
kt_film_packet(kt_film_t *self, AVPacket *packet)
{
    kt_err_t err = KT_OK;
    if (!packet) {
        err = self->want.mode == KT_PICTURES_SAMPLED ? decode_group(self) : KT_OK;
        if (!err)
            err = decode(self, NULL);
        return err ? err : kt_film_end(self);
    }
    switch (self->want.mode) {
    case KT_PICTURES_KEYFRAMES: return decode_key_frames(self, packet);
    case KT_PICTURES_SAMPLED: return decode_sampled(self, packet);
    default: return decode(self, packet);
    }
}
