#include "node/decode/tidy.h"

#include "common/assert.h"
#include "common/text.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define TIME_MOST_S 1e9  // longer and earlier than any film

// A member of a structure by its place. TIME may be negative.
typedef enum member_kind { TEXT, BOOL, NUMBER, TIME } member_kind_t;
typedef struct member {
    member_kind_t kind;
    size_t        offset, bytes;
} member_t;

#define MEMBER(kind, type, name)                                                                                       \
    {                                                                                                                  \
        kind, offsetof(type, name), sizeof((type *)0)->name                                                            \
    }
#define INFO(kind, name) MEMBER(kind, kt_media_info_t, name)
#define STREAM(kind, name) MEMBER(kind, kt_media_stream_t, name)
#define TAG(kind, name) MEMBER(kind, kt_media_tag_t, name)
#define COUNTS(kind, name) MEMBER(kind, kt_media_counts_t, name)

static const member_t INFO_MEMBERS[] = {
    INFO(TEXT, container),
    INFO(NUMBER, duration_s),
    INFO(TEXT, declared_by),
    INFO(TEXT, declared_end),
    INFO(BOOL, broken_hides),
    INFO(TEXT, end_missing),
    INFO(BOOL, too_short),
    INFO(TIME, start_s),
    INFO(BOOL, has_audio),
    INFO(BOOL, has_video),
    INFO(BOOL, has_cover_art),
    INFO(TEXT, audio_codec),
    INFO(TEXT, layout),
    INFO(TEXT, video_codec),
    INFO(BOOL, from_picture),
    INFO(NUMBER, frame_rate_hz),
    INFO(NUMBER, aspect_ratio),
    INFO(NUMBER, pixel_aspect_ratio),
    INFO(BOOL, mirrored),
    INFO(TEXT, profile),
    INFO(TEXT, level),
    INFO(TEXT, pixel_format),
    INFO(TEXT, color_space),
    INFO(TEXT, color_primaries),
    INFO(TEXT, color_transfer),
    INFO(BOOL, full_range),
    INFO(BOOL, range_stated),
    INFO(TEXT, hdr),
    INFO(NUMBER, mastering_min_nits),
    INFO(NUMBER, mastering_max_nits),
    INFO(NUMBER, content_max_nits),
    INFO(NUMBER, content_average_nits),
    INFO(TEXT, field_order),
    INFO(TEXT, audio_why),
    INFO(TEXT, video_why),
};
static const member_t STREAM_MEMBERS[] = {STREAM(TEXT, kind), STREAM(TEXT, codec), STREAM(TEXT, language),
                                          STREAM(BOOL, is_default), STREAM(BOOL, forced)};
static const member_t TAG_MEMBERS[]    = {TAG(TEXT, key), TAG(TEXT, value)};
static const member_t COUNTS_MEMBERS[] = {
    COUNTS(TIME, audio.begin_s),
    COUNTS(TIME, audio.end_s),
    COUNTS(NUMBER, audio.coded_s),
    COUNTS(TIME, video.begin_s),
    COUNTS(TIME, video.end_s),
    COUNTS(NUMBER, video.coded_s),
    COUNTS(BOOL, every_picture),
    COUNTS(NUMBER, key_interval_mean_s),
    COUNTS(NUMBER, key_interval_max_s),
    COUNTS(NUMBER, frame_min_s),
    COUNTS(NUMBER, frame_mean_s),
    COUNTS(NUMBER, frame_max_s),
    COUNTS(NUMBER, regular_hz),
    COUNTS(BOOL, pulldown),
    COUNTS(BOOL, broken_off),
    COUNTS(BOOL, foreign),
    COUNTS(NUMBER, audio.lost_s),
    COUNTS(NUMBER, video.lost_s),
    COUNTS(BOOL, audio.cut),
    COUNTS(BOOL, video.cut),
    COUNTS(BOOL, audio.unsupported),
    COUNTS(BOOL, video.unsupported),
};

static void
tidy_text(char *text, size_t capacity)
{
    char raw[KT_MEDIA_TAG_VALUE];
    kt_assert(capacity <= sizeof raw);
    memcpy(raw, text, capacity);
    (void)kt_text_sanitize(text, capacity, raw, strnlen(raw, capacity));
}

