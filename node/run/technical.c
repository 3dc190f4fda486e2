#include "node/run/technical_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// A file that lies costs the value, not the message.
static const char NOT_STATED[] = "not stated by the file", OUT_OF_RANGE[] = "out of range";

// Time stamps of MPEG streams have 33 bits.
#define MPEG_WRAP_S (8589934592. / 90000)

void
kt_technical_text(kt_document_t *document, kt_feature_t feature, const char *value)
{
    if (value[0])
        kt_document_text(document, feature, value);
    else
        kt_document_null(document, feature, NOT_STATED);
}

void
kt_technical_count(kt_document_t *document, kt_feature_t feature, uint64_t value)
{
    if (value == 0)
        kt_document_null(document, feature, NOT_STATED);
    else if ((double)value > kt_feature_desc(feature)->max)
        kt_document_null(document, feature, OUT_OF_RANGE);
    else
        kt_document_int(document, feature, (int64_t)value);
}

void
kt_technical_positive(kt_document_t *document, kt_feature_t feature, double value, const char *method)
{
    if (!(value > 0)) {
        kt_document_null(document, feature, NOT_STATED);
    } else if (value > kt_feature_desc(feature)->max) {
        kt_document_null(document, feature, OUT_OF_RANGE);
    } else {
        kt_document_real(document, feature, value);
        kt_document_method(document, feature, method);
    }
}

static void
write_declared(kt_document_t *document, const kt_technical_t *facts, const kt_completeness_t *judged)
{
    char         text[KT_DOCUMENT_REASON];
    const double declared_s = facts->info->duration_s;
    if (judged->belief == KT_BELIEF_SHORTER || judged->belief == KT_BELIEF_LONGER) {
        (void)snprintf(text, sizeof text, "%s states %.3f s, which is not believed", facts->info->declared_by,
                       declared_s);
        kt_document_null(document, FEATURE(declared_duration), text);
    } else {
        kt_completeness_method(facts, judged, text, sizeof text);
        kt_technical_positive(document, FEATURE(declared_duration), judged->belief == KT_BELIEF_NONE ? 0 : declared_s,
                              text);
    }
    if (isnan(judged->share)) {
        kt_document_null(document, FEATURE(decoded_share), "nothing has been decoded");
        return;
    }
    kt_document_real(document, FEATURE(decoded_share), judged->share);
    kt_document_method(document, FEATURE(decoded_share),
                       judged->declared_s > 0 ? "of the declared duration"
                                              : "of the duration: no declared one is believed");
}

// On the axis of the pictures. Sound without time stamps is counted from zero, which may lie far before a file's begin.
static void
write_audio_start(kt_document_t *document, const kt_technical_t *facts)
{
    const kt_stream_counts_t *a       = &facts->counts->audio;
    const kt_feature_t        feature = FEATURE(audio_start_time);
    const double              start_s = a->begin_s - facts->info->start_s;
    if (!facts->info->has_audio) {
        kt_document_null(document, feature, "no sound");
    } else if (a->packets == 0) {
        kt_document_null(document, feature, NOT_STATED);
    } else if (!(start_s >= kt_feature_desc(feature)->min && start_s <= kt_feature_desc(feature)->max)) {
        kt_document_null(document, feature, OUT_OF_RANGE);
    } else {
        kt_document_real(document, feature, start_s);
        kt_document_method(document, feature, a->decoded > 0 ? "decoded" : "packets");
    }
}

static void
write_durations(kt_document_t *document, const kt_technical_t *facts, const kt_completeness_t *judged)
{
    const double              duration_s = judged->duration_s;
    const kt_stream_counts_t *a = &facts->counts->audio, *v = &facts->counts->video;
    bool                      decoded = (!facts->info->has_audio || a->decoded > 0) &&
                   (!facts->info->has_video || (v->decoded > 0 && facts->counts->every_picture));
    if (duration_s > 0)
        kt_technical_positive(document, FEATURE(duration), duration_s, decoded ? "decoded" : "packets");
    else if (facts->content_s > 0)
        kt_technical_positive(document, FEATURE(duration), facts->content_s, "decoded");
    else
        kt_technical_positive(document, FEATURE(duration), facts->info->duration_s, "header");
    if (facts->info->has_audio)
        kt_technical_positive(document, FEATURE(audio_duration),
                              a->packets > 0            ? kt_technical_sound_s(facts)
                              : !facts->info->has_video ? facts->content_s
                                                        : 0,
                              a->decoded > 0 || a->packets == 0 ? "decoded" : "packets");
    else
        kt_document_null(document, FEATURE(audio_duration), "no sound");
    if (facts->info->has_video)
        kt_technical_positive(document, FEATURE(video_duration), v->end_s - v->begin_s,
                              facts->counts->every_picture ? "decoded" : "packets");
    else
        kt_document_null(document, FEATURE(video_duration), "no video");
    write_declared(document, facts, judged);
    const double start_s = facts->info->start_s;
    kt_document_real(document, FEATURE(start_time), fmax(0, fmin(start_s < 0 ? start_s + MPEG_WRAP_S : start_s, 1e10)));
    kt_document_method(document, FEATURE(start_time), "header");
    write_audio_start(document, facts);
}

