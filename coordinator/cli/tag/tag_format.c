#include "coordinator/cli/tag/tag_format.h"

#include "common/file.h"
#include "common/text.h"

#include <string.h>
#include <unistd.h>

static const struct {
    const char *field, *name[KT_TAG_FAMILIES];
} TAGS[KT_TAGS] = {
#define KT_TAG(id, field, id3v24, id3v23, vorbis, opus, mp4, asf) {field, {id3v24, id3v23, vorbis, opus, mp4, asf}},
#include "coordinator/cli/tag/tags.def"
#undef KT_TAG
};

static const kt_tag_format_t FORMATS[] = {
    {"MP3", KT_TAG_MP3, KT_TAGS_ID3V24, true},
    {"FLAC", KT_TAG_FLAC, KT_TAGS_VORBIS, false},
    {"Ogg Vorbis", KT_TAG_OGG_VORBIS, KT_TAGS_VORBIS, false},
    {"Opus", KT_TAG_OGG_OPUS, KT_TAGS_OPUS, false},
    {"Ogg FLAC", KT_TAG_OGG_FLAC, KT_TAGS_VORBIS, false},
    {"MP4", KT_TAG_M4A, KT_TAGS_MP4, true},
    {"WAV", KT_TAG_WAV, KT_TAGS_ID3V24, true},
    {"AIFF", KT_TAG_AIFF, KT_TAGS_ID3V24, true},
    {"WMA", KT_TAG_WMA, KT_TAGS_ASF, false},
};

// Bytes at two places of the file's head (behind an ID3v2 tag) that say what it is. Of Ogg the second is the first
// packet, of an Ogg page with one segment.
typedef struct magic {
    const char        *at_0;
    size_t             second;  // where
    const char        *at_second;
    size_t             length_0, length_second;
    kt_tag_container_t container;
} magic_t;

#define MAGIC(a, at, b, container)                                                                                     \
    {                                                                                                                  \
        a, at, b, sizeof(a) - 1, sizeof(b) - 1, container                                                              \
    }
static const magic_t MAGICS[] = {
    MAGIC("fLaC", 0, "", KT_TAG_FLAC),
    MAGIC("OggS", 28, "\x01vorbis", KT_TAG_OGG_VORBIS),
    MAGIC("OggS", 28, "OpusHead", KT_TAG_OGG_OPUS),
    MAGIC("OggS", 28,
          "\x7f"
          "FLAC",
          KT_TAG_OGG_FLAC),
    MAGIC("", 4, "ftyp", KT_TAG_M4A),
    MAGIC("RIFF", 8, "WAVE", KT_TAG_WAV),
    MAGIC("FORM", 8, "AIFF", KT_TAG_AIFF),
    MAGIC("FORM", 8, "AIFC", KT_TAG_AIFF),
    MAGIC("\x30\x26\xb2\x75\x8e\x66\xcf\x11", 0, "", KT_TAG_WMA),
};

// Formats of music that are known and whose tags are not written. Of Monkey's Audio the last packet reaches into the
// tags behind it, so that the sound cannot be shown to be the same.
static const struct {
    const char *bytes, *name;
} OTHERS[] = {{"wvpk", "WavPack"},
              {"MAC ", "Monkey's Audio"},
              {"TTA1", "TTA"},
              {"MPCK", "Musepack"},
              {"MP+", "Musepack"},
              {"RF64", "RF64"},
              {".snd", "AU"},
              {"DSD ", "DSF"},
              {"\x1a\x45\xdf\xa3", "Matroska"},
              {"caff", "CAF"},
              {"#!AMR", "AMR"},
              {"MThd", "MIDI"},
              {"riff", "Wave64"},
              {"FRM8", "DSDIFF"},
              {"\x0b\x77", "AC-3"},
              {"OggS", "another Ogg stream"}};

enum { HEAD = 64, ID3_HEADER = 10, ID3_CHAIN = 8, SEARCH = 64 << 10 };

