#include "coordinator/cli/analyze/summary.h"

#include "common/text.h"
#include "coordinator/cli/analyze/analyze.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// Of a longer list only the name is shown; its numbers are in the other formats.
enum { LIST_SHOWN = 16, CLASSES_SHOWN = 4 };

static double
number_of(const json_t *value)
{
    double number = NAN;
    return kt_json_number(value, &number) ? number : NAN;
}

const json_t *
kt_summary_group(const json_t *document, kt_group_t group)
{
    const json_t *at = document;
    char          part[32];
    for (const char *path = kt_group_path(group); at && *path;) {
        size_t n = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        at = kt_json_get(at, part);
        path += n + (path[n] == '.');
    }
    return at;
}

void
kt_summary_clean(kt_buf_t *out, const char *text)
{
    bool control;
    for (size_t n; (n = kt_text_character(text, &control)); text += n)
        kt_buf_add(out, control ? " " : text, control ? 1 : n);
}

void
kt_summary_clock(kt_buf_t *out, double seconds)
{
    // In whole hundredths: 59.999 s are 1:00.00, not 0:60.00.
    long long hundredths = llround(fabs(seconds) < 1e9 ? 100 * fabs(seconds) : 0), minutes = hundredths / 6000;
    kt_buf_str(out, seconds < 0 && hundredths > 0 ? "-" : "");
    if (minutes >= 60)
        kt_buf_fmt(out, "%lld:%02lld", minutes / 60, minutes % 60);
    else
        kt_buf_fmt(out, "%lld", minutes);
    kt_buf_fmt(out, ":%02lld.%02lld", hundredths / 100 % 60, hundredths % 100);
}

static void
add_media_info(kt_buf_t *out, const json_t *technical)
{
    double bit_rate = kt_json_f64(technical, "bit_rate", 0);
    double bytes    = kt_json_f64(technical, "file_size", 0);
    bool   film     = kt_json_flag(technical, "has_video", false);  // the line of the sound has more
    kt_summary_clock(out, kt_json_f64(technical, "duration", 0));
    kt_buf_str(out, "  ");
    kt_summary_clean(out, kt_json_str(technical, "codec", "?"));
    if (film && *kt_json_str(technical, "audio_codec", "")) {
        kt_buf_str(out, " and ");
        kt_summary_clean(out, kt_json_str(technical, "audio_codec", ""));
    }
    kt_buf_str(out, " in ");
    kt_summary_clean(out, kt_json_str(technical, "container", "?"));
    if (kt_json_i64(technical, "sample_rate", 0) > 0 && !film) {
        kt_buf_fmt(out, "  %lld Hz  %lld ch", (long long)kt_json_i64(technical, "sample_rate", 0),
                   (long long)kt_json_i64(technical, "audio_channels", 0));
        const char *layout = kt_json_str(technical, "channel_layout", "");
        kt_buf_str(out, *layout ? " (" : "");
        kt_summary_clean(out, layout);
        kt_buf_str(out, *layout ? ")" : "");
    }
    if (bit_rate > 0 && !film)
        kt_buf_fmt(out, "  %.0f kbit/s", bit_rate / 1e3);
    kt_buf_str(out, "  ");
    kt_buf_fmt(out, bytes < 1e6 ? "%.1f kB" : "%.1f MB", bytes / (bytes < 1e6 ? 1e3 : 1e6));
    const json_t *tags   = kt_json_get(technical, "tags");
    const char   *title  = kt_json_str(tags, "title", "");
    const char   *artist = kt_json_str(tags, "artist", "");
    if (*title || *artist) {
        kt_buf_str(out, "\n  ");
        kt_summary_clean(out, artist);
        kt_buf_str(out, *title && *artist ? " - " : "");
        kt_summary_clean(out, title);
    }
    kt_buf_str(out, "\n");
}

// Six columns of width 11: significant digits only.
static void
add_number(kt_buf_t *out, double value)
{
    if (isnan(value))
        kt_buf_fmt(out, " %10s", "-");
    else
        kt_buf_fmt(out, " %10.*f", fabs(value) >= 1000 ? 1 : fabs(value) >= 10 ? 2 : 4, value);
}

