#include "node/decoder/id3.h"

#include "node/decoder/bytes/mpeg.h"

#include <stdlib.h>
#include <string.h>

// CONTENT: the most of a frame that is looked at. PLAIN: of a tag whose bytes are unsynchronised as a whole, which is
// read in one piece. SOUND: what is looked at where the frames end and no padding follows. FOR_KNOWN: of the list of
// tags, kept free for title, artist and the like.
enum { HEADER = 10, CONTENT = 8192, PLAIN = 1 << 20, WINDOW = 64 << 10, SOUND = 8192, TAGS_IN_A_ROW = 16 };
enum { FOR_KNOWN = 64 };
enum { UNSYNCHRONISED = 0x80, EXTENDED = 0x40, FOOTER = 0x10 };

typedef struct name {
    const char *id, *key;
} name_t;

static const name_t NAMES[] = {
    {"TALB", "album"},        {"TCOM", "composer"},      {"TCON", "genre"},       {"TCOP", "copyright"},
    {"TENC", "encoded_by"},   {"TIT2", "title"},         {"TLAN", "language"},    {"TPE1", "artist"},
    {"TPE2", "album_artist"}, {"TPE3", "performer"},     {"TPOS", "disc"},        {"TPUB", "publisher"},
    {"TRCK", "track"},        {"TSSE", "encoder"},       {"TCMP", "compilation"}, {"TDRC", "date"},
    {"TDRL", "date"},         {"TDEN", "creation_time"}, {"TSOA", "album-sort"},  {"TSOP", "artist-sort"},
    {"TSOT", "title-sort"},   {"TIT1", "grouping"},      {"TYER", "date"},        {"TAL", "album"},
    {"TCM", "composer"},      {"TCO", "genre"},          {"TCP", "compilation"},  {"TT2", "title"},
    {"TEN", "encoded_by"},    {"TP1", "artist"},         {"TP2", "album_artist"}, {"TP3", "performer"},
    {"TPA", "disc"},          {"TRK", "track"},          {"TYE", "date"},
};

// One tag in work: its bytes come from the input through a window, or from a copy without the unsynchronisation.
typedef struct reader {
    kt_input_t *input;
    uint64_t    at, end;  // of the tag's body in the file; end: where it is cut off by the file
    unsigned    version;
    bool        unsynchronised;
    uint8_t    *plain;
    size_t      plain_bytes;
    uint8_t    *window;
    uint64_t    window_at;
    size_t      window_bytes;
    kt_err_t    err;
} reader_t;

