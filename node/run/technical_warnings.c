#include "node/run/technical_parts.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

// A file ends early when this share and this time of what it declares are missing: lengths in headers are often
// rounded, and sound is cut to whole frames.
#define EARLY_SHARE .02
#define EARLY_S .5

enum { TEXT_BYTES = 256 };

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

bool
kt_technical_ends_early(const kt_technical_t *facts, double duration_s)
{
    double declared_s = facts->info->duration_s;
    // Some containers count from zero, some from the first picture.
    double end_s = fmax(duration_s, fmax(facts->counts->audio.end_s, facts->counts->video.end_s));
    return duration_s > 0 && declared_s - end_s > fmax(EARLY_S, EARLY_SHARE * declared_s);
}

json_t *
kt_technical_warnings(const kt_technical_t *facts, double duration_s)
{
    const kt_media_info_t   *info = facts->info;
    const kt_media_counts_t *c    = facts->counts;
    warnings_t               self = {kt_json_array()};
    warn_of_stream(&self, "sound", info->has_audio, facts->sound_wanted, info->audio_why, &c->audio);
    warn_of_stream(&self, "picture", info->has_video, facts->pictures_wanted, info->video_why, &c->video);
    if (c->damaged_pictures > 0)
        add_warning(&self, "damaged_pictures", "%llu of %llu pictures have errors or concealed parts",
                    (unsigned long long)c->damaged_pictures, (unsigned long long)c->video.decoded);
    if (c->foreign)
        add_warning(&self, "chained_part_left_out",
                    "a chained Ogg: parts of another codec, or with other streams, are not analysed");
    if (c->broken_off)
        add_warning(&self, "broken_off", "reading ended with an error before the end of the file");
    if (kt_technical_ends_early(facts, duration_s))
        add_warning(&self, "ends_early", "the file states %.3f s and holds %.3f s", info->duration_s, duration_s);
    return self.list;
}
