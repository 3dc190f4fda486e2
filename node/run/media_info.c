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

static void
write_sound(kt_document_t *document, const kt_facts_t *facts)
{
    static const kt_feature_t features[] = {FEATURE(audio_codec), FEATURE(sample_rate), FEATURE(bits_per_sample),
                                            FEATURE(channel_layout)};
    if (!facts->has_audio) {
        for (size_t i = 0; i < sizeof features / sizeof *features; i++)
            kt_document_null(document, features[i], "no sound");
        kt_document_int(document, FEATURE(audio_channels), 0);
        return;
    }
    write_text(document, FEATURE(audio_codec), facts->audio_codec);
    write_count(document, FEATURE(sample_rate), facts->rate_hz);
    kt_document_int(document, FEATURE(bits_per_sample), facts->bits_per_sample);
    write_count(document, FEATURE(audio_channels), facts->channels);
    write_text(document, FEATURE(channel_layout), facts->layout);
}

static void
write_picture(kt_document_t *document, const kt_facts_t *facts)
{
    if (!facts->has_video)
        return;  // null for a reason that the document knows
    if (facts->width > 0 && facts->height > 0)
        kt_document_reals(document, FEATURE(resolution), (double[]){facts->width, facts->height}, 2);
    else
        kt_document_null(document, FEATURE(resolution), "not stated by the file");
    write_positive(document, FEATURE(frame_rate), facts->frame_rate_hz);
    write_positive(document, FEATURE(aspect_ratio), facts->aspect_ratio);
}

void
kt_technical_write(kt_document_t *document, const kt_facts_t *facts, double duration_s, uint64_t size_bytes)
{
    uint64_t own_bps = facts->has_video ? facts->video_bit_rate_bps : facts->audio_bit_rate_bps;
    write_text(document, FEATURE(container), facts->container);
    write_text(document, FEATURE(codec), facts->has_video ? facts->video_codec : facts->audio_codec);
    write_count(document, FEATURE(bit_rate), own_bps ? own_bps : facts->bit_rate_bps);
    write_positive(document, FEATURE(duration), duration_s > 0 ? duration_s : facts->duration_s);
    kt_document_bool(document, FEATURE(has_audio), facts->has_audio);
    kt_document_bool(document, FEATURE(has_video), facts->has_video);
    kt_document_bool(document, FEATURE(has_cover_art), facts->has_cover_art);
    kt_document_int(document, FEATURE(streams), facts->streams);
    kt_document_int(document, FEATURE(file_size), (int64_t)size_bytes);
    write_sound(document, facts);
    write_picture(document, facts);
    for (size_t i = 0; i < facts->tag_count && i < KT_FACT_TAGS; i++)
        kt_document_tag(document, FEATURE(tags), facts->tags[i].key, facts->tags[i].value);
}
