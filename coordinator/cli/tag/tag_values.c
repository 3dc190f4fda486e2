#include "coordinator/cli/tag/tag_values.h"

#include "common/text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define REFERENCE_LUFS (-18.)  // of ReplayGain 2.0
#define R128_LUFS (-23.)
#define MIDDLE .5
enum { Q7_8 = 256 };

static const json_t *
find_group(const json_t *document, const char *group)
{
    return !strcmp(group, "quality_metrics") ? kt_json_get(document, group)
                                             : kt_json_get(kt_json_get(document, "features"), group);
}

// False, with the message's reason, if there is no number.
static bool
read_number(const json_t *document, const char *group, const char *name, double *out, kt_tag_value_t *value)
{
    char          whole[64];
    const json_t *reasons = kt_json_get(document, "reasons");
    if (kt_json_number(kt_json_get(find_group(document, group), name), out))
        return true;
    snprintf(whole, sizeof whole, "%s.%s", group, name);
    const char *why = kt_json_str(reasons, whole, kt_json_str(reasons, name, kt_json_str(reasons, group, "no value")));
    (void)kt_text_copy(value->why, sizeof value->why, why);
    if (!*value->why)
        (void)kt_text_copy(value->why, sizeof value->why, "no value");
    return false;
}

// The table says by how much a value is not sure.
static bool
is_sure(double confidence, double limit, const kt_tag_taste_t *taste, kt_tag_value_t *value)
{
    const double least = taste->min_confidence < 0 ? limit : taste->min_confidence;
    if (confidence >= least)
        return true;
    snprintf(value->why, sizeof value->why, "not sure: %.2f of at least %.2f", confidence, least);
    return false;
}

static void
set_bpm(const json_t *document, const kt_tag_format_t *format, const kt_tag_taste_t *taste, kt_tag_value_t *out)
{
    double tempo, confidence;
    if (!read_number(document, "mir", "tempo", &tempo, out) ||
        !read_number(document, "mir", "tempo_confidence", &confidence, out) ||
        !is_sure(confidence, KT_TAG_SURE_TEMPO, taste, out))
        return;
    snprintf(out->text, sizeof out->text, format->whole_tempo ? "%.0f" : "%.2f", tempo);
}

static void
set_key(const json_t *document, const kt_tag_taste_t *taste, kt_tag_value_t *out)
{
    const json_t *mir = find_group(document, "mir");
    double        strength;
    if (!read_number(document, "mir", "key_strength", &strength, out) ||
        !is_sure(strength, KT_TAG_SURE_KEY, taste, out))
        return;
    if (!kt_key_text(kt_json_str(mir, "key", ""), kt_json_str(mir, "mode", ""), taste->key_format, out->text))
        (void)kt_text_copy(out->why, sizeof out->why, "no key");
}

static void
set_loudness(const json_t *document, kt_tag_value_t *gain, kt_tag_value_t *r128)
{
    double loudness;
    if (!read_number(document, "perceptual", "loudness", &loudness, gain)) {
        *r128 = *gain;
        return;
    }
    const double q = round(Q7_8 * (R128_LUFS - loudness));
    snprintf(gain->text, sizeof gain->text, "%.2f dB", REFERENCE_LUFS - loudness);
    if (q >= INT16_MIN && q <= INT16_MAX)
        snprintf(r128->text, sizeof r128->text, "%.0f", q);
    else
        snprintf(r128->why, sizeof r128->why, "%.1f LUFS is beyond the range of the tag", loudness);
}

static void
set_peak(const json_t *document, kt_tag_value_t *out)
{
    double peak_db;
    if (read_number(document, "quality_metrics", "true_peak", &peak_db, out))
        snprintf(out->text, sizeof out->text, "%.6f", pow(10, peak_db / 20));
}

static void
set_mood(const json_t *document, kt_tag_value_t *out)
{
    static const char *const QUADRANT[2][2] = {{"Sad", "Tense"}, {"Calm", "Happy"}};  // [valence][arousal]
    double                   valence, arousal;
    if (!read_number(document, "mood", "valence", &valence, out) ||
        !read_number(document, "mood", "arousal", &arousal, out))
        return;
    if (fmin(fabs(valence - MIDDLE), fabs(arousal - MIDDLE)) < KT_TAG_MOOD_MARGIN)
        snprintf(out->why, sizeof out->why, "not sure: valence %.2f, arousal %.2f", valence, arousal);
    else
        (void)kt_text_copy(out->text, sizeof out->text, QUADRANT[valence > MIDDLE][arousal > MIDDLE]);
}

// "hip_hop" becomes "Hip Hop".
static void
copy_title(char *out, size_t capacity, const char *name)
{
    (void)kt_text_copy(out, capacity, name);
    for (char *at = out; *at; at++) {
        *at = *at == '_' ? ' ' : *at;
        if (at == out || at[-1] == ' ')
            *at = (char)toupper((unsigned char)*at);
    }
}

static void
set_genre(const json_t *document, const kt_tag_taste_t *taste, kt_tag_value_t *out)
{
    const json_t *genres = kt_json_get(find_group(document, "mir"), "genre_probabilities");
    const char   *best   = NULL;
    double        most   = 0, nothing;
    for (size_t i = 0; i < kt_json_count(genres); i++) {
        const char  *name        = kt_json_key(genres, i);
        const double probability = kt_json_f64(genres, name, 0);
        if (probability > most) {
            most = probability;
            best = name;
        }
    }
    if (!best)
        (void)read_number(document, "mir", "genre_probabilities", &nothing, out);
    else if (is_sure(most, KT_TAG_SURE_GENRE, taste, out))
        copy_title(out->text, sizeof out->text, best);
}

void
kt_tag_values(const json_t *document, const kt_tag_format_t *format, const kt_tag_taste_t *taste,
              kt_tag_value_t out[KT_TAGS])
{
    memset(out, 0, KT_TAGS * sizeof *out);
    set_bpm(document, format, taste, &out[KT_TAG_BPM]);
    set_key(document, taste, &out[KT_TAG_KEY]);
    set_loudness(document, &out[KT_TAG_GAIN], &out[KT_TAG_R128]);
    set_peak(document, &out[KT_TAG_PEAK]);
    set_mood(document, &out[KT_TAG_MOOD]);
    set_genre(document, taste, &out[KT_TAG_GENRE]);
}
