#include "node/decoder/further_tags.h"

#include "node/decoder/bytes/numbers.h"
#include "node/decoder/extent_parts.h"

#include <string.h>

enum { TAG_BYTES = 1 << 20, ITEMS_MAX = 4096, ELEMENTS_MAX = 100000 };

// One child reads one file.
static uint8_t bytes[TAG_BYTES];  // of one tag, or a part of it

static void
lower(char *text)
{
    for (; *text; text++)
        *text = *text >= 'A' && *text <= 'Z' ? (char)(*text + 'a' - 'A') : *text;
}

static uint32_t before;  // keys of the tag in front, which stay as they are

// One tag may state a value in two places.
static bool
is_stated(const kt_id3_t *tags, const char *key, const char *value, size_t length)
{
    for (uint32_t i = 0; i < tags->tag_count; i++) {
        if (strcmp(tags->tags[i].key, key) != 0)
            continue;
        for (const char *at = tags->tags[i].value; *at; at += *at != '\0') {
            const size_t n = strcspn(at, KT_TAG_SEPARATOR);
            if (i < before || (n == length && !memcmp(at, value, n)))
                return true;
            at += n;
        }
    }
    return false;
}

static void
add(kt_id3_t *tags, const char *key, const void *value, size_t length)
{
    char name[KT_MEDIA_TAG_KEY];
    if (strlen(key) >= sizeof name)
        return;
    strcpy(name, key);
    lower(name);
    if (!is_stated(tags, name, value, length))
        kt_id3_add(tags, name, value, length);
}

// At the end, before an ID3v1 tag. Several values are separated by zeros.
static void
read_ape(const kt_extent_file_t *f, kt_id3_t *tags)
{
    enum { FOOTER = 32, ID3V1 = 128, KINDS = 6, PICTURE_LIMIT = 64 << 10 };
    uint8_t  b[FOOTER];
    uint64_t end = f->size;
    for (int i = 0; i < 2; i++, end -= ID3V1) {
        if (end < FOOTER + ID3V1 || kt_extent_read(f, end - FOOTER, b, sizeof b) < sizeof b)
            return;
        if (!memcmp(b, "APETAGEX", 8))
            break;
        if (i == 1)
            return;
    }
    const uint64_t size = kt_le32(b + 12), items = kt_le32(b + 16);
    if (size < FOOTER || size > end)
        return;
    uint64_t at = end - size;
    for (uint64_t i = 0; i < items && i < ITEMS_MAX && at + 8 < end - FOOTER; i++) {
        const size_t   have   = kt_extent_read(f, at, bytes, PICTURE_LIMIT);
        const uint64_t length = kt_le32(bytes);
        const size_t   name   = have > 8 ? strnlen((char *)bytes + 8, have - 8) : have;
        const size_t   begin  = 8 + name + 1;
        if (begin >= have || at + begin + length > end - FOOTER)
            return;
        const size_t n = length < have - begin ? (size_t)length : have - begin;
        for (size_t v = 0; v < n && !(bytes[4] & KINDS);) {  // text
            const size_t one = strnlen((char *)bytes + begin + v, n - v);
            add(tags, (char *)bytes + 8, bytes + begin + v, one);
            v += one + 1;
        }
        at += begin + length;
    }
}

static const struct {
    char        name[5];
    const char *key;  // as FFmpeg names it
} ITEMS[] = {{"\xa9"
              "ART",
              "artist"},
             {"\xa9"
              "nam",
              "title"},
             {"\xa9"
              "alb",
              "album"},
             {"\xa9gen", "genre"},
             {"\xa9wrt", "composer"},
             {"\xa9"
              "day",
              "date"},
             {"\xa9"
              "cmt",
              "comment"},
             {"\xa9grp", "grouping"},
             {"\xa9lyr", "lyrics"},
             {"aART", "album_artist"},
             {"cprt", "copyright"},
             {"desc", "description"}};

// An item has one box `data` per value; a free one has its key in a box `name` before them.
static void
read_item(const kt_extent_file_t *f, const kt_box_t *item, kt_id3_t *tags)
{
    enum { FULL = 4, TYPE_UTF8 = 1, DATA_HEAD = 8 };
    char        free_key[KT_MEDIA_TAG_KEY] = "";
    const char *key                        = NULL;
    bool        broken;
    for (size_t i = 0; i < sizeof ITEMS / sizeof *ITEMS; i++)
        if (!strcmp(item->name, ITEMS[i].name))
            key = ITEMS[i].key;
    kt_box_t box;
    uint64_t at = item->body;
    for (int i = 0; i < ITEMS_MAX && at + 8 <= item->end && kt_extent_box(f, at, &box, &broken); i++, at = box.end) {
        const uint64_t length = box.end - box.body;
        if (box.end > item->end || length < FULL)
            return;
        const size_t have = kt_extent_read(f, box.body, bytes, length < TAG_BYTES ? (size_t)length : TAG_BYTES);
        if (!strcmp(box.name, "name") && !strcmp(item->name, "----") && have - FULL < sizeof free_key) {
            memcpy(free_key, bytes + FULL, have - FULL);
            free_key[have - FULL] = '\0';
            key                   = free_key;
        }
        if (!strcmp(box.name, "data") && key && have > DATA_HEAD && kt_be32(bytes) == TYPE_UTF8)
            add(tags, key, bytes + DATA_HEAD, have - DATA_HEAD);
    }
}

