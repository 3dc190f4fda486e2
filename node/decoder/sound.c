#include "node/decoder/sound.h"

#include <math.h>
#include <stdio.h>

kt_err_t
kt_sound_init(kt_sound_t *self, const AVFrame *first)
{
    kt_err_t err  = kt_convert_init(&self->convert, first);
    double   most = self->max_duration_s * self->convert.rate_hz;
    if (err == KT_ESTREAM)
        (void)snprintf(self->coder->why, KT_MEDIA_WHY, "the stream's rate or channel count");
    self->frames_max = most < 9e15 ? (uint64_t)(most > 0 ? most : 0) : UINT64_MAX / 2;
    return err;
}

// NULL: what the converter still holds.
static kt_err_t
send_frame(kt_sound_t *self, const AVFrame *frame)
{
    const AVRational tick = self->coder->stream->time_base;
    const float     *pcm;
    size_t           frames, skip = 0;
    double           time_s = NAN;
    if (frame && frame->pts != AV_NOPTS_VALUE)
        time_s = (double)frame->pts * av_q2d(tick);
    // Samples before time zero are an encoder's priming, which FFmpeg leaves in for some Vorbis files and libsndfile
    // and libvorbis remove. Only at the beginning: later time stamps are not reliable enough.
    if (time_s < 0 && !self->frames && frame->sample_rate >= 1) {
        int64_t first = av_rescale_q(frame->pts, tick, (AVRational){1, frame->sample_rate});
        skip          = first < 0 ? (size_t)-first : 0;
        time_s += (double)skip / frame->sample_rate;
    }
    kt_err_t err = kt_convert_run(&self->convert, frame, skip, &pcm, &frames);
    if (err == KT_EDAMAGED) {
        kt_counts_damaged(self->counts, KT_COUNTS_SOUND);
        return KT_OK;
    }
    if (err)
        return err;
    const uint64_t left = self->frames_max - self->frames, given = frames < left ? frames : left;
    kt_channel_pcm(self->channel, pcm, given, self->convert.channels);
    self->frames += given;
    if (given > 0)
        kt_counts_sound(self->counts, time_s, given, self->convert.rate_hz);
    return frames > left ? KT_ETOOLONG : KT_OK;
}

kt_err_t
kt_sound_ready(kt_sound_t *self)
{
    bool     have = self->coder->ready;
    kt_err_t err  = KT_OK;
    while (have && !err) {
        err = send_frame(self, self->coder->frame);
        if (!err)
            err = kt_coder_receive(self->coder, &have);
    }
    self->coder->ready = false;
    return err;
}

kt_err_t
kt_sound_packet(kt_sound_t *self, const AVPacket *packet)
{
    kt_err_t err = kt_coder_first(self->coder, packet);
    if (!err)
        err = kt_sound_ready(self);
    return err || packet ? err : send_frame(self, NULL);
}
