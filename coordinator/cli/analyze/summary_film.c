#include "coordinator/cli/analyze/analyze.h"
#include "coordinator/cli/analyze/summary.h"
#include "coordinator/cli/film/changes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPANS_SHOWN = 4, COLORS_SHOWN = 4, TEXTS_SHOWN = 12, WARNINGS_SHOWN = 8, LINE_BYTES = 1 << 14 };

typedef struct film {
    const json_t *document, *technical, *visual;
} film_t;

// Appends the line's content; appends nothing if there is none.
typedef void line_fn(kt_buf_t *out, const film_t *film);

static const char *
separator(const kt_buf_t *out)
{
    return out->length > 0 ? ", " : "";
}

// ", TEXT" of a member that is a text.
static void
add_text_of(kt_buf_t *out, const json_t *group, const char *member, const char *unit)
{
    const char *text = kt_json_str(group, member, "");
    if (!*text)
        return;
    kt_buf_str(out, separator(out));
    kt_summary_clean(out, text);
    kt_buf_str(out, unit);
}

// ", NAME NUMBER UNIT" of a member that is a number.
static void
add_number_of(kt_buf_t *out, const json_t *group, const char *member, const char *name, int digits, const char *unit)
{
    double value = kt_json_f64(group, member, NAN);
    if (!isnan(value))
        kt_buf_fmt(out, "%s%s%s%.*f%s", separator(out), name, *name ? " " : "", digits, value, unit);
}

static void
add_bit_rate(kt_buf_t *out, double bits)
{
    if (bits >= 1e6)
        kt_buf_fmt(out, "%s%.2f Mbit/s", separator(out), bits / 1e6);
    else if (bits > 0)
        kt_buf_fmt(out, "%s%.0f kbit/s", separator(out), bits / 1e3);
}

static void
add_aspect(kt_buf_t *out, double aspect)
{
    static const struct {
        double      value;
        const char *name;
    } KNOWN[] = {{16 / 9.0, "16:9"}, {4 / 3.0, "4:3"}, {9 / 16.0, "9:16"}, {3 / 4.0, "3:4"},
                 {1, "1:1"},         {1.5, "3:2"},     {2 / 3.0, "2:3"},   {5 / 4.0, "5:4"}};
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (fabs(aspect / KNOWN[i].value - 1) < 0.005) {
            kt_buf_fmt(out, "%sshown at %s", separator(out), KNOWN[i].name);
            return;
        }
    if (!isnan(aspect))
        kt_buf_fmt(out, "%sshown at %.2f:1", separator(out), aspect);
}

static void
picture_line(kt_buf_t *out, const film_t *film)
{
    const json_t *technical = film->technical, *size = kt_json_get(technical, "resolution");
    const json_t *rates = kt_json_get(technical, "frame_rates");
    double        width = 0, height = 0;
    if (kt_json_number(kt_json_at(size, 0), &width) && kt_json_number(kt_json_at(size, 1), &height))
        kt_buf_fmt(out, "%.0f x %.0f px", width, height);
    if (kt_json_i64(technical, "rotation", 0) != 0)
        kt_buf_fmt(out, "%srotated by %lld degrees", separator(out), (long long)kt_json_i64(technical, "rotation", 0));
    if (kt_json_flag(technical, "mirrored", false))
        kt_buf_fmt(out, "%smirrored", separator(out));
    add_aspect(out, kt_json_f64(technical, "aspect_ratio", NAN));
    double rate = kt_json_f64(technical, "frame_rate", NAN);
    if (!isnan(rate))
        kt_buf_fmt(out, "%s%.5g Hz", separator(out), rate);
    if (kt_json_flag(technical, "variable_frame_rate", false))
        kt_buf_fmt(out, " (variable: %.4g to %.4g Hz)", kt_json_f64(rates, "min", NAN), kt_json_f64(rates, "max", NAN));
    add_number_of(out, technical, "frames", "", 0, " pictures");
}

static void
coding_line(kt_buf_t *out, const film_t *film)
{
    const json_t *interval = kt_json_get(film->technical, "keyframe_interval");
    add_text_of(out, film->technical, "codec", "");
    add_text_of(out, film->technical, "profile", "");
    add_text_of(out, film->technical, "level", "");
    add_text_of(out, film->technical, "pixel_format", "");
    add_number_of(out, film->technical, "bit_depth", "", 0, " bit");
    add_bit_rate(out, kt_json_f64(film->technical, "bit_rate", 0));
    add_number_of(out, interval, "mean", "key frames every", 1, " s");
}

