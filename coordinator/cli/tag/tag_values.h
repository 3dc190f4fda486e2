// kt_tag_values -- what the tags of a file shall be, by its output message. Pure; any thread.
//
// Tempo: BPM, a whole number where the tag is one by its standard (ID3v2 TBPM, MP4 tmpo), else with two decimals. Gain:
// ReplayGain 2.0, -18 LUFS minus the integrated loudness, in dB; the peak is the true peak, linear. Opus: RFC 7845
// (5.2.1), 256 times (-23 LUFS minus the loudness), whole. Mood: the quadrant of valence and arousal. Genre: the most
// probable one.
#pragma once

#include "common/json.h"
#include "coordinator/cli/tag/key_text.h"
#include "coordinator/cli/tag/tag_format.h"

enum { KT_TAG_VALUE_TEXT = 64, KT_TAG_VALUE_WHY = 192 };

typedef struct kt_tag_value {
    char text[KT_TAG_VALUE_TEXT];  // "": no value, see why
    char why[KT_TAG_VALUE_WHY];
} kt_tag_value_t;

typedef struct kt_tag_taste {
    kt_key_format_t key_format;
    double          min_confidence;  // of tempo, key and genre; negative: KT_TAG_SURE_TEMPO and so on
} kt_tag_taste_t;

// Values below are not written: tempo_confidence, key_strength and the probability of the genre (docs/tag.md has what
// is right above and below). Valence and arousal are at least so far from the middle, .5.
#define KT_TAG_SURE_TEMPO .5
#define KT_TAG_SURE_KEY .6
#define KT_TAG_SURE_GENRE .5
#define KT_TAG_MOOD_MARGIN .1

// document: an output message of success. Values also of tags that the format has not.
void kt_tag_values(const json_t *document, const kt_tag_format_t *format, const kt_tag_taste_t *taste,
                   kt_tag_value_t out[KT_TAGS]);