static void
add_list(kt_buf_t *out, const json_t *list)
{
    size_t n = kt_json_count(list);
    if (n > LIST_SHOWN) {
        kt_buf_fmt(out, "  %zu values\n", n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (i == 8)
            kt_buf_fmt(out, "\n  %*s", KT_SUMMARY_NAME, "");
        kt_buf_fmt(out, "%s%9.3f", i % 8 ? " " : "  ", number_of(kt_json_at(list, i)));
    }
    kt_buf_str(out, "\n");
}

// The classes with the largest values, in descending order.
static void
add_classes(kt_buf_t *out, const json_t *map)
{
    double below = INFINITY;
    for (size_t shown = 0, n = kt_json_count(map), best = n; shown < CLASSES_SHOWN; shown++) {
        double largest = -INFINITY;
        size_t after   = best;  // of equal values the one that follows the last
        for (size_t i = 0; i < n; i++) {
            double value = kt_json_f64(map, kt_json_key(map, i), NAN);
            bool   next  = value < below || (value == below && shown > 0 && i > after);
            if (next && value > largest) {
                largest = value;
                best    = i;
            }
        }
        if (isinf(largest))
            break;
        below = largest;
        kt_buf_fmt(out, "  %s %.3f", kt_json_key(map, best), largest);
    }
    kt_buf_str(out, "\n");
}

static void
add_models(kt_buf_t *out, const json_t *models, bool color)
{
    size_t n = kt_json_count(models), column = 0;
    if (n == 0)
        return;
    kt_buf_fmt(out, "  %smodels%s", color ? KT_SUMMARY_DIM : "", color ? KT_SUMMARY_PLAIN : "");
    for (size_t i = 0; i < n; i++) {
        const char *name = kt_json_key(models, i), *version = kt_json_str(models, name, "");
        size_t      width = strlen(name) + strlen(version) + 3;
        bool        wraps = i == 0 || column + width > KT_SUMMARY_WIDTH;
        column            = wraps ? 2 + width : column + width;
        kt_buf_fmt(out, "%s%s%s %s", i > 0 ? "," : "", wraps ? "\n  " : " ", name, version);
    }
    kt_buf_str(out, "\n");
}

static void
add_feature(kt_buf_t *out, const kt_feature_desc_t *desc, const json_t *group, const json_t *statistics)
{
    const json_t            *value   = kt_json_get(group, desc->name);
    static const char *const PARTS[] = {"std", "min", "max", "median"};
    kt_buf_fmt(out, "  %-*s", KT_SUMMARY_NAME, desc->name);
    if (desc->shape == KT_SHAPE_TEXT) {
        const char *text = kt_json_str(group, desc->name, "");
        kt_buf_fmt(out, "%*s", strlen(text) < 11 ? 11 - (int)strlen(text) : 1, "");
        kt_summary_clean(out, text);
    } else if (desc->shape == KT_SHAPE_INT) {
        kt_buf_fmt(out, " %10lld", (long long)number_of(value));
    } else if (desc->shape == KT_SHAPE_REALS) {
        add_list(out, value);
        return;
    } else if (desc->shape == KT_SHAPE_OBJECTS) {
        kt_buf_fmt(out, "  %zu values\n", kt_json_count(value));
        return;
    } else if (desc->shape == KT_SHAPE_MAP) {
        add_classes(out, value);
        return;
    } else {
        add_number(out, number_of(value));
        for (size_t i = 0; statistics && i < sizeof PARTS / sizeof *PARTS; i++)
            add_number(out, kt_json_f64(statistics, PARTS[i], NAN));
    }
    kt_buf_fmt(out, "%s%s\n", *desc->unit ? "  " : "", desc->unit);
}

static bool
is_shown(const kt_feature_desc_t *desc, const json_t *group)
{
    const json_t *value = kt_json_get(group, desc->name);
    if (desc->group == KT_GROUP_VISUAL)  // summary_film.c has them
        return false;
    switch (desc->shape) {
    case KT_SHAPE_REAL:
    case KT_SHAPE_INT: return desc->group != KT_GROUP_TECHNICAL && !isnan(number_of(value));
    case KT_SHAPE_TEXT: return desc->group != KT_GROUP_TECHNICAL && *kt_json_str(group, desc->name, "");
    case KT_SHAPE_MAP:
        return desc->group != KT_GROUP_QUALITY && desc->group != KT_GROUP_TECHNICAL && kt_json_count(value) > 0;
    case KT_SHAPE_OBJECTS:
    case KT_SHAPE_REALS: return desc->group != KT_GROUP_TECHNICAL && kt_json_count(value) > 0;
    default: return false;
    }
}

static void
add_warnings(kt_buf_t *out, const json_t *warnings)
{
    for (size_t i = 0; i < kt_json_count(warnings); i++) {
        kt_buf_fmt(out, "  warning: %s: ", kt_json_str(kt_json_at(warnings, i), "code", ""));
        kt_summary_clean(out, kt_json_str(kt_json_at(warnings, i), "text", ""));
        kt_buf_str(out, "\n");
    }
}

void
kt_analyze_summary(const json_t *document, bool color, kt_buf_t *out)
{
    static const char STATISTICS[] = "       mean        std        min        max     median";
    const json_t     *features     = kt_json_get(document, "features");
    const json_t     *statistics   = kt_json_get(features, "statistics");
    const json_t     *technical    = kt_summary_group(document, KT_GROUP_TECHNICAL);
    kt_group_t        before       = KT_GROUPS;
    kt_buf_str(out, color ? KT_SUMMARY_BOLD : "");
    kt_summary_clean(out, kt_json_str(document, "file_path", ""));
    kt_buf_fmt(out, "%s\n  ", color ? KT_SUMMARY_PLAIN : "");
    add_media_info(out, technical);
    if (kt_json_flag(technical, "has_video", false))
        kt_summary_film(document, color, out);
    else
        add_warnings(out, kt_json_get(technical, "warnings"));
    for (int i = 0; i < KT_FEATURES; i++) {
        const kt_feature_desc_t *desc  = kt_feature_desc((kt_feature_t)i);
        const json_t            *group = kt_summary_group(document, desc->group);
        if (!is_shown(desc, group))
            continue;
        if (desc->group != before) {
            bool statistics_follow = desc->group == KT_GROUP_SPECTRAL;
            kt_buf_fmt(out, "  %s%-*s%s%s\n", color ? KT_SUMMARY_DIM : "", statistics_follow ? KT_SUMMARY_NAME : 1,
                       kt_group_name(desc->group), statistics_follow ? STATISTICS : "", color ? KT_SUMMARY_PLAIN : "");
        }
        before = desc->group;
        add_feature(out, desc, group, kt_json_get(statistics, desc->name));
    }
    add_models(out, kt_json_get(document, "model_versions"), color);
    kt_summary_reasons(document, color, out);
    kt_buf_str(out, "\n");
}