static void
color_line(kt_buf_t *out, const film_t *film)
{
    const char *hdr = kt_json_str(film->technical, "hdr", "");
    add_text_of(out, film->technical, "color_range", " range");
    add_text_of(out, film->technical, "color_space", " matrix");
    add_text_of(out, film->technical, "color_primaries", " primaries");
    add_text_of(out, film->technical, "color_transfer", " transfer");
    if (*hdr)
        kt_buf_fmt(out, "%s%s", separator(out), strcmp(hdr, "none") == 0 ? "no HDR" : "HDR: ");
    if (*hdr && strcmp(hdr, "none") != 0)
        kt_summary_clean(out, hdr);
}

static void
fields_line(kt_buf_t *out, const film_t *film)
{
    double share = kt_json_f64(film->visual, "interlaced_share", NAN);
    add_text_of(out, film->technical, "interlacing", "");
    if (!isnan(share))
        kt_buf_fmt(out, "%scomb patterns in %.0f %% of the sampled pictures", separator(out), 100 * share);
}

static void
sound_line(kt_buf_t *out, const film_t *film)
{
    double sound = kt_json_f64(film->technical, "audio_duration", NAN);
    double video = kt_json_f64(film->technical, "video_duration", NAN);
    add_text_of(out, film->technical, "audio_codec", "");
    add_number_of(out, film->technical, "sample_rate", "", 0, " Hz");
    add_text_of(out, film->technical, "channel_layout", "");
    add_bit_rate(out, kt_json_f64(film->technical, "audio_bit_rate", 0));
    if (fabs(sound - video) >= 0.1)
        kt_buf_fmt(out, "%s%.2f s %s than the pictures", separator(out), fabs(sound - video),
                   sound < video ? "shorter" : "longer");
    if (out->length == 0 && !kt_json_flag(film->technical, "has_audio", true))
        kt_buf_str(out, "none");
}

static void
streams_line(kt_buf_t *out, const film_t *film)
{
    const json_t *list = kt_json_get(film->technical, "stream_list");
    size_t        n    = kt_json_count(list);
    for (size_t i = 0; i < n && n > 2; i++) {
        const json_t *stream = kt_json_at(list, i);
        add_text_of(out, stream, "kind", "");
        kt_buf_str(out, *kt_json_str(stream, "codec", "") ? " " : "");
        kt_summary_clean(out, kt_json_str(stream, "codec", ""));
        if (*kt_json_str(stream, "language", "")) {
            kt_buf_str(out, " (");
            kt_summary_clean(out, kt_json_str(stream, "language", ""));
            kt_buf_str(out, ")");
        }
    }
}

static void
warnings_line(kt_buf_t *out, const film_t *film)
{
    const json_t *list = kt_json_get(film->technical, "warnings");
    size_t        n    = kt_json_count(list);
    for (size_t i = 0; i < n && i < WARNINGS_SHOWN; i++) {
        kt_buf_fmt(out, i ? "\n  %*s  " : "%*s", i ? KT_SUMMARY_NAME : 0, "");
        kt_summary_clean(out, kt_json_str(kt_json_at(list, i), "text", ""));
    }
    if (n > WARNINGS_SHOWN)
        kt_buf_fmt(out, " and %zu more", n - WARNINGS_SHOWN);
}

static void
score_line(kt_buf_t *out, const film_t *film)
{
    const json_t *parts = kt_json_get(film->visual, "picture_quality_parts");
    add_number_of(out, film->technical, "quality_score", "", 2, "");
    for (size_t i = 0; i < kt_json_count(parts); i++) {
        kt_buf_fmt(out, "%s", i == 0 ? " = " : " x ");
        kt_summary_clean(out, kt_json_key(parts, i));
        kt_buf_fmt(out, " %.2f", kt_json_f64(parts, kt_json_key(parts, i), NAN));
    }
}