static void
tidy_number(void *at, double least)
{
    double value;
    memcpy(&value, at, sizeof value);
    if (!isfinite(value) || value < least || value > TIME_MOST_S)
        value = 0;
    memcpy(at, &value, sizeof value);
}

static void
tidy_members(void *structure, const member_t *members, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char *at = (unsigned char *)structure + members[i].offset;
        switch (members[i].kind) {
        case TEXT: tidy_text((char *)at, members[i].bytes); break;
        case BOOL: *at = *at != 0; break;
        case NUMBER: tidy_number(at, 0); break;
        case TIME: tidy_number(at, -TIME_MOST_S); break;
        }
    }
}

bool
kt_tidy_media_info_counts_ok(const kt_media_info_t *info)
{
    return info->tag_count <= KT_MEDIA_TAGS && info->stream_count <= KT_MEDIA_STREAMS;
}

#define TIDY(structure, members) tidy_members(structure, members, sizeof members / sizeof *members)

void
kt_tidy_media_info(kt_media_info_t *info)
{
    kt_assert(kt_tidy_media_info_counts_ok(info));
    TIDY(info, INFO_MEMBERS);
    if (info->rate_hz > KT_RATE_MAX_HZ || info->channels > KT_CHANNELS_MAX)
        info->rate_hz = info->channels = 0;
    if (info->rotation >= 360 || info->rotation % 90)
        info->rotation = 0;
    for (uint32_t i = 0; i < info->stream_count; i++)
        TIDY(&info->stream[i], STREAM_MEMBERS);
    for (uint32_t i = 0; i < info->tag_count; i++)
        TIDY(&info->tags[i], TAG_MEMBERS);
    memset(info->stream + info->stream_count, 0, (KT_MEDIA_STREAMS - info->stream_count) * sizeof *info->stream);
    memset(info->tags + info->tag_count, 0, (KT_MEDIA_TAGS - info->tag_count) * sizeof *info->tags);
}

void
kt_tidy_counts(kt_media_counts_t *counts)
{
    TIDY(counts, COUNTS_MEMBERS);
    counts->audio.end_s = fmax(counts->audio.end_s, counts->audio.begin_s);
    counts->video.end_s = fmax(counts->video.end_s, counts->video.begin_s);
    counts->gap_count   = counts->gap_count < KT_MEDIA_GAPS ? counts->gap_count : KT_MEDIA_GAPS;
    for (uint32_t i = 0; i < counts->gap_count; i++) {
        kt_media_gap_t *gap = &counts->gap[i];
        tidy_number(&gap->at_s, i > 0 ? counts->gap[i - 1].at_s : 0);
        tidy_number(&gap->lost_s, 0);
        gap->at_s = fmax(gap->at_s, i > 0 ? counts->gap[i - 1].at_s : 0);
    }
}

static bool
in_range(uint32_t value, uint32_t least, uint32_t most)
{
    return value >= least && value <= most;
}

bool
kt_tidy_picture_ok(const kt_decode_picture_t *p, const kt_decode_picture_t *before)
{
    const uint32_t flags = 2 * KT_FRAME_BETWEEN - 1;
    if (!in_range(p->width, 1, KT_SMALL_MOST) || !in_range(p->height, 1, KT_SMALL_MOST) || p->flags & ~flags ||
        p->has_vectors > 1 || p->vectors > (p->has_vectors ? KT_VECTORS_MAX : 0) || !isfinite(p->time_s) ||
        fabs(p->time_s) > TIME_MOST_S || !in_range(p->whole_factor, 1, KT_VIDEO_SIDE_MAX / KT_WHOLE_MOST) ||
        p->slot >= KT_RING_SLOTS)
        return false;
    if (p->flags & KT_FRAME_SAMPLED &&
        (!in_range(p->whole_width, 1, KT_WHOLE_MOST) || !in_range(p->whole_height, 1, KT_WHOLE_MOST) ||
         !in_range(p->large_slot, KT_RING_SLOTS, KT_RING_SLOTS + KT_LARGE_SLOTS - 1)))
        return false;
    if (!before)
        return p->index == 0;
    return p->index == before->index + 1 && p->time_s >= before->time_s && p->width == before->width &&
           p->height == before->height && p->whole_factor == before->whole_factor &&
           p->has_vectors == before->has_vectors;
}