static void
write_bit_rate(kt_document_t *document, kt_feature_t feature, const kt_stream_counts_t *stream, double seconds,
               uint64_t declared_bps)
{
    if (stream->bytes > 0 && seconds > 0) {
        kt_technical_count(document, feature, (uint64_t)fmin(round(8 * (double)stream->bytes / seconds), 1e15));
        kt_document_method(document, feature, "packets");
    } else {
        kt_technical_count(document, feature, declared_bps);
        kt_document_method(document, feature, "header");
    }
}

static void
write_bit_rates(kt_document_t *document, const kt_technical_t *facts)
{
    const kt_media_info_t    *info = facts->info;
    const kt_stream_counts_t *a = &facts->counts->audio, *v = &facts->counts->video;
    uint64_t                  sound_bps = info->audio_bit_rate_bps;
    if (!sound_bps && !info->has_video)
        sound_bps = info->bit_rate_bps;
    if (info->has_audio)
        write_bit_rate(document, FEATURE(audio_bit_rate), a, a->coded_s, sound_bps);
    else
        kt_document_null(document, FEATURE(audio_bit_rate), "no sound");
    if (info->has_video)
        write_bit_rate(document, FEATURE(bit_rate), v, v->end_s - v->begin_s,
                       info->video_bit_rate_bps ? info->video_bit_rate_bps : info->bit_rate_bps);
    else
        write_bit_rate(document, FEATURE(bit_rate), a, a->coded_s, sound_bps);
}

static void
write_container(kt_document_t *document, const kt_technical_t *facts)
{
    const kt_media_info_t *info = facts->info;
    kt_technical_text(document, FEATURE(container), info->container);
    kt_technical_text(document, FEATURE(codec), info->has_video ? info->video_codec : info->audio_codec);
    kt_document_bool(document, FEATURE(has_audio), info->has_audio);
    kt_document_bool(document, FEATURE(has_video), info->has_video);
    kt_document_bool(document, FEATURE(has_cover_art), info->has_cover_art);
    kt_technical_count(document, FEATURE(streams), info->streams);
    if (facts->size_bytes >= 0)
        kt_document_int(document, FEATURE(file_size), facts->size_bytes);
    else
        kt_document_null(document, FEATURE(file_size), "a stream has no size");
    for (size_t i = 0; i < info->tag_count && i < KT_MEDIA_TAGS; i++)
        kt_document_tag(document, FEATURE(tags), info->tags[i].key, info->tags[i].value);
    if (info->tag_count == 0)
        kt_document_null(document, FEATURE(tags), "not stated by the file");
}

static json_t *
stream_object(const kt_media_stream_t *stream)
{
    json_t *object = kt_json_object();
    bool    good =
        object && kt_json_set(object, "kind", kt_json_text(stream->kind)) &&
        kt_json_set(object, "codec", kt_json_text(stream->codec)) &&
        kt_json_set(object, "language", stream->language[0] ? kt_json_text(stream->language) : kt_json_null()) &&
        kt_json_set(object, "id", kt_json_int(stream->id)) &&
        kt_json_set(object, "default", kt_json_bool(stream->is_default)) &&
        kt_json_set(object, "forced", kt_json_bool(stream->forced));
    if (!good)
        kt_json_free(&object);
    return object;
}

static void
write_streams(kt_document_t *document, const kt_media_info_t *info)
{
    const char *languages[KT_MEDIA_STREAMS];
    size_t      n    = 0;
    json_t     *list = kt_json_array();
    for (size_t i = 0; i < info->stream_count && i < KT_MEDIA_STREAMS; i++) {
        if (list && !kt_json_append(list, stream_object(&info->stream[i])))
            kt_json_free(&list);
        if (!strcmp(info->stream[i].kind, "subtitle"))
            languages[n++] = info->stream[i].language[0] ? info->stream[i].language : "und";
    }
    kt_document_objects(document, FEATURE(stream_list), list);
    kt_document_texts(document, FEATURE(subtitle_languages), languages, n);
}

static void
write_sound(kt_document_t *document, const kt_media_info_t *info)
{
    static const kt_feature_t absent[] = {FEATURE(audio_codec), FEATURE(sample_rate), FEATURE(bits_per_sample),
                                          FEATURE(channel_layout)};
    if (info->has_audio) {
        kt_technical_text(document, FEATURE(audio_codec), info->audio_codec);
        kt_technical_count(document, FEATURE(sample_rate), info->rate_hz);
        kt_document_int(document, FEATURE(bits_per_sample), info->bits_per_sample <= 64 ? info->bits_per_sample : 0);
        kt_technical_count(document, FEATURE(audio_channels), info->channels);
        kt_technical_text(document, FEATURE(channel_layout), info->layout);
        return;
    }
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        kt_document_null(document, absent[i], "no sound");
    kt_document_int(document, FEATURE(audio_channels), 0);
}

void
kt_technical_write(kt_document_t *document, const kt_technical_t *facts)
{
    kt_completeness_t judged;
    kt_completeness_judge(facts, &judged);
    double damaged = (double)facts->counts->audio.damaged + (double)facts->counts->video.damaged;
    write_container(document, facts);
    write_durations(document, facts, &judged);
    write_bit_rates(document, facts);
    write_sound(document, facts->info);
    write_streams(document, facts->info);
    kt_document_int(document, FEATURE(damaged_packets), (int64_t)fmin(damaged, 1e15));
    kt_document_objects(document, FEATURE(warnings), kt_technical_warnings(facts, &judged));
    if (facts->info->has_video)  // else the document has a reason for these nulls
        kt_technical_write_picture(document, facts);
}
