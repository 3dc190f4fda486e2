#include "node/decoder/sound.h"

#include <math.h>

kt_err_t
kt_sound_init(kt_sound_t *self, const AVFrame *first, double max_duration_s)
{
    kt_err_t err     = kt_convert_init(&self->convert, first);
    double   most    = max_duration_s * self->convert.rate_hz;
    self->frames_max = most < 9e15 ? (uint64_t)(most > 0 ? most : 0) : UINT64_MAX / 2;
    return err;
}

kt_err_t
kt_sound_send(kt_sound_t *self, bool end)
{
    const AVFrame   *frame = end ? NULL : self->coder->frame;
    const AVRational tick  = self->coder->stream->time_base;
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
