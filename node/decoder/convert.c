#include "node/decoder/convert.h"

#include "node/decode/protocol.h"
#include "node/decoder/avlog.h"

#include <libavutil/mem.h>
#include <libavutil/samplefmt.h>

kt_err_t
kt_convert_init(kt_convert_t *self, const AVFrame *first)
{
    *self = (kt_convert_t){.in_format = -1};
    if (first->sample_rate < 1 || first->sample_rate > KT_RATE_MAX_HZ || first->ch_layout.nb_channels < 1 ||
        first->ch_layout.nb_channels > KT_CHANNELS_MAX)
        return KT_ESTREAM;
    self->rate_hz  = (uint32_t)first->sample_rate;
    self->channels = (uint32_t)first->ch_layout.nb_channels;
    return av_channel_layout_copy(&self->layout, &first->ch_layout) < 0 ? KT_EDECMEM : KT_OK;
}

// The resampler for frames of this format, rate and layout.
static kt_err_t
set_up_resampler(kt_convert_t *self, const AVFrame *frame)
{
    if (self->swr && frame->format == self->in_format && frame->sample_rate == self->in_rate_hz &&
        !av_channel_layout_compare(&frame->ch_layout, &self->in_layout))
        return KT_OK;
    int code = av_channel_layout_copy(&self->in_layout, &frame->ch_layout);
    if (code >= 0)
        code = swr_alloc_set_opts2(&self->swr, &self->layout, AV_SAMPLE_FMT_FLT, (int)self->rate_hz, &self->in_layout,
                                   frame->format, frame->sample_rate, 0, NULL);
    if (code >= 0)
        code = swr_init(self->swr);
    self->in_format  = frame->format;
    self->in_rate_hz = frame->sample_rate;
    return code >= 0 ? KT_OK : kt_av_is_memory(code) ? KT_EDECMEM : KT_EDAMAGED;
}

// The n frames of `in`, converted into pcm; NULL drains the resampler.
static kt_err_t
convert_samples(kt_convert_t *self, const uint8_t **in, int n, size_t *frames)
{
    int room = swr_get_out_samples(self->swr, n);
    if (room < 0)
        return KT_EDAMAGED;
    if ((size_t)room > self->room_frames) {
        av_freep(&self->pcm);
        self->pcm         = av_malloc_array((size_t)room, self->channels * sizeof(float));
        self->room_frames = self->pcm ? (size_t)room : 0;
        if (!self->pcm)
            return KT_EDECMEM;
    }
    int got = swr_convert(self->swr, (uint8_t *[]){(uint8_t *)self->pcm}, room, in, n);
    if (got < 0)
        return kt_av_is_memory(got) ? KT_EDECMEM : KT_EDAMAGED;
    *frames = (size_t)got;
    return KT_OK;
}

kt_err_t
kt_convert_run(kt_convert_t *self, const AVFrame *frame, size_t skip, float **pcm, size_t *frames)
{
    const uint8_t *planes[KT_CHANNELS_MAX];
    kt_err_t       err = KT_OK;
    *frames            = 0;
    kt_av_begin();
    if (!frame)
        err = self->swr && (uint32_t)self->in_rate_hz != self->rate_hz ? convert_samples(self, NULL, 0, frames) : KT_OK;
    else if (frame->nb_samples < 0 || frame->ch_layout.nb_channels < 1 ||
             frame->ch_layout.nb_channels > KT_CHANNELS_MAX)
        err = KT_EDAMAGED;
    if (!frame || err != KT_OK || skip >= (size_t)frame->nb_samples)
        goto done;
    err = set_up_resampler(self, frame);
    if (err != KT_OK)
        goto done;
    bool   planar = av_sample_fmt_is_planar(frame->format);
    size_t count  = planar ? (size_t)frame->ch_layout.nb_channels : 1;
    size_t step = (size_t)av_get_bytes_per_sample(frame->format) * (planar ? 1 : (size_t)frame->ch_layout.nb_channels);
    for (size_t i = 0; i < count; i++)
        planes[i] = frame->extended_data[i] + skip * step;
    err = convert_samples(self, planes, frame->nb_samples - (int)skip, frames);
done:
    *pcm = self->pcm;
    return err;
}
