#include "node/decoder/media_tags.h"

#include "common/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const KNOWN[] = {
    "title",
    "artist",
    "album",
    "album_artist",
    "albumartist",
    "track",
    "tracknumber",
    "tracktotal",
    "disc",
    "discnumber",
    "date",
    "year",
    "originaldate",
    "genre",
    "composer",
    "performer",
    "conductor",
    "lyricist",
    "remixer",
    "grouping",
    "label",
    "publisher",
    "copyright",
    "isrc",
    "barcode",
    "catalognumber",
    "language",
    "bpm",
    "tbpm",
    "key",
    "initialkey",
    "tkey",
    "compilation",
    "comment",
    "description",
    "encoder",
    "encoded_by",
    "mood",
    "media",
    "title-sort",
    "artist-sort",
    "album-sort",
    "lyrics",
    "show",
    "episode_id",
    "season_number",
    "creation_time",
    "replaygain_track_gain",
    "replaygain_track_peak",
    "replaygain_album_gain",
    "replaygain_album_peak",
    "r128_track_gain",
    "musicbrainz_trackid",
    "musicbrainz_albumid",
    "musicbrainz_artistid",
    "acoustid_id",
};

static void
set_text(char *out, size_t capacity, const char *text)
{
    (void)kt_text_sanitize(out, capacity, text, strlen(text));
}

static bool
has_key(const kt_media_info_t *out, const char *key)
{
    for (uint32_t i = 0; i < out->tag_count; i++)
        if (!strcmp(out->tags[i].key, key))
            return true;
    return false;
}

static void
add_tag(kt_media_info_t *out, const char *key, const char *value)
{
    if (out->tag_count == KT_MEDIA_TAGS)
        return;
    kt_media_tag_t *tag = &out->tags[out->tag_count];
    set_text(tag->key, sizeof tag->key, key);
    for (char *c = tag->key; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 'a' - 'A') : *c;
    if (!*tag->key || has_key(out, tag->key))
        return;
    set_text(tag->value, sizeof tag->value, value);
    out->tag_count++;
}

// Whether a text is one of the values.
static bool
has_value(const char *joined, const char *value)
{
    const size_t n = strlen(value);
    for (const char *at = joined; n && (at = strstr(at, value)); at++)
        if ((at == joined || at[-1] == *KT_TAG_SEPARATOR) && (!at[n] || at[n] == *KT_TAG_SEPARATOR))
            return true;
    return false;
}

// What FFmpeg read is one of the values, or the first one in another form: a number of a genre has become its name.
static void
add_further_values(kt_media_info_t *out, const kt_id3_t *id3)
{
    for (uint32_t i = 0; i < id3->tag_count; i++)
        for (uint32_t j = 0; id3->values[i] > 1 && j < out->tag_count; j++) {
            char *value = out->tags[j].value, joined[2 * KT_MEDIA_TAG_VALUE];
            if (strcmp(out->tags[j].key, id3->tags[i].key) != 0 || strstr(value, KT_TAG_SEPARATOR))
                continue;
            const bool same = has_value(id3->tags[i].value, value);
            (void)snprintf(joined, sizeof joined, "%s%s", same ? "" : value,
                           id3->tags[i].value + (same ? 0 : id3->first_end[i]));
            set_text(value, sizeof out->tags[j].value, joined);
        }
}

void
kt_media_tags_fill(kt_media_info_t *out, AVDictionary *const dictionaries[KT_MEDIA_TAGS_DICTIONARIES],
                   const kt_id3_t *id3)
{
    const AVDictionaryEntry *entry;
    for (size_t k = 0; k < sizeof KNOWN / sizeof *KNOWN; k++) {
        for (size_t d = 0; d < KT_MEDIA_TAGS_DICTIONARIES; d++)
            if ((entry = av_dict_get(dictionaries[d], KNOWN[k], NULL, 0)))
                add_tag(out, entry->key, entry->value);
        for (uint32_t i = 0; i < id3->tag_count; i++)
            if (!strcmp(id3->tags[i].key, KNOWN[k]))
                add_tag(out, KNOWN[k], id3->tags[i].value);
    }
    for (size_t d = 0; d < KT_MEDIA_TAGS_DICTIONARIES; d++)
        for (entry = NULL; (entry = av_dict_get(dictionaries[d], "", entry, AV_DICT_IGNORE_SUFFIX));)
            add_tag(out, entry->key, entry->value);
    for (uint32_t i = 0; i < id3->tag_count; i++)
        add_tag(out, id3->tags[i].key, id3->tags[i].value);
    add_further_values(out, id3);
}
