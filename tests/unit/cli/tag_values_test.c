// The values of tags by an output message, and the formats of files and names of tags.
#include "coordinator/cli/tag/tag_values.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MESSAGE(mir, loudness, mood)                                                                                   \
    "{\"success\":true,\"features\":{\"mir\":{" mir "},\"perceptual\":{\"loudness\":" loudness "},\"mood\":{" mood     \
    "}},\"quality_metrics\":{\"true_peak\":-6.0206},\"reasons\":{\"tempo\":\"no regular beat\",\"loudness\":"          \
    "\"silence\"}}"
#define MIR(tempo, tempo_confidence, strength)                                                                         \
    "\"tempo\":" tempo ",\"tempo_confidence\":" tempo_confidence                                                       \
    ",\"key\":\"F#\",\"mode\":\"minor\",\"key_strength\":" strength                                                    \
    ",\"genre_probabilities\":{\"jazz\":0.2,\"hip_hop\":0.55,\"pop\":0.25}"
#define MOOD(valence, arousal) "\"valence\":" valence ",\"arousal\":" arousal

static const kt_tag_format_t MP3   = {"MP3", KT_TAG_MP3, KT_TAGS_ID3V24, true};
static const kt_tag_format_t FLAC  = {"FLAC", KT_TAG_FLAC, KT_TAGS_VORBIS, false};
static const kt_tag_taste_t  TASTE = {.min_confidence = -1};
static kt_tag_value_t        value[KT_TAGS];

static void
values_of(const char *message, const kt_tag_format_t *format, const kt_tag_taste_t *taste)
{
    json_t *document = NULL;
    char    why[KT_JSON_WHY];
    cr_assert_eq(kt_json_parse(message, strlen(message), 1 << 20, &document, why), KT_OK, "%s", why);
    kt_tag_values(document, format, taste, value);
    kt_json_free(&document);
}

Test(tag_values, sure_values_become_tags)
{
    values_of(MESSAGE(MIR("127.836", "0.9", "0.8"), "-9.5", MOOD("0.9", "0.8")), &MP3, &TASTE);
    cr_expect_str_eq(value[KT_TAG_BPM].text, "128");
    cr_expect_str_eq(value[KT_TAG_KEY].text, "F#m");
    cr_expect_str_eq(value[KT_TAG_GAIN].text, "-8.50 dB");
    cr_expect_str_eq(value[KT_TAG_PEAK].text, "0.500000");
    cr_expect_str_eq(value[KT_TAG_R128].text, "-3456");  // 256 * (-23 + 9.5)
    cr_expect_str_eq(value[KT_TAG_MOOD].text, "Happy");
    cr_expect_str_eq(value[KT_TAG_GENRE].text, "Hip Hop");
    values_of(MESSAGE(MIR("127.836", "0.9", "0.8"), "-23.0", MOOD("0.2", "0.1")), &FLAC, &TASTE);
    cr_expect_str_eq(value[KT_TAG_BPM].text, "127.84");
    cr_expect_str_eq(value[KT_TAG_GAIN].text, "5.00 dB");
    cr_expect_str_eq(value[KT_TAG_R128].text, "0");
    cr_expect_str_eq(value[KT_TAG_MOOD].text, "Sad");
}

Test(tag_values, what_is_not_sure_is_no_value_and_says_by_how_much)
{
    values_of(MESSAGE(MIR("127.836", "0.49", "0.3"), "-9.5", MOOD("0.45", "0.9")), &MP3, &TASTE);
    cr_expect_str_eq(value[KT_TAG_BPM].text, "");
    cr_expect_str_eq(value[KT_TAG_BPM].why, "not sure: 0.49 of at least 0.50");
    cr_expect_str_eq(value[KT_TAG_KEY].text, "");
    cr_expect_str_eq(value[KT_TAG_KEY].why, "not sure: 0.30 of at least 0.60");
    cr_expect_str_eq(value[KT_TAG_MOOD].text, "");
    cr_expect_str_eq(value[KT_TAG_MOOD].why, "not sure: valence 0.45, arousal 0.90");
    const kt_tag_taste_t lower = {.min_confidence = .25, .key_format = KT_KEY_CAMELOT};
    values_of(MESSAGE(MIR("127.836", "0.49", "0.3"), "-9.5", MOOD("0.45", "0.9")), &MP3, &lower);
    cr_expect_str_eq(value[KT_TAG_BPM].text, "128");
    cr_expect_str_eq(value[KT_TAG_KEY].text, "11A");
    const kt_tag_taste_t higher = {.min_confidence = .6};
    values_of(MESSAGE(MIR("127.836", "0.9", "0.8"), "-9.5", MOOD("0.9", "0.9")), &MP3, &higher);
    cr_expect_str_eq(value[KT_TAG_GENRE].text, "");
    cr_expect_str_eq(value[KT_TAG_GENRE].why, "not sure: 0.55 of at least 0.60");
}