static bool
is_frame_of_mpeg(const uint8_t *at)
{
    const unsigned layer = at[1] >> 1 & 3, rate = at[2] >> 4, hz = at[2] >> 2 & 3;
    return at[0] == 0xff && (at[1] & 0xe0) == 0xe0 && (at[1] >> 3 & 3) != 1 && layer != 0 && rate != 15 && hz != 3;
}

// Where the file begins behind ID3v2 tags.
static off_t
behind_id3(int fd, bool *has_id3)
{
    uint8_t head[ID3_HEADER];
    off_t   at = 0;
    *has_id3   = false;
    for (int i = 0; i < ID3_CHAIN; i++) {
        if (pread(fd, head, sizeof head, at) != sizeof head || memcmp(head, "ID3", 3) != 0)
            break;
        *has_id3 = true;
        at += ID3_HEADER + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]) + (head[5] & 0x10 ? ID3_HEADER : 0);
    }
    return at;
}

// Behind a tag there may be padding.
static bool
has_frame_of_mpeg(int fd, off_t at, bool search)
{
    static const size_t STEP = HEAD;
    uint8_t             bytes[HEAD + 4];
    for (off_t end = at + (search ? SEARCH : (off_t)STEP); at < end; at += (off_t)STEP) {
        const ssize_t n = pread(fd, bytes, sizeof bytes, at);
        for (ssize_t i = 0; i + 3 < n; i++) {
            if (is_frame_of_mpeg(bytes + i))
                return true;
            if (!search)
                return false;
        }
    }
    return false;
}

kt_err_t
kt_tag_format_of(int fd, const kt_tag_format_t **out, char why[KT_TAG_WHY])
{
    uint8_t       head[HEAD] = {0};
    bool          has_id3;
    const off_t   at = behind_id3(fd, &has_id3);
    const ssize_t n  = pread(fd, head, sizeof head, at);
    why[0]           = '\0';
    if (n < 0)
        return kt_file_err_of_errno();
    if (n == 0 && at == 0)
        return KT_EEMPTY;
    for (size_t i = 0; i < sizeof MAGICS / sizeof *MAGICS; i++) {
        const magic_t *magic = &MAGICS[i];
        if (memcmp(head, magic->at_0, magic->length_0) != 0 ||
            memcmp(head + magic->second, magic->at_second, magic->length_second) != 0)
            continue;
        *out = &FORMATS[magic->container];
        return KT_OK;
    }
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++)
        if (memcmp(head, OTHERS[i].bytes, strlen(OTHERS[i].bytes)) == 0)
            return kt_text_explain(why, KT_TAG_WHY, KT_EFORMAT, "tags of %s cannot be written", OTHERS[i].name);
    if (has_frame_of_mpeg(fd, at, has_id3)) {
        *out = &FORMATS[KT_TAG_MP3];
        return KT_OK;
    }
    return kt_text_explain(why, KT_TAG_WHY, KT_EFORMAT,
                           "tags are written in MP3, FLAC, Ogg, Opus, MP4, WAV, AIFF and WMA");
}

const char *
kt_tag_name(kt_tag_t tag, kt_tag_family_t family)
{
    return TAGS[tag].name[family];
}

const char *
kt_tag_field(kt_tag_t tag)
{
    return TAGS[tag].field;
}

kt_err_t
kt_tag_fields_parse(const char *list, uint32_t *out)
{
    uint32_t set = 0;
    for (const char *at = list;; at += *at == ',') {
        const size_t length = strcspn(at, ",");
        bool         known  = false;
        for (int tag = 0; tag < KT_TAGS; tag++)
            if (strlen(TAGS[tag].field) == length && !strncmp(TAGS[tag].field, at, length)) {
                set |= UINT32_C(1) << tag;
                known = true;
            }
        if (!known)
            return KT_EINVAL;
        at += length;
        if (!*at)
            break;
    }
    *out = set;
    return KT_OK;
}
