#include "node/decoder/media_info.h"

#include "common/text.h"
#include "node/decoder/media_tags.h"
#include "node/decoder/picture_info.h"

#include <string.h>

static void
set_text(char *out, size_t capacity, const char *text)
{
    (void)kt_text_sanitize(out, capacity, text, strlen(text));
}

static uint64_t
positive_count(int64_t value)
{
    return value > 0 ? (uint64_t)value : 0;
}

static double
positive_ratio(AVRational q)
{
    return q.num > 0 && q.den > 0 ? av_q2d(q) : 0;
}

static void
fill_audio(kt_media_info_t *out, const AVStream *s, const AVFrame *first)
{
    const AVCodecParameters *par    = s->codecpar;
    const AVChannelLayout   *layout = first ? &first->ch_layout : &par->ch_layout;
    int                      bits   = av_get_exact_bits_per_sample(par->codec_id);
    out->has_audio                  = true;
    out->rate_hz                    = (uint32_t)positive_count(first ? first->sample_rate : par->sample_rate);
    out->channels                   = (uint32_t)positive_count(layout->nb_channels);
    out->bits_per_sample    = (uint32_t)positive_count(par->bits_per_raw_sample ? par->bits_per_raw_sample : bits);
    out->audio_bit_rate_bps = positive_count(par->bit_rate);
    set_text(out->audio_codec, sizeof out->audio_codec, avcodec_get_name(par->codec_id));

    AVChannelLayout named = {0};
    char            name[KT_MEDIA_TEXT];
    // A container that names no positions means the usual ones.
    if (layout->order == AV_CHANNEL_ORDER_UNSPEC)
        av_channel_layout_default(&named, layout->nb_channels);
    else
        (void)av_channel_layout_copy(&named, layout);
    if (av_channel_layout_describe(&named, name, sizeof name) > 0)
        set_text(out->layout, sizeof out->layout, name);
    av_channel_layout_uninit(&named);
}

static const char *
kind_name(const AVStream *s)
{
    if (s->disposition & AV_DISPOSITION_ATTACHED_PIC)
        return "cover";
    const char *name = av_get_media_type_string(s->codecpar->codec_type);
    return name ? name : "unknown";
}

static void
fill_streams(kt_media_info_t *out, const AVFormatContext *format)
{
    out->streams = format->nb_streams;
    for (unsigned i = 0; i < format->nb_streams; i++) {
        const AVStream          *s        = format->streams[i];
        const AVDictionaryEntry *language = av_dict_get(s->metadata, "language", NULL, 0);
        out->has_cover_art |= (s->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0;
        if (out->stream_count == KT_MEDIA_STREAMS)
            continue;
        kt_media_stream_t *stream = &out->stream[out->stream_count++];
        stream->id                = (uint32_t)s->id;
        stream->is_default        = (s->disposition & AV_DISPOSITION_DEFAULT) != 0;
        stream->forced            = (s->disposition & AV_DISPOSITION_FORCED) != 0;
        set_text(stream->kind, sizeof stream->kind, kind_name(s));
        set_text(stream->codec, sizeof stream->codec, avcodec_get_name(s->codecpar->codec_id));
        set_text(stream->language, sizeof stream->language, language ? language->value : "");
    }
}

// The format's own start time is rounded to microseconds; times of its streams are not.
static double
start_of(const AVFormatContext *format)
{
    for (unsigned i = 0; i < format->nb_streams; i++) {
        const AVStream *s = format->streams[i];
        if (s->start_time != AV_NOPTS_VALUE &&
            av_rescale_q(s->start_time, s->time_base, AV_TIME_BASE_Q) == format->start_time)
            return (double)s->start_time * av_q2d(s->time_base);
    }
    return (double)format->start_time / AV_TIME_BASE;
}

void
kt_media_info_fill(kt_media_info_t *out, const kt_media_t *media, const kt_sniffed_t *sniffed, const kt_id3_t *id3,
                   const AVFrame *sound, const AVFrame *picture)
{
    AVFormatContext *format = media->format;
    const AVStream  *audio  = media->audio;
    // FFmpeg's estimate from the size and a bit rate is not declared by the file, but for plain samples it is exact.
    bool plain     = audio && av_get_exact_bits_per_sample(audio->codecpar->codec_id) > 0;
    bool estimated = format->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE && !plain;
    memset(out, 0, sizeof *out);
    set_text(out->container, sizeof out->container, sniffed->container);
    out->bit_rate_bps = positive_count(format->bit_rate);
    fill_streams(out, format);
    // Below zero lies what an encoder needs to begin, and the file begins at zero; but in an MPEG stream what comes
    // before its time stamps wrap.
    if (format->start_time != AV_NOPTS_VALUE && (format->start_time > 0 || media->joined))
        out->start_s = start_of(format);
    if (media->extent.duration_s > 0)
        out->duration_s = media->extent.duration_s;
    else if (!estimated && format->duration != AV_NOPTS_VALUE && format->duration > 0)
        out->duration_s = (double)format->duration / AV_TIME_BASE;
    else if (!estimated && audio && audio->duration != AV_NOPTS_VALUE && audio->duration > 0)
        out->duration_s = (double)audio->duration * positive_ratio(audio->time_base);
    out->declared_bytes = media->extent.bytes;
    out->broken_at      = media->extent.broken;
    out->broken_hides   = media->extent.hidden;
    out->skipped_bytes  = sniffed->skipped;
    out->behind_bytes   = media->extent.behind;
    set_text(out->end_missing, sizeof out->end_missing, media->extent.unmarked);
    out->too_short = media->extent.too_short;
    set_text(out->declared_end, sizeof out->declared_end, media->extent.what);
    set_text(out->declared_by, sizeof out->declared_by, out->duration_s > 0 ? media->extent.by : "");
    if (audio)
        fill_audio(out, audio, sound);
    if (audio && sniffed->valid_bits)
        out->bits_per_sample = sniffed->valid_bits;
    if (media->video)
        kt_picture_info_fill(out, format, media->video, picture);
    out->has_cover_art |= id3->picture;
    kt_media_tags_fill(out, (AVDictionary *const[]){format->metadata, audio ? audio->metadata : NULL}, id3);
}
