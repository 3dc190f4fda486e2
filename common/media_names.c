#include "common/media_names.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef struct kind {
    const char *one, *several, *extensions;
} kind_t;

typedef struct pattern {
    kt_name_kind_t kind;
    const char    *text;
} pattern_t;

static const kind_t KINDS[] = {
#define KT_NAME_KIND(id, one, several, extensions) {one, several, extensions},
#define KT_NAME_PATTERN(id, pattern)
#define KT_SYSTEM_FOLDER(pattern)
#include "common/media_names.def"
#undef KT_NAME_KIND
#undef KT_NAME_PATTERN
#undef KT_SYSTEM_FOLDER
};

static const pattern_t PATTERNS[] = {
#define KT_NAME_KIND(id, one, several, extensions)
#define KT_NAME_PATTERN(id, pattern) {KT_NAME_##id, pattern},
#define KT_SYSTEM_FOLDER(pattern)
#include "common/media_names.def"
#undef KT_NAME_KIND
#undef KT_NAME_PATTERN
#undef KT_SYSTEM_FOLDER
};

static const char *const FOLDERS[] = {
#define KT_NAME_KIND(id, one, several, extensions)
#define KT_NAME_PATTERN(id, pattern)
#define KT_SYSTEM_FOLDER(pattern) pattern,
#include "common/media_names.def"
#undef KT_NAME_KIND
#undef KT_NAME_PATTERN
#undef KT_SYSTEM_FOLDER
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool
has_word(const char *words, const char *word, size_t length)
{
    for (const char *at = words; *at;) {
        size_t n = strcspn(at, " ");
        if (n == length && !strncasecmp(at, word, n))
            return true;
        at += n + (at[n] == ' ');
    }
    return false;
}

kt_name_kind_t
kt_name_kind(const char *name)
{
    for (size_t i = 0; i < COUNT(PATTERNS); i++)
        if (!fnmatch(PATTERNS[i].text, name, FNM_CASEFOLD))
            return PATTERNS[i].kind;
    const char *dot    = strrchr(name, '.');
    size_t      length = dot ? strlen(dot + 1) : 0;
    for (size_t i = 0; length && i < COUNT(KINDS); i++)
        if (has_word(KINDS[i].extensions, dot + 1, length))
            return i == KT_NAME_MEDIA || name[0] != '.' ? (kt_name_kind_t)i : KT_NAME_HIDDEN;
    return KT_NAME_UNKNOWN;
}

bool
kt_name_is_system_folder(const char *name)
{
    for (size_t i = 0; i < COUNT(FOLDERS); i++)
        if (!fnmatch(FOLDERS[i], name, FNM_CASEFOLD))
            return true;
    return false;
}

typedef struct magic {
    size_t      at, length;
    const char *bytes;
    size_t      second_at;
    const char *second;  // "": none
} magic_t;

static const magic_t MAGICS[] = {
    {0, 4, "RIFF", 8, "WAVE"},
    {0, 4, "RIFF", 8, "AVI "},
    {0, 4, "RIFX", 8, "WAVE"},
    {0, 4, "RF64", 8, "WAVE"},
    {0, 4, "BW64", 8, "WAVE"},
    {0, 4, "FORM", 8, "AIF"},
    {0, 8, "riff\x2e\x91\xcf\x11", 24, "wave"},
    {0, 4, "fLaC", 0, ""},
    {0, 4, "OggS", 0, ""},
    {0, 3, "ID3", 0, ""},
    {0, 4, "caff", 0, ""},
    {0, 4, "FLV\x01", 0, ""},
    {0, 4, "\x1a\x45\xdf\xa3", 0, ""},  // Matroska, WebM
    {4, 4, "ftyp", 0, ""},
    {4, 4, "moov", 0, ""},
    {4, 4, "mdat", 0, ""},
    {4, 4, "wide", 0, ""},
    {0, 4, "MAC ", 0, ""},  // Monkey's Audio
    {0, 4, "wvpk", 0, ""},
    {0, 4, "TTA1", 0, ""},
    {0, 4, "tBaK", 0, ""},
    {0, 3, "MP+", 0, ""},
    {0, 4, "MPCK", 0, ""},
    {0, 4, ".snd", 0, ""},
    {0, 4, "DSD ", 0, ""},
    {0, 4, "FRM8", 0, ""},
    {0, 8, "APETAGEX", 0, ""},
    {0, 5, "#!AMR", 0, ""},
    {0, 4, ".RMF", 0, ""},
    {0, 8, "\x30\x26\xb2\x75\x8e\x66\xcf\x11", 0, ""},  // ASF
    {0, 4, "\x00\x00\x01\xba", 0, ""},                  // MPEG program stream
    {0, 4, "\x00\x00\x01\xb3", 0, ""},                  // MPEG video
    {0, 2, "\x0b\x77", 0, ""},                          // AC-3
    {0, 17, "Extended Module: ", 0, ""},
    {0, 4, "IMPM", 0, ""},
    {44, 4, "SCRM", 0, ""},
    {1080, 4, "M.K.", 0, ""},
    {0, 19, "Creative Voice File", 0, ""},
};

// A frame header of MPEG audio, layer II or III, or of ADTS. UTF-16 text begins with ff fe, which would be layer I.
static bool
is_frame(const uint8_t *b)
{
    unsigned layer = b[1] >> 1 & 3;
    if (b[0] != 0xff || (b[1] & 0xe0) != 0xe0)
        return false;
    if ((b[1] & 0xf6) == 0xf0)
        return (b[2] >> 2 & 15) < 13;
    return (layer == 1 || layer == 2) && (b[1] >> 3 & 3) != 1 && b[2] >> 4 != 0 && b[2] >> 4 != 15 &&
           (b[2] >> 2 & 3) != 3;
}

// Packets of 188 bytes, or of 192 with four bytes of time in front.
static bool
is_transport(const uint8_t *head, size_t n)
{
    for (size_t at = 0, packet = 188; packet <= 192; at += 4, packet += 4)
        if (n > at + 2 * packet && head[at] == 0x47 && head[at + packet] == 0x47 && head[at + 2 * packet] == 0x47)
            return true;
    return false;
}

bool
kt_media_head(const uint8_t *head, size_t n)
{
    for (size_t i = 0; i < COUNT(MAGICS); i++) {
        const magic_t *m = &MAGICS[i];
        if (n >= m->at + m->length && !memcmp(head + m->at, m->bytes, m->length) &&
            n >= m->second_at + strlen(m->second) && !memcmp(head + m->second_at, m->second, strlen(m->second)))
            return true;
    }
    return (n >= 4 && is_frame(head)) || is_transport(head, n);
}

void
kt_left_out_add(kt_left_out_t *self, const kt_left_out_t *other)
{
    for (size_t i = 0; i < KT_NAME_KINDS; i++)
        self->n[i] += other->n[i];
    self->unreadable += other->unreadable;
}

void
kt_left_out_subtract(kt_left_out_t *self, const kt_left_out_t *earlier)
{
    for (size_t i = 0; i < KT_NAME_KINDS; i++)
        self->n[i] -= earlier->n[i];
    self->unreadable -= earlier->unreadable;
}

uint64_t
kt_left_out_total(const kt_left_out_t *self)
{
    uint64_t total = 0;
    for (size_t i = 0; i < KT_NAME_KINDS; i++)
        total += self->n[i];
    return total;
}

void
kt_left_out_text(const kt_left_out_t *self, char out[KT_LEFT_OUT_TEXT])
{
    size_t n = 0;
    out[0]   = '\0';
    for (size_t i = 0; i < KT_NAME_KINDS && n < KT_LEFT_OUT_TEXT; i++)
        if (self->n[i])
            n += (size_t)snprintf(out + n, KT_LEFT_OUT_TEXT - n, "%s%llu %s", n ? ", " : "",
                                  (unsigned long long)self->n[i], self->n[i] == 1 ? KINDS[i].one : KINDS[i].several);
}

json_t *
kt_left_out_json(const kt_left_out_t *self)
{
    json_t *kinds = kt_json_object();
    for (size_t i = 0; i < KT_NAME_KINDS; i++)
        if (self->n[i])
            kt_json_set(kinds, KINDS[i].several, kt_json_int((int64_t)self->n[i]));
    return kinds;
}

void
kt_left_out_read(kt_left_out_t *out, const json_t *kinds)
{
    *out = (kt_left_out_t){0};
    for (size_t i = 0; i < KT_NAME_KINDS; i++) {
        int64_t n = kt_json_i64(kinds, KINDS[i].several, 0);
        out->n[i] = n > 0 ? (uint64_t)n : 0;
    }
}
