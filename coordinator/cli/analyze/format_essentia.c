// Names and nesting are those of the music extractor's output (Essentia 2.1, "music 2.0"), as its documentation lists
// them. Statistics of a row are named as there: mean, stdev, var, min, max, median.
#include "coordinator/cli/analyze/formats.h"
#include "node/audio/perceptual/perceptual.h"
#include "proto/document.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// A feature and its path in the output; name NULL: the value itself.
typedef struct field {
    kt_feature_t feature;
    const char  *parent, *name;
} field_t;

static const field_t LOWLEVEL[] = {
    {KT_FEATURE_PERCEPTUAL_loudness, "loudness_ebu128", "integrated"},
    {KT_FEATURE_PERCEPTUAL_dynamic_range, "loudness_ebu128", "loudness_range"},
    {KT_FEATURE_PERCEPTUAL_loudness_momentary_max, "loudness_ebu128.momentary", "max"},
    {KT_FEATURE_PERCEPTUAL_loudness_short_term_max, "loudness_ebu128.short_term", "max"},
};
static const field_t RHYTHM[] = {
    {KT_FEATURE_MIR_tempo, "", "bpm"},
    {KT_FEATURE_MIR_beats, "", "beats_position"},
    {KT_FEATURE_MIR_onset_rate, "", "onset_rate"},
};
// The key is stored where readers of Essentia's output look first, although its profile is Kithara's own.
static const field_t TONAL[] = {
    {KT_FEATURE_MIR_key, "key_edma", "key"},
    {KT_FEATURE_MIR_mode, "key_edma", "scale"},
    {KT_FEATURE_MIR_key_strength, "key_edma", "strength"},
};
static const field_t PROPERTIES[] = {
    {KT_FEATURE_TECHNICAL_duration, "", "length"},
    {KT_FEATURE_TECHNICAL_sample_rate, "", "sample_rate"},
    {KT_FEATURE_TECHNICAL_bit_rate, "", "bit_rate"},
    {KT_FEATURE_TECHNICAL_audio_codec, "", "codec"},
    {KT_FEATURE_TECHNICAL_audio_channels, "", "number_channels"},
};
// Rows with statistics.
static const field_t SUMMARIES[] = {
    {KT_FEATURE_SPECTRAL_spectral_centroid, "spectral_centroid", NULL},
    {KT_FEATURE_SPECTRAL_spectral_rolloff, "spectral_rolloff", NULL},
    {KT_FEATURE_SPECTRAL_zero_crossing_rate, "zerocrossingrate", NULL},
    {KT_FEATURE_SPECTRAL_mfcc, "mfcc", NULL},
    {KT_FEATURE_SPECTRAL_mel, "melbands128", NULL},
};
#define COUNT(list) (sizeof(list) / sizeof *(list))

// The object at a dotted path below root, created if missing; NULL: out of memory.
static json_t *
object_at_path(json_t *root, const char *path)
{
    char part[64];
    while (root && *path) {
        size_t n = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        if (!kt_json_get(root, part) && !kt_json_set(root, part, kt_json_object()))
            return NULL;
        root = (json_t *)kt_json_get(root, part);
        path += n + (path[n] == '.');
    }
    return root;
}

static bool
add_fields(json_t *root, const json_t *document, const field_t *fields, size_t n)
{
    bool good = root;
    for (size_t i = 0; i < n && good; i++) {
        const json_t *value = kt_format_value(document, fields[i].feature);
        if (value)
            good = kt_json_set(object_at_path(root, fields[i].parent), fields[i].name, kt_json_copy(value));
    }
    return good;
}

static double
square_of(const json_t *value)
{
    double number = NAN;
    return value && kt_json_number(value, &number) ? number * number : NAN;
}

static json_t *
variance_of(const json_t *deviation)
{
    size_t n = kt_json_count(deviation);
    if (n == 0)
        return kt_json_real(square_of(deviation));
    json_t *list = kt_json_array();
    for (size_t i = 0; list && i < n; i++)
        if (!kt_json_append(list, kt_json_real(square_of(kt_json_at(deviation, i)))))
            kt_json_free(&list);
    return list;
}

