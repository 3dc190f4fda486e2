#include "node/run/technical_parts.h"

#include <stdarg.h>
#include <stdio.h>

// SKIPPED_LEAST: a recording of a stream begins inside of a frame.
enum { TEXT_BYTES = 256, SKIPPED_LEAST = 4096 };

#define UNTIMED .05  // least share of pictures without a time of their own that gives a warning

// The list under construction; NULL: out of memory.
typedef struct warnings {
    json_t *list;
} warnings_t;

__attribute__((format(printf, 3, 4))) static void
add_warning(warnings_t *self, const char *code, const char *format, ...)
{
    char    text[TEXT_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_t *object = kt_json_object();
    bool    good =
        object && kt_json_set(object, "code", kt_json_text(code)) && kt_json_set(object, "text", kt_json_text(text));
    if (!good)
        kt_json_free(&object);
    if (self->list && !kt_json_append(self->list, object))
        kt_json_free(&self->list);
}

static void
warn_of_stream(warnings_t *self, const char *name, bool there, bool wanted, const char *why,
               const kt_stream_counts_t *counts)
{
    char code[TEXT_BYTES];
    (void)snprintf(code, sizeof code, "%s_not_decoded", name);
    if (there && wanted && why[0])
        add_warning(self, code, "%s", why);
    else if (there && wanted && counts->packets > 0 && counts->decoded == 0)
        add_warning(self, code, "none of %llu packets could be decoded", (unsigned long long)counts->packets);
    else if (counts->damaged > 0)
        add_warning(self, "damaged_packets", "%s: %llu of %llu packets could not be decoded", name,
                    (unsigned long long)counts->damaged, (unsigned long long)counts->packets);
}

static void
warn_of_loss(warnings_t *self, const char *name, const kt_stream_counts_t *counts)
{
    char code[TEXT_BYTES];
    (void)snprintf(code, sizeof code, "%s_lost", name);
    if (counts->lost_s > 0)
        add_warning(self, code, "%s: %.3f s in %llu %s are damaged or missing and were left out", name, counts->lost_s,
                    (unsigned long long)counts->lost_parts, counts->lost_parts == 1 ? "place" : "places");
}

// What the structure of the file says about its end.
static void
warn_of_structure(warnings_t *self, const kt_technical_t *facts, const kt_completeness_t *judged)
{
    const kt_media_info_t   *info = facts->info;
    const kt_media_counts_t *c    = facts->counts;
    if (judged->is_short)
        add_warning(self, "truncated", "the file has %lld bytes; its %s ends at %llu", (long long)facts->size_bytes,
                    info->declared_end, (unsigned long long)info->declared_bytes);
    else if (info->end_missing[0])
        add_warning(self, "truncated", "%s", info->end_missing);
    else if (judged->cut)
        add_warning(self, "truncated", "the last packet of the %s is incomplete", c->audio.cut ? "sound" : "picture");
    if (info->broken_at > 0)
        add_warning(self, "boxes_damaged", "the chain of boxes breaks at byte %llu%s",
                    (unsigned long long)info->broken_at, info->broken_hides ? "; what follows is not found" : "");
    if (info->skipped_bytes > SKIPPED_LEAST)
        add_warning(self, "beginning_skipped", "the first %llu bytes are of no known format",
                    (unsigned long long)info->skipped_bytes);
    if (info->behind_bytes > SKIPPED_LEAST)
        add_warning(self, "bytes_behind_left_out", "%llu bytes behind the %s are of no known format and are left out",
                    (unsigned long long)info->behind_bytes, info->declared_end[0] ? info->declared_end : "data");
    if (info->too_short)
        add_warning(self, "false_size", "the data chunk's size is false; the samples are read to the end of the file");
}

json_t *
kt_technical_warnings(const kt_technical_t *facts, const kt_completeness_t *judged)
{
    const kt_media_info_t   *info = facts->info;
    const kt_media_counts_t *c    = facts->counts;
    warnings_t               self = {kt_json_array()};
    warn_of_stream(&self, "sound", info->has_audio, facts->sound_wanted, info->audio_why, &c->audio);
    warn_of_stream(&self, "picture", info->has_video, facts->pictures_wanted, info->video_why, &c->video);
    warn_of_loss(&self, "sound", &c->audio);
    warn_of_loss(&self, "picture", &c->video);
    if (c->damaged_pictures > 0)
        add_warning(&self, "damaged_pictures", "%llu of %llu pictures have errors or concealed parts",
                    (unsigned long long)c->damaged_pictures, (unsigned long long)c->video.decoded);
    if (c->other_size > 0)
        add_warning(&self, "picture_size_changes",
                    "%llu of %llu pictures have another size than the first one and were scaled to it",
                    (unsigned long long)c->other_size, (unsigned long long)c->video.decoded);
    if (c->other_shape > 0)
        add_warning(&self, "pixel_shape_changes", "%llu of %llu pictures have another pixel shape than the first one",
                    (unsigned long long)c->other_shape, (unsigned long long)c->video.decoded);
    if (c->time_breaks > 0)
        add_warning(&self, "times_joined", "time stamps begin anew or leap ahead in %llu %s; times behind it continue",
                    (unsigned long long)c->time_breaks, c->time_breaks == 1 ? "place" : "places");
    if (c->untimed > 0 && (double)c->untimed >= UNTIMED * (double)c->video.decoded)
        add_warning(&self, "times_missing",
                    "%llu of %llu pictures have no time stamp of their own; their times continue those before",
                    (unsigned long long)c->untimed, (unsigned long long)c->video.decoded);
    if (c->foreign)
        add_warning(&self, "chained_part_left_out",
                    "a chained Ogg: parts of another codec, or with other streams, are not analysed");
    if (c->broken_off)
        add_warning(&self, "broken_off", "reading ended with an error before the end of the file");
    warn_of_structure(&self, facts, judged);
    if (judged->missing_s > 0)
        add_warning(&self, "ends_early", "the file states %.3f s and holds %.3f s", info->duration_s,
                    judged->duration_s);
    if (judged->belief == KT_BELIEF_SHORTER)
        add_warning(&self, "declared_not_believed", "%s states %.3f s; %.3f s were decoded", info->declared_by,
                    info->duration_s, judged->duration_s);
    if (judged->belief == KT_BELIEF_LONGER)
        add_warning(&self, "declared_not_believed", "%s states %.3f s; the file is whole and holds %.3f s",
                    info->declared_by, info->duration_s, judged->duration_s);
    return self.list;
}