Test(tag_values, nulls_are_no_values_with_their_reasons)
{
    values_of(MESSAGE(MIR("null", "null", "null"), "null", MOOD("null", "null")), &MP3, &TASTE);
    const struct {
        kt_tag_t    tag;
        const char *why;
    } NULLS[] = {{KT_TAG_BPM, "no regular beat"},
                 {KT_TAG_KEY, "no value"},
                 {KT_TAG_GAIN, "silence"},
                 {KT_TAG_R128, "silence"},
                 {KT_TAG_MOOD, "no value"}};
    for (size_t i = 0; i < sizeof NULLS / sizeof *NULLS; i++) {
        cr_expect_str_eq(value[NULLS[i].tag].text, "");
        cr_expect_str_eq(value[NULLS[i].tag].why, NULLS[i].why, "%s", value[NULLS[i].tag].why);
    }
    values_of(MESSAGE(MIR("120", "1", "1"), "-160", MOOD("1", "1")), &MP3, &TASTE);
    cr_expect_str_eq(value[KT_TAG_R128].text, "");
    cr_expect_str_eq(value[KT_TAG_R128].why, "-160.0 LUFS is beyond the range of the tag");
}

// --- formats

static const kt_tag_format_t *
format_of(const char *bytes, size_t n, char why[KT_TAG_WHY])
{
    const kt_tag_format_t *format = NULL;
    const int              fd     = memfd_create("file", MFD_CLOEXEC);
    cr_assert(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
    const kt_err_t err = kt_tag_format_of(fd, &format, why);
    close(fd);
    cr_assert(err == KT_OK || err == KT_EFORMAT || err == KT_EEMPTY);
    return err ? NULL : format;
}

#define OGG(packet) "OggS\0\2\0\0\0\0\0\0\0\0\1\2\3\4\0\0\0\0\5\6\7\10\1\36" packet
#define HEADS(bytes, name)                                                                                             \
    {                                                                                                                  \
        bytes, sizeof(bytes) - 1, name                                                                                 \
    }

Test(tag_format, is_found_by_content)
{
    static const struct {
        const char *bytes;
        size_t      n;
        const char *name;
    } FILES[] = {
        HEADS("fLaC\0\0\0\42", "FLAC"),
        HEADS("ID3\4\0\0\0\0\0\4abcdfLaC\0\0\0\42", "FLAC"),
        HEADS(OGG("\1vorbis\0\0\0\0"), "Ogg Vorbis"),
        HEADS(OGG("OpusHead\1\2\0\0"), "Opus"),
        HEADS(OGG("\x7f"
                  "FLAC\1\0\0\1"),
              "Ogg FLAC"),
        HEADS("\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9", "WMA"),
        HEADS("\0\0\0\40ftypM4A \0\0\0\0", "MP4"),
        HEADS("RIFF\0\0\0\0WAVEfmt ", "WAV"),
        HEADS("FORM\0\0\0\0AIFCFVER", "AIFF"),
        HEADS("\xff\xfb\x90\x64\0\0\0\0", "MP3"),
        HEADS("ID3\4\0\0\0\0\0\4abcd\0\0\0\0\0\xff\xfb\x90\x64", "MP3"),
        HEADS("\xff\xf1\x50\x80\0\0\0\0", NULL),  // AAC
        HEADS("RIFF\0\0\0\0AVI LIST", NULL),
        HEADS("wvpk\0\0\0\0", NULL),
        HEADS("MPCK\0\0\0\0", NULL),
        HEADS("MAC \x96\x0f\0\0", NULL),
        HEADS(OGG("Speex   1.2"), NULL),  // which the decoder does not read
        HEADS("hello, world", NULL),
        HEADS("", NULL),
    };
    char why[KT_TAG_WHY];
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        const kt_tag_format_t *format = format_of(FILES[i].bytes, FILES[i].n, why);
        cr_expect_str_eq(format ? format->name : "none", FILES[i].name ? FILES[i].name : "none", "file %zu", i);
    }
    (void)format_of("wvpk\0\0\0\0", 8, why);
    cr_expect_str_eq(why, "tags of WavPack cannot be written");
}

Test(tag_format, fields_are_a_list)
{
    uint32_t set = 0;
    cr_expect_eq(kt_tag_fields_parse("bpm", &set), KT_OK);
    cr_expect_eq(set, 1u << KT_TAG_BPM);
    cr_expect_eq(kt_tag_fields_parse("key,replaygain", &set), KT_OK);
    cr_expect_eq(set, 1u << KT_TAG_KEY | 1u << KT_TAG_GAIN | 1u << KT_TAG_PEAK | 1u << KT_TAG_R128);
    cr_expect_eq(kt_tag_fields_parse("bpm,", &set), KT_EINVAL);
    cr_expect_eq(kt_tag_fields_parse("", &set), KT_EINVAL);
    cr_expect_eq(kt_tag_fields_parse("bpm,artist", &set), KT_EINVAL);
}

Test(tag_format, opus_has_the_gain_of_its_own_standard_and_no_replaygain)
{
    for (int family = 0; family < KT_TAG_FAMILIES; family++) {
        const bool opus = family == KT_TAGS_OPUS;
        cr_expect_eq(kt_tag_name(KT_TAG_R128, (kt_tag_family_t)family) != NULL, opus);
        cr_expect_eq(kt_tag_name(KT_TAG_GAIN, (kt_tag_family_t)family) == NULL, opus);
        cr_expect_eq(kt_tag_name(KT_TAG_PEAK, (kt_tag_family_t)family) == NULL, opus);
        cr_expect_not_null(kt_tag_name(KT_TAG_BPM, (kt_tag_family_t)family));
    }
}
