#include "coordinator/cli/analyze/formats.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const json_t *
kt_format_value(const json_t *document, kt_feature_t feature)
{
    const kt_feature_desc_t *desc  = kt_feature_desc(feature);
    const char              *path  = kt_group_path(desc->group);
    const char              *point = strchr(path, '.');
    const json_t            *group = point ? kt_json_get(kt_json_get(document, "features"), point + 1) : NULL;
    if (!point)
        group = kt_json_get(document, path);
    const json_t *value = group ? kt_json_get(group, desc->name) : NULL;
    return value && !kt_json_is_null(value) ? value : NULL;
}

// The pitch class, C = 0; -1 if unknown.
static int
pitch_class(const json_t *document)
{
    static const char LETTERS[] = "C D EF G A B";
    char              name[16]  = "";
    const json_t     *key       = kt_format_value(document, KT_FEATURE_MIR_key);
    if (key)
        kt_json_plain(key, name, sizeof name);
    const char *at = *name && *name != ' ' ? strchr(LETTERS, *name) : NULL;
    if (!at)
        return -1;
    int accidental = name[1] == '#' ? 1 : name[1] == 'b' ? 11 : 0;
    return ((int)(at - LETTERS) + accidental) % 12;
}

static json_t *
mode_json(const json_t *document)
{
    char          name[16] = "";
    const json_t *mode     = kt_format_value(document, KT_FEATURE_MIR_mode);
    if (mode)
        kt_json_plain(mode, name, sizeof name);
    bool major = strcmp(name, "major") == 0;
    return major || strcmp(name, "minor") == 0 ? kt_json_int(major) : kt_json_null();
}

json_t *
kt_format_url(const char *path)
{
    char *url = malloc(8 + 3 * strlen(path));
    if (!url)
        return NULL;
    char *end = stpcpy(url, *path == '/' ? "file://" : "");
    for (; *path; path++) {
        unsigned char c = (unsigned char)*path;
        if (c < 128 && (isalnum(c) || strchr("/-._~", c)))
            *end++ = (char)c;
        else
            end += sprintf(end, "%%%02X", c);
    }
    *end          = '\0';
    json_t *value = kt_json_text(url);
    free(url);
    return value;
}

void
kt_format_spotify(const json_t *document, kt_buf_t *out)
{
    static const struct {
        const char  *name;
        kt_feature_t feature;
    } PLAIN[] = {
        {"acousticness", KT_FEATURE_PERCEPTUAL_acousticness},
        {"danceability", KT_FEATURE_PERCEPTUAL_danceability},
        {"energy", KT_FEATURE_PERCEPTUAL_energy},
        {"instrumentalness", KT_FEATURE_PERCEPTUAL_instrumentalness},
        {"liveness", KT_FEATURE_PERCEPTUAL_liveness},
        {"loudness", KT_FEATURE_PERCEPTUAL_loudness},
        {"speechiness", KT_FEATURE_PERCEPTUAL_speechiness},
        {"tempo", KT_FEATURE_MIR_tempo},
        {"time_signature", KT_FEATURE_MIR_time_signature},
        {"valence", KT_FEATURE_PERCEPTUAL_valence},
    };
    double        seconds  = 0;
    const char   *path     = kt_json_str(document, "file_path", "");
    const json_t *duration = kt_format_value(document, KT_FEATURE_TECHNICAL_duration);
    bool          timed    = duration && kt_json_number(duration, &seconds);
    const json_t *error    = kt_json_get(document, "error");
    json_t       *object   = kt_json_object();
    bool          good     = object;
    // Ours, which the original has not: whose values these are, or why there are none.
    good = good && kt_json_set(object, "file_path", kt_json_text(path)) &&
           kt_json_set(object, "media_id", kt_json_text(kt_json_str(document, "media_id", NULL))) &&
           (kt_json_flag(document, "success", false) ||
            kt_json_set(object, "error", error ? kt_json_copy(error) : kt_json_null()));
    for (size_t i = 0; i < sizeof PLAIN / sizeof *PLAIN && good; i++) {
        const json_t *value = kt_format_value(document, PLAIN[i].feature);
        good                = kt_json_set(object, PLAIN[i].name, value ? kt_json_copy(value) : kt_json_null());
    }
    good = good && kt_json_set(object, "key", kt_json_int(pitch_class(document))) &&
           kt_json_set(object, "mode", mode_json(document)) &&
           kt_json_set(object, "duration_ms", timed ? kt_json_int(llround(1000 * seconds)) : kt_json_null()) &&
           kt_json_set(object, "type", kt_json_text("audio_features")) &&
           kt_json_set(object, "id", kt_json_text(kt_json_str(document, "message_id", ""))) &&
           kt_json_set(object, "uri", *path == '/' ? kt_format_url(path) : kt_json_null());
    if (good)
        kt_json_write(object, out);
    else
        out->err = KT_ENOMEM;
    kt_json_free(&object);
}
