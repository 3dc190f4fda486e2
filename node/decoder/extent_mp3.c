// The header that encoders put into the first frame of an MP3: the number of frames and bytes of the whole.
#include "node/decoder/bytes/mpeg.h"
#include "node/decoder/bytes/numbers.h"
#include "node/decoder/extent_parts.h"

#include <string.h>

enum { TAGS_MAX = 16, SEARCH_BYTES = 16 << 10, FRAMES = 1, BYTES = 2, FRAME_BYTES = 2048, TAIL_LEAST = 4096 };

static uint64_t
behind_tags(const kt_extent_file_t *f)
{
    uint64_t at = f->start;
    for (int i = 0; i < TAGS_MAX; i++) {
        uint8_t b[10];
        if (kt_extent_read(f, at, b, sizeof b) < sizeof b || memcmp(b, "ID3", 3) != 0)
            break;
        const uint64_t body =
            (uint64_t)(b[6] & 127) << 21 | (uint64_t)(b[7] & 127) << 14 | (uint64_t)(b[8] & 127) << 7 | (b[9] & 127);
        if (body > f->size - at)
            break;
        at += 10 + body + (b[5] & 0x10 ? 10 : 0);
    }
    return at;
}

// Behind the bytes that the header states: neither more frames, as of joined files, nor tags.
static bool
is_junk(const kt_extent_file_t *f, uint64_t at)
{
    enum { ID3V1 = 128, APE = 32, LYRICS = 9 };
    static uint8_t bytes[SEARCH_BYTES];
    uint8_t        end[ID3V1 + APE];
    size_t         offset, have = kt_extent_read(f, at, bytes, sizeof bytes);
    if (kt_mpeg_find(bytes, have, have < sizeof bytes, &offset) == KT_MPEG_AUDIO || !memcmp(bytes, "ID3", 3) ||
        kt_extent_read(f, f->size - sizeof end, end, sizeof end) < sizeof end)
        return false;
    return memcmp(end + APE, "TAG", 3) != 0 && memcmp(end + ID3V1, "APETAGEX", 8) != 0 &&
           memcmp(end + sizeof end - LYRICS, "LYRICS200", LYRICS) != 0;
}

void
kt_extent_mp3(const kt_extent_file_t *f, kt_extent_t *out)
{
    static uint8_t head[SEARCH_BYTES];
    size_t         first = 0;
    const uint64_t from  = behind_tags(f);
    const size_t   have  = kt_extent_read(f, from, head, sizeof head);
    if (kt_mpeg_find(head, have, have < sizeof head, &first) != KT_MPEG_AUDIO || first + 64 > have)
        return;
    const uint8_t *b    = head + first;
    const bool     mono = (b[3] >> 6) == 3, mpeg1 = (b[1] & 8) != 0;
    const size_t   side = mpeg1 ? (mono ? 17 : 32) : (mono ? 9 : 17);
    const uint8_t *tag  = b + 4 + side;
    if (!memcmp(b + 36, "VBRI", 4)) {
        out->by    = "VBRI header";
        out->bytes = from + first + kt_be32(b + 46);
    } else if (!memcmp(tag, "Xing", 4) || !memcmp(tag, "Info", 4)) {
        const uint32_t flags = kt_be32(tag + 4);
        const uint8_t *bytes = tag + 8 + (flags & FRAMES ? 4 : 0);
        out->bytes           = flags & BYTES && kt_be32(bytes) > 0 ? from + first + kt_be32(bytes) : 0;
    }
    out->what = out->by;
    if (out->bytes > 0 && out->bytes + TAIL_LEAST < f->size && is_junk(f, out->bytes))
        out->behind = f->size - (out->stop = out->bytes);
    if (out->bytes > f->size && out->bytes - f->size <= FRAME_BYTES)  // encoders count differently
        out->bytes = f->size;
}
