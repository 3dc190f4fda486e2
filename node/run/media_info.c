#include "node/run/pipeline_parts.h"

#define FEATURE(name) KT_FEATURE_TECHNICAL_##name

static void
write_text(kt_document_t *document, kt_feature_t feature, const char *value)
{
    if (value[0])
        kt_document_text(document, feature, value);
    else
        kt_document_null(document, feature, "not stated by the file");
}

static void
write_count(kt_document_t *document, kt_feature_t feature, uint64_t value)
{
    if (value > 0)
        kt_document_int(document, feature, (int64_t)value);
    else
        kt_document_null(document, feature, "not stated by the file");
}

static void
write_positive(kt_document_t *document, kt_feature_t feature, double value)
{
    if (value > 0)
        kt_document_real(document, feature, value);
    else
        kt_document_null(document, feature, "not stated by the file");
}

void
kt_technical_write(kt_document_t *document, const kt_media_info_t *media_info, const kt_media_counts_t *counts,
                   double duration_s, int64_t size_bytes)
{
    kt_document_int(document, FEATURE(damaged_packets), (int64_t)(counts->audio.damaged + counts->video.damaged));
    static const kt_feature_t sound[] = {FEATURE(audio_codec), FEATURE(sample_rate), FEATURE(bits_per_sample),
                                         FEATURE(channel_layout)};
    uint64_t own_bps = media_info->has_video ? media_info->video_bit_rate_bps : media_info->audio_bit_rate_bps;
    write_text(document, FEATURE(container), media_info->container);
    write_text(document, FEATURE(codec), media_info->has_video ? media_info->video_codec : media_info->audio_codec);
    write_count(document, FEATURE(bit_rate), own_bps ? own_bps : media_info->bit_rate_bps);
    write_positive(document, FEATURE(duration), duration_s > 0 ? duration_s : media_info->duration_s);
    kt_document_bool(document, FEATURE(has_audio), media_info->has_audio);
    kt_document_bool(document, FEATURE(has_video), media_info->has_video);
    kt_document_bool(document, FEATURE(has_cover_art), media_info->has_cover_art);
    kt_document_int(document, FEATURE(streams), media_info->streams);
    if (size_bytes >= 0)
        kt_document_int(document, FEATURE(file_size), size_bytes);
    else
        kt_document_null(document, FEATURE(file_size), "a stream has no size");

    if (media_info->has_audio) {
        write_text(document, FEATURE(audio_codec), media_info->audio_codec);
        write_count(document, FEATURE(sample_rate), media_info->rate_hz);
        kt_document_int(document, FEATURE(bits_per_sample), media_info->bits_per_sample);
        write_count(document, FEATURE(audio_channels), media_info->channels);
        write_text(document, FEATURE(channel_layout), media_info->layout);
    } else {
        for (size_t i = 0; i < sizeof sound / sizeof *sound; i++)
            kt_document_null(document, sound[i], "no sound");
        kt_document_int(document, FEATURE(audio_channels), 0);
    }

    if (media_info->has_video) {  // else the document has a reason for these nulls
        if (media_info->width > 0 && media_info->height > 0)
            kt_document_reals(document, FEATURE(resolution), (double[]){media_info->width, media_info->height}, 2);
        else
            kt_document_null(document, FEATURE(resolution), "not stated by the file");
        write_positive(document, FEATURE(frame_rate), media_info->frame_rate_hz);
        write_positive(document, FEATURE(aspect_ratio), media_info->aspect_ratio);
    }
    for (size_t i = 0; i < media_info->tag_count && i < KT_MEDIA_TAGS; i++)
        kt_document_tag(document, FEATURE(tags), media_info->tags[i].key, media_info->tags[i].value);
}