static void
shots_line(kt_buf_t *out, const film_t *film)
{
    static const char *const KINDS[][3] = {{"", "cut", "cuts"},
                                           {"dissolve", "dissolve", "dissolves"},
                                           {"fade", "fade", "fades"},
                                           {"wipe", "wipe", "wipes"}};
    double length = kt_json_f64(film->technical, "video_duration", kt_json_f64(film->technical, "duration", NAN));
    size_t n      = 0;
    if (kt_json_kind(kt_json_get(film->visual, "scene_changes")) != KT_JSON_ARRAY)
        return;
    kt_change_t *changes = kt_changes_of(film->document, &n);
    if (n == 0)
        kt_buf_str(out, "1: no change was found");
    else
        kt_buf_fmt(out, "%zu, %.2f s on average: ", n + 1, length / (double)(n + 1));
    for (size_t k = 0, shown = 0; changes && k < sizeof KINDS / sizeof *KINDS; k++) {
        size_t count = 0;
        for (size_t i = 0; i < n; i++)
            count += strcmp(changes[i].kind, KINDS[k][0]) == 0;
        if (count > 0)
            kt_buf_fmt(out, "%s%zu %s", shown++ ? ", " : "", count, KINDS[k][count == 1 ? 1 : 2]);
    }
    free(changes);
}

// Which of the detector and the model decided.
static void
decisions_line(kt_buf_t *out, const film_t *film)
{
    static const char *const NAMES[] = {"both", "detector", "model", "refused"};
    const json_t            *counts  = kt_json_get(film->visual, "scene_decisions");
    if (kt_json_count(counts) == 0)
        return;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        kt_buf_fmt(out, "%s%s %.0f", i ? ", " : "", NAMES[i], kt_json_f64(counts, NAMES[i], 0));
}

static void
motion_line(kt_buf_t *out, const film_t *film)
{
    const json_t *camera = kt_json_get(film->visual, "camera");
    double        still  = kt_json_f64(film->visual, "static_share", NAN);
    const char   *method = kt_json_str(kt_json_get(film->document, "methods"), "motion", "");
    add_number_of(out, film->visual, "motion", "", 2, " % of the width per second");
    if (out->length > 0 && *method)
        kt_buf_fmt(out, " (%s)", method);
    if (!isnan(still))
        kt_buf_fmt(out, "%sstill for %.0f %% of the time", separator(out), 100 * still);
    for (size_t i = 0; i < kt_json_count(camera); i++)
        add_number_of(out, camera, kt_json_key(camera, i), kt_json_key(camera, i), 2, "");
}

static void
light_line(kt_buf_t *out, const film_t *film)
{
    add_number_of(out, film->visual, "brightness", "brightness", 3, "");
    add_number_of(out, film->visual, "contrast", "contrast", 3, "");
    add_number_of(out, film->visual, "saturation", "saturation", 3, "");
}

static void
colors_line(kt_buf_t *out, const film_t *film)
{
    const json_t *list = kt_json_get(film->visual, "dominant_colors");
    for (size_t i = 0; i < kt_json_count(list) && i < COLORS_SHOWN; i++) {
        const json_t *rgb     = kt_json_get(kt_json_at(list, i), "rgb");
        double        part[3] = {0};
        for (size_t c = 0; c < 3; c++)
            (void)kt_json_number(kt_json_at(rgb, c), &part[c]);
        kt_buf_fmt(out, "%s#%02x%02x%02x %.0f %%", separator(out), (unsigned)part[0] & 255, (unsigned)part[1] & 255,
                   (unsigned)part[2] & 255, 100 * kt_json_f64(kt_json_at(list, i), "share", NAN));
    }
}

static void
add_spans(kt_buf_t *out, const json_t *list)
{
    size_t n = kt_json_count(list);
    for (size_t i = 0; i < n && i < SPANS_SHOWN; i++) {
        kt_buf_str(out, separator(out));
        kt_summary_clock(out, kt_json_f64(kt_json_at(list, i), "begin", NAN));
        kt_buf_str(out, " to ");
        kt_summary_clock(out, kt_json_f64(kt_json_at(list, i), "end", NAN));
    }
    if (n > SPANS_SHOWN)
        kt_buf_fmt(out, " and %zu more", n - SPANS_SHOWN);
}

static void
black_line(kt_buf_t *out, const film_t *film)
{
    add_spans(out, kt_json_get(film->visual, "black_parts"));
}

static void
white_line(kt_buf_t *out, const film_t *film)
{
    add_spans(out, kt_json_get(film->visual, "white_parts"));
}

static void
frozen_line(kt_buf_t *out, const film_t *film)
{
    add_spans(out, kt_json_get(film->visual, "frozen_parts"));
}

static void
bars_line(kt_buf_t *out, const film_t *film)
{
    const json_t *bars = kt_json_get(film->visual, "letterbox");
    for (size_t i = 0; i < kt_json_count(bars); i++)
        if (kt_json_f64(bars, kt_json_key(bars, i), 0) > 0)
            add_number_of(out, bars, kt_json_key(bars, i), kt_json_key(bars, i), 0, " px");
}