static void
read_mp4(const kt_extent_file_t *f, kt_id3_t *tags)
{
    static const char *const PATH[] = {"moov", "udta", "meta", "ilst"};
    enum { META = 2, FULL = 4 };
    kt_box_t in = {.body = f->start, .end = f->size}, item;
    bool     broken;
    for (size_t i = 0; i < sizeof PATH / sizeof *PATH; i++) {
        if (!kt_extent_box_within(f, &in, PATH[i], &item))
            return;
        in = item;
        in.body += i == META ? FULL : 0;
    }
    uint64_t at = in.body;
    for (int i = 0; i < ITEMS_MAX && at + 8 <= in.end && kt_extent_box(f, at, &item, &broken); i++, at = item.end)
        if (item.end <= in.end)
            read_item(f, &item, tags);
}

static const struct {
    const char *name, *key;
} ATTRIBUTES[] = {
    {"author", "artist"},          {"wm/albumartist", "album_artist"},
    {"wm/albumtitle", "album"},    {"wm/composer", "composer"},
    {"wm/genre", "genre"},         {"wm/language", "language"},
    {"wm/publisher", "publisher"}, {"wm/encodedby", "encoded_by"},
    {"wm/partofset", "disc"},      {"wm/tracknumber", "track"},
};

// A name and a text of UTF-16.
static void
add_attribute(kt_id3_t *tags, const uint8_t *name, size_t name_bytes, const uint8_t *value, size_t value_bytes)
{
    char         key[KT_MEDIA_TAG_KEY] = "", text[KT_MEDIA_TAG_VALUE];
    const size_t n                     = kt_id3_wide(name, name_bytes, key, sizeof key - 1),
                 length                = kt_id3_wide(value, value_bytes, text, sizeof text);
    key[n]                             = '\0';
    lower(key);
    for (size_t i = 0; i < sizeof ATTRIBUTES / sizeof *ATTRIBUTES; i++)
        if (!strcmp(key, ATTRIBUTES[i].name)) {
            add(tags, ATTRIBUTES[i].key, text, length);
            return;
        }
    add(tags, key, text, length);
}

// The content description: title, author, copyright, description, rating, each of a stated length.
static void
read_content(const uint8_t *b, size_t have, kt_id3_t *tags)
{
    static const char *const KEYS[] = {"title", "artist", "copyright", "comment"};
    char                     text[KT_MEDIA_TAG_VALUE];
    size_t                   at = 10;
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS && have >= 10; i++) {
        const size_t n = kt_le16(b + 2 * i);
        if (at + n > have)
            return;
        add(tags, KEYS[i], text, kt_id3_wide(b + at, n, text, sizeof text));
        at += n;
    }
}

// The extended content description: name, type, value; type 0 is text.
static void
read_extended(const uint8_t *b, size_t have, kt_id3_t *tags)
{
    size_t at = 2;
    for (uint32_t i = 0, n = have >= 2 ? kt_le16(b) : 0; i < n && at + 2 <= have; i++) {
        const size_t name = kt_le16(b + at), type = at + 2 + name, value = type + 4;
        if (value > have || value + kt_le16(b + type + 2) > have)
            return;
        if (kt_le16(b + type) == 0)
            add_attribute(tags, b + at + 2, name, b + value, kt_le16(b + type + 2));
        at = value + kt_le16(b + type + 2);
    }
}

// The metadata library: language, stream, lengths, type, then name and value.
static void
read_library(const uint8_t *b, size_t have, kt_id3_t *tags)
{
    enum { HEAD = 12 };
    size_t at = 2;
    for (uint32_t i = 0, n = have >= 2 ? kt_le16(b) : 0; i < n && at + HEAD <= have; i++) {
        const size_t name = kt_le16(b + at + 4), value = kt_le32(b + at + 8);
        if (name > have - at - HEAD || value > have - at - HEAD - name)
            return;
        if (kt_le16(b + at + 6) == 0)
            add_attribute(tags, b + at + HEAD, name, b + at + HEAD + name, value);
        at += HEAD + name + value;
    }
}

// The objects of the header, of which the header extension holds further ones.
static void
read_objects(const kt_extent_file_t *f, uint64_t at, uint64_t end, const uint8_t guid[16],
             void (*read)(const uint8_t *b, size_t have, kt_id3_t *tags), kt_id3_t *tags)
{
    enum { OBJECT = 24, EXTENSION = 22 };
    static const uint8_t HEADER_EXTENSION[16] = {0xb5, 0x03, 0xbf, 0x5f, 0x2e, 0xa9, 0xcf, 0x11,
                                                 0x8e, 0xe3, 0x00, 0xc0, 0x0c, 0x20, 0x53, 0x65};
    for (int i = 0; i < ITEMS_MAX && at + OBJECT <= end; i++) {
        uint8_t head[OBJECT];
        if (kt_extent_read(f, at, head, sizeof head) < sizeof head)
            return;
        const uint64_t size = kt_le64(head + 16);
        if (size < OBJECT || size > end - at)
            return;
        const size_t want = size - OBJECT < TAG_BYTES ? (size_t)(size - OBJECT) : TAG_BYTES;
        if (!memcmp(head, guid, 16))
            read(bytes, kt_extent_read(f, at + OBJECT, bytes, want), tags);
        at += memcmp(head, HEADER_EXTENSION, 16) != 0 ? size : OBJECT + EXTENSION;
    }
}

