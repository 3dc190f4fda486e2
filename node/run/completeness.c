#include "node/run/completeness.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// A file ends early when this share and this time of what it declares are missing: lengths in headers are often
// rounded, and sound is cut to whole frames.
#define EARLY_SHARE .02
#define EARLY_S .5
#define OVER_SHARE 1.05
#define OVER_S .5

// Packets of a codec that is not read may state anything: more than the file declares is not believed.
double
kt_technical_sound_s(const kt_technical_t *facts)
{
    const kt_stream_counts_t *a       = &facts->counts->audio;
    double                    sound_s = a->end_s - a->begin_s, declared_s = facts->info->duration_s;
    return a->decoded == 0 && declared_s > 0 && sound_s > OVER_SHARE * declared_s + OVER_S ? 0 : sound_s;
}

// Of the file: from the beginning of its sound or picture, whichever is first, to the end of both. If one begins when
// the other has ended, the times of one of them are wrong: then the longer one.
static double
duration_of(const kt_technical_t *facts)
{
    const kt_stream_counts_t *a = &facts->counts->audio, *v = &facts->counts->video;
    double                    sound_s = kt_technical_sound_s(facts), film_s = v->end_s - v->begin_s;
    bool                      both = sound_s > 0 && film_s > 0 && a->begin_s < v->end_s && v->begin_s < a->end_s;
    return both ? fmax(a->end_s, v->end_s) - fmin(a->begin_s, v->begin_s) : fmax(sound_s, film_s);
}

static bool
is_damaged(const kt_stream_counts_t *s)
{
    return s->damaged > 0 || s->lost_parts > 0;
}

// Where the end of a file would be seen: sizes, or frames whose last one would be incomplete.
static bool
end_is_known(const kt_media_info_t *info)
{
    static const char *const FRAMES[] = {"STREAMINFO", "Xing header", "VBRI header", "block header"};
    for (size_t i = 0; i < sizeof FRAMES / sizeof *FRAMES; i++)
        if (!strcmp(info->declared_by, FRAMES[i]))
            return true;
    return info->declared_bytes > 0;
}

// The end of the file is known, and packets reach nearer to it than what is missing.
static bool
is_read(const kt_technical_t *facts, double missing)
{
    const double size = (double)facts->size_bytes, read = (double)facts->counts->read_bytes;
    return end_is_known(facts->info) && !(read > 0 && size > read && 2 * (size - read) > missing * size);
}

static double
clamp_share(double share)
{
    return share >= 0 ? fmin(share, 1) : 0;
}

// Of a stream, without what was damaged.
static double
inside_share(const kt_stream_counts_t *s)
{
    const double total_s = s->end_s - s->begin_s;
    const double skipped = s->packets > 0 ? (double)s->damaged / (double)s->packets : 0;
    return clamp_share(1 - fmax(skipped, total_s > 0 ? s->lost_s / total_s : 0));
}

// Of a file that was cut, each stream has its own end.
static double
end_share(const kt_completeness_t *c, const kt_stream_counts_t *s, double end_s)
{
    if (c->declared_s <= 0)
        return 1;
    if (c->missing_s > 0)
        return clamp_share(fmin(end_s, c->is_short ? s->end_s : end_s) / c->declared_s);
    const bool early = c->is_short && c->declared_s - s->end_s > fmax(EARLY_S, EARLY_SHARE * c->declared_s);
    return early ? clamp_share(s->end_s / c->declared_s) : 1;
}

static void
add_stream(kt_completeness_t *c, const kt_stream_counts_t *s, bool wanted, double end_s)
{
    const bool none = s->decoded == 0 && s->damaged > 0 && !s->unsupported;
    if (!wanted || (s->decoded == 0 && !none))
        return;
    const double inside = none ? 0 : inside_share(s), end = none ? 1 : end_share(c, s, end_s);
    if (!(inside * end >= c->share)) {
        c->share  = inside * end;
        c->inside = inside;
        c->end    = end;
    }
}