static bool
add_summary(json_t *lowlevel, const json_t *document, const field_t *field)
{
    static const char *const PARTS[][2] = {{"std", "stdev"}, {"min", "min"}, {"max", "max"}, {"median", "median"}};
    char                     key[KT_FEATURE_KEY];
    const json_t            *all        = kt_json_get(kt_json_get(document, "features"), "statistics");
    const json_t            *mean       = kt_format_value(document, field->feature);
    const json_t            *statistics = kt_json_get(all, kt_feature_key(field->feature, key));
    if (!mean)
        return true;
    json_t *object = object_at_path(lowlevel, field->parent);
    bool    good   = object && kt_json_set(object, "mean", kt_json_copy(mean));
    for (size_t i = 0; i < COUNT(PARTS) && good; i++) {
        const json_t *part = kt_json_get(statistics, PARTS[i][0]);
        good               = !part || kt_json_set(object, PARTS[i][1], kt_json_copy(part));
    }
    const json_t *deviation = kt_json_get(statistics, "std");
    return good && (!deviation || kt_json_set(object, "var", variance_of(deviation)));
}

static bool
add_metadata(json_t *root, const json_t *document)
{
    double        bits;
    json_t       *properties = object_at_path(root, "metadata.audio_properties");
    json_t       *version    = object_at_path(root, "metadata.version");
    const json_t *stored     = kt_format_value(document, KT_FEATURE_TECHNICAL_bits_per_sample);
    bool          good       = add_fields(properties, document, PROPERTIES, COUNT(PROPERTIES));
    if (good && stored && kt_json_number(stored, &bits))
        good = kt_json_set(properties, "lossless", kt_json_bool(bits > 0));

    json_t       *tags  = object_at_path(root, "metadata.tags");  // each is a list of texts
    const json_t *own   = kt_format_value(document, KT_FEATURE_TECHNICAL_tags);
    const char   *path  = kt_json_str(document, "file_path", "");
    const char   *slash = strrchr(path, '/');
    good                = good && tags && kt_json_set(tags, "file_name", kt_json_text(slash ? slash + 1 : path));
    for (size_t i = 0; i < kt_json_count(own) && good; i++) {
        const char *key  = kt_json_key(own, i);
        json_t     *list = kt_json_array();
        good             = kt_json_append(list, kt_json_text(kt_json_str(own, key, "")));
        good             = kt_json_set(good ? tags : NULL, key, list);
    }
    return good && version && kt_json_set(version, "extractor", kt_json_text("kithara " KT_VERSION)) &&
           kt_json_set(version, "analysis", kt_json_text(kt_json_str(document, "analysis_version", "")));
}

void
kt_format_essentia(const json_t *document, kt_buf_t *out)
{
    json_t *root     = kt_json_object();
    json_t *lowlevel = object_at_path(root, "lowlevel"), *rhythm = object_at_path(root, "rhythm");
    json_t *tonal = object_at_path(root, "tonal");
    bool    good  = add_fields(lowlevel, document, LOWLEVEL, COUNT(LOWLEVEL));
    for (size_t i = 0; i < COUNT(SUMMARIES) && good; i++)
        good = add_summary(lowlevel, document, &SUMMARIES[i]);

    const json_t *beats = kt_format_value(document, KT_FEATURE_MIR_beats);
    const json_t *dance = kt_format_value(document, KT_FEATURE_PERCEPTUAL_danceability);
    double        value = 0;
    if (good && dance && kt_json_number(dance, &value))
        good = kt_json_set(rhythm, "danceability", kt_json_real(kt_danceability_essentia(value)));
    good = good && add_fields(rhythm, document, RHYTHM, COUNT(RHYTHM));
    if (good && beats)
        good = kt_json_set(rhythm, "beats_count", kt_json_int((int64_t)kt_json_count(beats)));

    const json_t *tuning    = kt_format_value(document, KT_FEATURE_MIR_tuning);
    double        semitones = 0;
    good                    = good && add_fields(tonal, document, TONAL, COUNT(TONAL));
    if (good && tuning && kt_json_number(tuning, &semitones))
        good = kt_json_set(tonal, "tuning_frequency", kt_json_real(440 * exp2(semitones / 12)));

    if (good && add_metadata(root, document))
        kt_json_write(root, out);
    else
        out->err = KT_ENOMEM;
    kt_json_free(&root);
}