static void
quality_line(kt_buf_t *out, const film_t *film)
{
    const json_t *measures = kt_json_get(film->visual, "picture_quality");
    for (size_t i = 0; i < kt_json_count(measures); i++)
        add_number_of(out, measures, kt_json_key(measures, i), kt_json_key(measures, i), 3, "");
}

static void
faces_line(kt_buf_t *out, const film_t *film)
{
    add_number_of(out, film->visual, "faces_detected", "", 0, "");
    if (out->length > 0)
        kt_buf_fmt(out, " in %zu pictures that were looked at",
                   kt_json_count(kt_json_get(film->visual, "sampled_times")));
}

static void
text_line(kt_buf_t *out, const film_t *film)
{
    const json_t *list = kt_json_get(film->visual, "text_regions");
    size_t        n    = kt_json_count(list);
    if (kt_json_kind(list) == KT_JSON_ARRAY && n == 0)
        kt_buf_str(out, "none");
    for (size_t i = 0; i < n && i < TEXTS_SHOWN; i++) {
        const json_t *region = kt_json_at(list, i);
        kt_buf_fmt(out, i ? "\n  %*s  " : "%*s", i ? KT_SUMMARY_NAME : 0, "");
        const double start = kt_json_f64(region, "start", NAN), end = kt_json_f64(region, "end", NAN);
        kt_summary_clock(out, start);
        if (end - start >= 0.01) {
            kt_buf_str(out, " to ");
            kt_summary_clock(out, end);
        }
        kt_buf_fmt(out, "  %-7s  ", kt_json_str(region, "kind", ""));
        kt_summary_clean(out, kt_json_str(region, "text", ""));
    }
    if (n > TEXTS_SHOWN)
        kt_buf_fmt(out, "\n  %*s  and %zu more", KT_SUMMARY_NAME, "", n - TEXTS_SHOWN);
}

static void
mode_line(kt_buf_t *out, const film_t *film)
{
    if (strcmp(kt_json_str(film->visual, "video_mode", "full"), "full") != 0)
        add_text_of(out, film->visual, "video_mode", ": not all pictures were decoded");
}

typedef struct line {
    const char *name;
    line_fn    *add;
} line_t;

static const line_t TECHNICAL[] = {
    {"picture", picture_line}, {"coding", coding_line},   {"colour", color_line},      {"fields", fields_line},
    {"sound", sound_line},     {"streams", streams_line}, {"warnings", warnings_line}, {"quality_score", score_line},
};
static const line_t VISUAL[] = {
    {"shots", shots_line},
    {"scene_decisions", decisions_line},
    {"motion", motion_line},
    {"light", light_line},
    {"dominant_colors", colors_line},
    {"black_parts", black_line},
    {"white_parts", white_line},
    {"frozen_parts", frozen_line},
    {"letterbox", bars_line},
    {"picture_quality", quality_line},
    {"faces_detected", faces_line},
    {"text_regions", text_line},
    {"video_mode", mode_line},
};

static void
add_lines(kt_buf_t *out, const film_t *film, const char *title, bool color, const line_t *lines, size_t n)
{
    bool     titled = false;
    kt_buf_t line;
    kt_buf_init(&line, LINE_BYTES);
    for (size_t i = 0; i < n; i++) {
        kt_buf_clear(&line);
        lines[i].add(&line, film);
        if (line.length == 0)
            continue;
        if (!titled)
            kt_buf_fmt(out, "  %s%s%s\n", color ? KT_SUMMARY_DIM : "", title, color ? KT_SUMMARY_PLAIN : "");
        titled = true;
        kt_buf_fmt(out, "  %-*s  ", KT_SUMMARY_NAME, lines[i].name);
        kt_buf_add(out, line.bytes, line.length);
        kt_buf_str(out, "\n");
    }
    kt_buf_fini(&line);
}

void
kt_summary_film(const json_t *document, bool color, kt_buf_t *out)
{
    film_t film = {document, kt_summary_group(document, KT_GROUP_TECHNICAL),
                   kt_summary_group(document, KT_GROUP_VISUAL)};
    add_lines(out, &film, "technical", color, TECHNICAL, sizeof TECHNICAL / sizeof *TECHNICAL);
    add_lines(out, &film, "visual", color, VISUAL, sizeof VISUAL / sizeof *VISUAL);
}