static void
read_asf(const kt_extent_file_t *f, kt_id3_t *tags)
{
    enum { HEADER = 30, OBJECT = 24 };
    static const struct {
        uint8_t guid[16];
        void (*read)(const uint8_t *b, size_t have, kt_id3_t *tags);
    } OBJECTS[] = {
        // In this order: programs write the first value to the first of them that can hold it.
        {{0x33, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11, 0xa6, 0xd9, 0x00, 0xaa, 0x00, 0x62, 0xce, 0x6c},
         read_content},
        {{0x40, 0xa4, 0xd0, 0xd2, 0x07, 0xe3, 0xd2, 0x11, 0x97, 0xf0, 0x00, 0xa0, 0xc9, 0x5e, 0xa8, 0x50},
         read_extended},
        {{0x94, 0x1c, 0x23, 0x44, 0x98, 0x94, 0xd1, 0x49, 0xa1, 0x41, 0x1d, 0x13, 0x4e, 0x45, 0x70, 0x54},
         read_library},
    };
    uint8_t  head[OBJECT];
    uint64_t end = f->size;
    if (kt_extent_read(f, f->start, head, sizeof head) == sizeof head && kt_le64(head + 16) < f->size - f->start)
        end = f->start + kt_le64(head + 16);
    for (size_t i = 0; i < sizeof OBJECTS / sizeof *OBJECTS; i++)
        read_objects(f, f->start + HEADER, end, OBJECTS[i].guid, OBJECTS[i].read, tags);
}

// Simple tags of one Tag. A tag of a track or chapter (Targets) is read like one of the file.
static void
read_simple_tags(const uint8_t *b, size_t have, kt_id3_t *tags)
{
    char name[KT_MEDIA_TAG_KEY] = "";
    for (size_t at = 0; at + 2 < have;) {
        uint32_t     number;
        uint64_t     size;
        const size_t head = kt_extent_element(b + at, have - at, &number, &size);
        const bool   open = number == 0x7373 || number == 0x67c8;  // Tag, SimpleTag: what they hold follows
        if (head == 0 || (!open && size > have - at - head))
            return;
        if (number == 0x67c8)
            name[0] = '\0';
        if (number == 0x45a3 && size < sizeof name) {
            memcpy(name, b + at + head, (size_t)size);
            name[size] = '\0';
        }
        if (number == 0x4487 && *name)
            add(tags, name, b + at + head, strnlen((const char *)b + at + head, (size_t)size));
        at += head + (open ? 0 : (size_t)size);
    }
}

// The element Tags, wherever it lies in the segment; clusters are passed over by their size.
static void
read_matroska(const kt_extent_file_t *f, kt_id3_t *tags)
{
    enum { SEGMENT = 0x18538067, TAGS = 0x1254c367 };
    uint64_t at = f->start;
    for (int i = 0; i < ELEMENTS_MAX && at < f->size; i++) {
        uint8_t      b[16];
        uint32_t     number;
        uint64_t     size;
        const size_t head = kt_extent_element(b, kt_extent_read(f, at, b, sizeof b), &number, &size);
        if (head == 0)
            return;
        if (number == TAGS && size < UINT64_MAX) {
            const size_t want = size < TAG_BYTES ? (size_t)size : TAG_BYTES;
            read_simple_tags(bytes, kt_extent_read(f, at + head, bytes, want), tags);
        }
        if (number != SEGMENT && size > f->size - at)
            return;
        at += head + (number == SEGMENT ? 0 : size);
    }
}

kt_err_t
kt_further_tags_read(kt_input_t *input, const kt_sniffed_t *sniffed, kt_id3_t *tags)
{
    static const struct {
        const char *demuxer;
        void (*read)(const kt_extent_file_t *f, kt_id3_t *tags);
    } FORMATS[]              = {{"mp3", read_ape}, {"wv", read_ape},  {"ape", read_ape}, {"tta", read_ape},
                                {"mov", read_mp4}, {"asf", read_asf}, {"aac", read_ape}, {"matroska", read_matroska}};
    kt_err_t err             = KT_OK;
    before                   = tags->tag_count;
    const kt_extent_file_t f = {.input = input, .size = input->size, .start = sniffed->start, .err = &err};
    for (size_t i = 0; i < sizeof FORMATS / sizeof *FORMATS && !input->stream; i++)
        if (!strcmp(FORMATS[i].demuxer, sniffed->demuxer))
            FORMATS[i].read(&f, tags);
    return err;
}
