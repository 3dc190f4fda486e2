#include "node/run/technical_parts.h"

#include <math.h>

// Of times that continue at a rate, that rate says nothing.
static const char *
rate_method(const kt_media_info_t *info, const kt_media_counts_t *c)
{
    if (c->every_picture && 2 * c->untimed > c->video.decoded)
        return info->frame_rate_hz > 0 ? "header: the pictures have no time stamps"
                                       : "guessed: there are no time stamps";
    return c->pulldown ? "time stamps, without the fields that are repeated" : "time stamps";
}

static void
write_rates(kt_document_t *document, const kt_media_info_t *info, const kt_media_counts_t *c)
{
    if (c->regular_hz > 0)
        kt_technical_positive(document, FEATURE(frame_rate), c->regular_hz, rate_method(info, c));
    else if (c->frame_mean_s > 0)
        kt_technical_positive(document, FEATURE(frame_rate), 1 / c->frame_mean_s, rate_method(info, c));
    else
        kt_technical_positive(document, FEATURE(frame_rate), info->frame_rate_hz, "header");
    if (c->frame_mean_s > 0) {
        kt_document_bool(document, FEATURE(variable_frame_rate), !(c->regular_hz > 0));
        kt_document_method(document, FEATURE(variable_frame_rate), rate_method(info, c));
    } else {
        kt_document_null(document, FEATURE(variable_frame_rate), "fewer than two pictures have times");
    }
    const struct {
        const char *name;
        double      hz;
    } rates[] = {{"nominal", info->frame_rate_hz},
                 {"mean", c->frame_mean_s > 0 ? 1 / c->frame_mean_s : 0},
                 {"min", c->frame_max_s > 0 ? 1 / c->frame_max_s : 0},
                 {"max", c->frame_min_s > 0 ? 1 / c->frame_min_s : 0}};
    size_t n  = 0;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        if (rates[i].hz > 0 && rates[i].hz <= kt_feature_desc(FEATURE(frame_rates))->max) {
            kt_document_pair(document, FEATURE(frame_rates), rates[i].name, rates[i].hz);
            n++;
        }
    if (n == 0)
        kt_document_null(document, FEATURE(frame_rates), "not stated by the file");
}

static void
write_frames(kt_document_t *document, const kt_media_counts_t *c)
{
    kt_technical_count(document, FEATURE(frames), c->frames);
    kt_document_method(document, FEATURE(frames), c->every_picture ? "decoded" : "packets");
    if (c->key_interval_mean_s > 0 && c->key_interval_max_s <= kt_feature_desc(FEATURE(keyframe_interval))->max &&
        c->key_interval_mean_s <= c->key_interval_max_s) {
        kt_document_pair(document, FEATURE(keyframe_interval), "mean", c->key_interval_mean_s);
        kt_document_pair(document, FEATURE(keyframe_interval), "max", c->key_interval_max_s);
        kt_document_method(document, FEATURE(keyframe_interval), c->every_picture ? "decoded" : "packets");
    } else {
        kt_document_null(document, FEATURE(keyframe_interval), "fewer than two key frames");
    }
}

static void
write_shape(kt_document_t *document, const kt_media_info_t *info)
{
    const char *method = info->from_picture ? "decoded" : "header";
    double      most   = kt_feature_desc(FEATURE(resolution))->max;
    if (info->width > 0 && info->height > 0 && info->width <= most && info->height <= most) {
        kt_document_reals(document, FEATURE(resolution), (double[]){info->width, info->height}, 2);
        kt_document_method(document, FEATURE(resolution), method);
    } else {
        kt_document_null(document, FEATURE(resolution), "not stated by the file");
    }
    kt_technical_positive(document, FEATURE(aspect_ratio), info->aspect_ratio, method);
    kt_technical_positive(document, FEATURE(pixel_aspect_ratio), info->pixel_aspect_ratio, method);
    kt_document_int(document, FEATURE(rotation), info->rotation);
    kt_document_bool(document, FEATURE(mirrored), info->mirrored);
}

// Codecs declare it in each picture, containers once.
static void
write_interlacing(kt_document_t *document, const kt_media_info_t *info, const kt_media_counts_t *c)
{
    if (c->video.decoded == 0) {
        kt_technical_text(document, FEATURE(interlacing), info->field_order);
        kt_document_method(document, FEATURE(interlacing), "header");
        return;
    }
    const char *name = c->interlaced == 0                 ? "progressive"
                       : c->interlaced < c->video.decoded ? "mixed"
                       : 2 * c->top_first > c->interlaced ? "top"
                                                          : "bottom";
    kt_document_text(document, FEATURE(interlacing), name);
    kt_document_method(document, FEATURE(interlacing), "decoded");
}

static void
write_hdr(kt_document_t *document, const kt_media_info_t *info)
{
    const struct {
        const char *name;
        double      value;
    } facts[] = {
        {"mastering_min_luminance", info->mastering_min_nits}, {"mastering_max_luminance", info->mastering_max_nits},
        {"max_content_light", info->content_max_nits},         {"max_frame_average_light", info->content_average_nits},
        {"dolby_vision_profile", info->dolby_vision_profile},  {"dolby_vision_level", info->dolby_vision_level}};
    size_t n = 0;
    kt_document_text(document, FEATURE(hdr), info->hdr[0] ? info->hdr : "none");
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        if (facts[i].value > 0 && facts[i].value <= kt_feature_desc(FEATURE(hdr_metadata))->max) {
            kt_document_pair(document, FEATURE(hdr_metadata), facts[i].name, facts[i].value);
            n++;
        }
    if (n == 0)
        kt_document_null(document, FEATURE(hdr_metadata), "not stated by the file");
}

void
kt_technical_write_picture(kt_document_t *document, const kt_technical_t *facts)
{
    const kt_media_info_t *info = facts->info;
    write_shape(document, info);
    write_rates(document, info, facts->counts);
    write_frames(document, facts->counts);
    write_interlacing(document, info, facts->counts);
    write_hdr(document, info);
    kt_technical_text(document, FEATURE(profile), info->profile);
    kt_technical_text(document, FEATURE(level), info->level);
    kt_technical_text(document, FEATURE(pixel_format), info->pixel_format);
    kt_technical_count(document, FEATURE(bit_depth), info->bit_depth);
    kt_technical_text(document, FEATURE(color_space), info->color_space);
    kt_technical_text(document, FEATURE(color_primaries), info->color_primaries);
    kt_technical_text(document, FEATURE(color_transfer), info->color_transfer);
    kt_technical_text(document, FEATURE(color_range), !info->range_stated ? "" : info->full_range ? "full" : "limited");
}