void
kt_completeness_judge(const kt_technical_t *facts, kt_completeness_t *out)
{
    const kt_media_info_t   *info       = facts->info;
    const kt_media_counts_t *c          = facts->counts;
    const double             declared_s = info->duration_s;
    *out = (kt_completeness_t){.duration_s = duration_of(facts), .share = NAN, .inside = 1, .end = 1};
    // Some containers count from zero, some from the first picture.
    const double end_s   = fmax(out->duration_s, fmax(c->audio.end_s, c->video.end_s));
    const bool   decoded = c->audio.decoded > 0 || c->video.decoded > 0;
    out->is_short        = facts->size_bytes >= 0 && info->declared_bytes > (uint64_t)facts->size_bytes;
    // Where all bytes are there, a last packet that is incomplete is the header's error.
    out->cut = out->is_short || info->end_missing[0] || (info->declared_bytes == 0 && (c->audio.cut || c->video.cut));
    out->damaged = is_damaged(&c->audio) || is_damaged(&c->video) || c->damaged_pictures > 0 || c->broken_off ||
                   info->broken_hides;
    const double missing_s = declared_s - end_s;
    const bool   early     = out->duration_s > 0 && missing_s > fmax(EARLY_S, EARLY_SHARE * declared_s);
    // Of what was decoded, in another way; of the fragments that were found.
    const bool stamps = !strcmp(info->declared_by, "time stamps"), fragments = !strcmp(info->declared_by, "fragments");
    const bool over   = decoded && !stamps && out->duration_s > OVER_SHARE * declared_s + OVER_S;
    const bool joined = stamps && c->time_breaks > 0;  // the last time stamp is no length
    if (declared_s > 0 && !fragments && !joined)
        out->belief = over ? KT_BELIEF_SHORTER
                      : decoded && early && !out->cut && !out->damaged && is_read(facts, missing_s / declared_s)
                          ? KT_BELIEF_LONGER
                          : KT_BELIEF_YES;
    out->declared_s = out->belief == KT_BELIEF_YES ? declared_s : 0;
    out->missing_s  = out->belief == KT_BELIEF_YES && early ? missing_s : 0;
    add_stream(out, &c->audio, info->has_audio && facts->sound_wanted, end_s);
    add_stream(out, &c->video, info->has_video && facts->pictures_wanted, end_s);
    if (isnan(out->share) && decoded)  // what was decoded is not wanted
        out->share = 1;
    // Fragments behind a box that is broken are not found, and no length says how many there are; nor, where reading
    // was given up, what follows.
    const uint64_t end = info->broken_hides                      ? info->broken_at
                         : c->broken_off && out->declared_s <= 0 ? c->read_bytes
                                                                 : 0;
    if (end > 0 && facts->size_bytes > 0 && !isnan(out->share)) {
        const double read = clamp_share((double)end / (double)facts->size_bytes);
        out->inside       = fmin(out->inside, read);
        out->share        = fmin(out->share, read);
    }
}

void
kt_completeness_method(const kt_technical_t *facts, const kt_completeness_t *judged, char *out, size_t capacity)
{
    const char *by  = *facts->info->declared_by ? facts->info->declared_by : "header";
    const char *why = judged->missing_s > 0  ? judged->cut       ? ": the file is cut"
                                               : judged->damaged ? ": parts of the file are damaged"
                                                                 : ": nothing contradicts it"
                      : isnan(judged->share) ? ""
                                             : ": what was decoded agrees";
    (void)snprintf(out, capacity, "%s%s", by, why);
}

kt_err_t
kt_completeness_verdict(const kt_technical_t *facts, double least, char *detail, size_t capacity)
{
    kt_completeness_t c;
    kt_completeness_judge(facts, &c);
    if (facts->size_bytes < 0 || isnan(c.share) || c.share >= least)
        return KT_OK;
    const double of_s      = c.declared_s > 0 ? c.declared_s : c.duration_s;
    const bool   truncated = c.end < c.inside && (c.cut || !c.damaged);
    (void)snprintf(detail, capacity, "%.1f %% of %.3f s could be decoded%s%s%s; at least %.0f %% are wanted",
                   100 * c.share, of_s, c.is_short ? ": the file ends before its " : "",
                   c.is_short ? facts->info->declared_end : "",
                   c.is_short           ? " does"
                   : c.cut && truncated ? ": the end is missing"
                                        : "",
                   100 * least);
    return truncated ? KT_ETRUNCATED : KT_EDAMAGED;
}