static uint32_t
be32(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static uint32_t
synchsafe(const uint8_t *b)
{
    return (uint32_t)(b[0] & 127) << 21 | (uint32_t)(b[1] & 127) << 14 | (uint32_t)(b[2] & 127) << 7 | (b[3] & 127);
}

// Up to n bytes at this place of the body; NULL with 0: none.
static const uint8_t *
body_bytes(reader_t *self, uint64_t at, size_t n, size_t *have)
{
    uint64_t length = self->plain ? self->plain_bytes : self->end - self->at;
    *have           = at >= length ? 0 : length - at < n ? (size_t)(length - at) : n;
    if (!*have)
        return NULL;
    if (self->plain)
        return self->plain + at;
    if (at < self->window_at || at + *have > self->window_at + self->window_bytes) {
        size_t want        = length - at < WINDOW ? (size_t)(length - at) : WINDOW;
        self->err          = kt_input_look(self->input, self->at + at, self->window, want, &self->window_bytes);
        self->window_at    = at;
        self->window_bytes = self->err ? 0 : self->window_bytes;
        *have              = self->window_bytes < *have ? self->window_bytes : *have;
    }
    return *have ? self->window + (at - self->window_at) : NULL;
}

// Zeros that were put behind 0xff are taken out. Returns the bytes that are left.
static size_t
remove_unsynchronisation(uint8_t *bytes, size_t n)
{
    size_t to = 0;
    for (size_t i = 0; i < n; i++) {
        if (i && bytes[i] == 0 && bytes[i - 1] == 0xff)
            continue;
        bytes[to++] = bytes[i];
    }
    return to;
}

static size_t
put_utf8(char *out, size_t room, uint32_t c)
{
    uint8_t b[4];
    size_t  n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if (n == 1)
        b[0] = (uint8_t)c;
    else
        b[0] = (uint8_t)((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | c >> 6 * (n - 1));
    for (size_t i = 1; i < n; i++)
        b[i] = (uint8_t)(0x80 | (c >> 6 * (n - 1 - i) & 0x3f));
    if (n > room)
        return 0;
    memcpy(out, b, n);
    return n;
}

typedef struct text {
    const uint8_t *bytes;
    size_t         n, at;
    unsigned       encoding;  // 0 Latin-1, 1 UTF-16 with a mark, 2 UTF-16BE, 3 UTF-8
    bool           big;
} text_t;

// Units of 16 bits; *c 0 is the end of a string. False: there is no further character.
static bool
next_wide(text_t *self, uint32_t *c)
{
    if (self->n - self->at < 2)
        return false;
    const uint8_t *b    = self->bytes + self->at;
    uint32_t       unit = self->big ? (uint32_t)b[0] << 8 | b[1] : (uint32_t)b[1] << 8 | b[0];
    self->at += 2;
    if (unit >= 0xd800 && unit < 0xdc00 && self->n - self->at >= 2) {
        b            = self->bytes + self->at;
        uint32_t low = self->big ? (uint32_t)b[0] << 8 | b[1] : (uint32_t)b[1] << 8 | b[0];
        if (low >= 0xdc00 && low < 0xe000) {
            self->at += 2;
            unit = 0x10000 + ((unit - 0xd800) << 10 | (low - 0xdc00));
        }
    }
    *c = unit >= 0xd800 && unit < 0xe000 ? 0xfffd : unit;
    return true;
}

// The next string of the frame; false: there is none. Empty ones too, without the mark of the order of bytes.
static bool
next_string(text_t *self, char *out, size_t capacity, size_t *length)
{
    size_t n = 0;
    if (self->at >= self->n)
        return false;
    if (self->encoding == 1 && self->n - self->at >= 2) {
        const uint8_t *b = self->bytes + self->at;
        if ((b[0] == 0xff && b[1] == 0xfe) || (b[0] == 0xfe && b[1] == 0xff)) {
            self->big = b[0] == 0xfe;
            self->at += 2;
        }
    }
    if (self->encoding == 1 || self->encoding == 2)
        for (uint32_t c; next_wide(self, &c) && c;)
            n += put_utf8(out + n, capacity - n, c);
    else
        for (; self->at < self->n; self->at++) {
            uint8_t c = self->bytes[self->at];
            if (!c) {
                self->at++;
                break;
            }
            if (self->encoding == 3 && n < capacity)
                out[n++] = (char)c;
            else if (self->encoding == 0)
                n += put_utf8(out + n, capacity - n, c);
        }
    if ((self->encoding == 1 || self->encoding == 2) && self->n - self->at < 2)
        self->at = self->n;
    *length = n;
    return true;
}

static bool
is_known(const char *key)
{
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (!strcmp(key, NAMES[i].key))
            return true;
    return false;
}

void
kt_id3_add(kt_id3_t *out, const char *key, const char *value, size_t length)
{
    const uint32_t most = is_known(key) ? KT_MEDIA_TAGS : KT_MEDIA_TAGS - FOR_KNOWN;
    uint32_t       i    = 0;
    while (i < out->tag_count && strcmp(out->tags[i].key, key) != 0)
        i++;
    if ((i == out->tag_count && i >= most) || !length || strlen(key) >= KT_MEDIA_TAG_KEY)
        return;
    kt_media_tag_t *tag = &out->tags[i];
    if (i == out->tag_count) {
        out->tag_count++;
        *tag = (kt_media_tag_t){0};
        memcpy(tag->key, key, strlen(key) + 1);
        out->values[i] = 0;
    }
    size_t had = strlen(tag->value), room = sizeof tag->value - 1 - had;
    if (out->values[i]++ && room) {
        memcpy(tag->value + had, KT_TAG_SEPARATOR, sizeof KT_TAG_SEPARATOR);
        had++;
        room--;
    }
    length = length < room ? length : room;
    memcpy(tag->value + had, value, length);
    tag->value[had + length] = '\0';
    if (out->values[i] == 1)
        out->first_end[i] = length;
}

size_t
kt_id3_wide(const uint8_t *bytes, size_t n, char *out, size_t capacity)
{
    text_t text   = {.bytes = bytes, .n = n, .encoding = 2};
    size_t length = 0;
    return next_string(&text, out, capacity, &length) ? length : 0;
}

static void
lower(char *text)
{
    for (; *text; text++)
        *text = *text >= 'A' && *text <= 'Z' ? (char)(*text + 'a' - 'A') : *text;
}

// A key that has been seen in an earlier frame keeps that one's values.
static bool
is_taken(const kt_id3_t *out, const char *key)
{
    for (uint32_t i = 0; i < out->tag_count; i++)
        if (!strcmp(out->tags[i].key, key))
            return true;
    return false;
}

static void
read_text_frame(kt_id3_t *out, const char *id, const uint8_t *content, size_t n)
{
    char   key[KT_MEDIA_TAG_KEY], value[KT_MEDIA_TAG_VALUE];
    size_t length = 0;
    text_t text   = {.bytes = content, .n = n, .at = 1, .encoding = n ? content[0] : 4, .big = n && content[0] == 2};
    bool   user   = !strcmp(id, "TXXX") || !strcmp(id, "TXX");
    if (text.encoding > 3)
        return;
    strcpy(key, id);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (!strcmp(id, NAMES[i].id))
            strcpy(key, NAMES[i].key);
    if (user) {
        if (!next_string(&text, key, sizeof key - 1, &length))
            return;
        key[length] = '\0';
    }
    lower(key);
    if (is_taken(out, key))
        return;
    while (next_string(&text, value, sizeof value - 1, &length))
        kt_id3_add(out, key, value, length);
}

// The header of the frame at this place: its content's place and size. False: no frame.
static bool
frame_header(reader_t *self, uint64_t at, char id[5], uint64_t *content, uint64_t *bytes, unsigned *flags)
{
    size_t         have, header = self->version == 2 ? 6 : HEADER, letters = self->version == 2 ? 3 : 4;
    const uint8_t *b = body_bytes(self, at, header, &have);
    if (have < header)
        return false;
    for (size_t i = 0; i < letters; i++) {
        if (!((b[i] >= 'A' && b[i] <= 'Z') || (b[i] >= '0' && b[i] <= '9')))
            return false;
        id[i] = (char)b[i];
    }
    id[letters] = '\0';
    *flags      = self->version == 2 ? 0 : b[9];
    *bytes      = self->version == 2   ? (uint64_t)b[3] << 16 | (uint64_t)b[4] << 8 | b[5]
                  : self->version == 3 ? be32(b + 4)
                                       : synchsafe(b + 4);
    *content    = at + header;
    // Some programs write plain sizes into 2.4: then a frame follows there and not at the synchsafe size.
    if (self->version == 4 && be32(b + 4) != *bytes && be32(b + 4) > 127) {
        uint64_t       plain = be32(b + 4);
        const uint8_t *next  = body_bytes(self, *content + *bytes, 1, &have);
        bool           good  = next && (*next == 0 || (*next >= 'A' && *next <= 'Z'));
        next                 = body_bytes(self, *content + plain, 1, &have);
        if (!good && next && (*next == 0 || (*next >= 'A' && *next <= 'Z')))
            *bytes = plain;
    }
    return true;
}

static void
read_frame(reader_t *self, kt_id3_t *out, const char *id, uint64_t content, uint64_t bytes, unsigned flags)
{
    uint8_t        copy[CONTENT];
    size_t         n;
    const uint8_t *from = body_bytes(self, content, bytes < CONTENT ? (size_t)bytes : CONTENT, &n);
    out->picture |= !strcmp(id, "APIC") || !strcmp(id, "PIC");
    if (id[0] != 'T' || !n)
        return;
    const unsigned compressed = self->version == 4 ? 0x0c : 0xc0;  // or encrypted
    if (self->version > 2 && flags & compressed)
        return;
    memcpy(copy, from, n);
    if (self->version == 4 && (flags & 2 || self->unsynchronised))
        n = remove_unsynchronisation(copy, n);
    size_t skip = self->version == 4 ? (flags & 0x40 ? 1u : 0u) + (flags & 1 ? 4u : 0u) : flags & 0x20 ? 1u : 0u;
    if (self->version > 2 && skip < n)
        read_text_frame(out, id, copy + skip, n - skip);
    else if (self->version == 2)
        read_text_frame(out, id, copy, n);
}

// Where the frames end something else than padding may begin: the sound, if the size in the header is too large.
static void
look_for_sound(reader_t *self, kt_id3_t *out, uint64_t at)
{
    size_t         have, offset;
    const uint8_t *b = body_bytes(self, at, SOUND, &have);
    if (b && !self->plain && *b == 0xff && kt_mpeg_find(b, have, false, &offset) != KT_MPEG_NONE && offset == 0)
        out->sound = self->at + at;
}

static void
read_frames(reader_t *self, kt_id3_t *out, unsigned flags)
{
    char     id[5];
    uint64_t at = 0, content, bytes;
    size_t   have;
    unsigned frame_flags;
    if (flags & EXTENDED && self->version > 2) {
        const uint8_t *b = body_bytes(self, 0, 4, &have);
        if (have == 4)
            at = self->version == 4 ? synchsafe(b) : be32(b) + UINT64_C(4);
    }
    while (out->frames < KT_ID3_FRAMES && !self->err && frame_header(self, at, id, &content, &bytes, &frame_flags)) {
        out->frames++;
        read_frame(self, out, id, content, bytes, frame_flags);
        at = content + bytes;
    }
    if (!self->err)
        look_for_sound(self, out, at);
}

static kt_err_t
read_tag(reader_t *self, kt_id3_t *out, unsigned flags)
{
    size_t whole = self->end - self->at < PLAIN ? (size_t)(self->end - self->at) : PLAIN;
    if (flags & UNSYNCHRONISED && self->version < 4) {
        self->plain = malloc(whole ? whole : 1);
        if (!self->plain)
            return KT_ENOMEM;
        self->err         = kt_input_look(self->input, self->at, self->plain, whole, &self->plain_bytes);
        self->plain_bytes = self->err ? 0 : remove_unsynchronisation(self->plain, self->plain_bytes);
    } else {
        self->window = malloc(WINDOW);
        if (!self->window)
            return KT_ENOMEM;
    }
    self->unsynchronised = flags & UNSYNCHRONISED;
    read_frames(self, out, flags);
    free(self->plain);
    free(self->window);
    return self->err;
}

kt_err_t
kt_id3_read(kt_input_t *input, kt_id3_t *out)
{
    *out         = (kt_id3_t){0};
    uint64_t at  = 0;
    kt_err_t err = KT_OK;
    for (int i = 0; i < TAGS_IN_A_ROW && !err && !out->sound; i++) {
        uint8_t b[HEADER];
        size_t  have;
        err = kt_input_look(input, at, b, sizeof b, &have);
        if (err || have < HEADER || memcmp(b, "ID3", 3) != 0 || b[3] < 2 || b[3] > 4)
            break;
        uint64_t bytes  = (b[6] | b[7] | b[8] | b[9]) & 0x80 ? be32(b + 6) : synchsafe(b + 6);
        uint64_t end    = at + HEADER + bytes;
        reader_t reader = {
            .input = input, .at = at + HEADER, .end = end < input->size ? end : input->size, .version = b[3]};
        err      = read_tag(&reader, out, b[5]);
        at       = end + (b[5] & FOOTER ? HEADER : 0);
        out->end = at <= input->size ? at : 0;
        if (at > input->size)
            break;
    }
    return err;
}
