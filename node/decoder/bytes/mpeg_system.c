#include "node/decoder/bytes/mpeg_system.h"

#include <string.h>

// PACKETS_NEEDED: transport packets in a row; PACKETS_BEHIND: where the first bytes are none. PACKS_NEEDED: pack
// headers, where the first byte is not one.
enum { PACKETS_NEEDED = 5, PACKETS_BEHIND = 12, PACKS_NEEDED = 2, HEADER_BYTES = 12, TIME_STAMP_BYTES = 4 };
enum { CODE_PACK = 0xba, CODE_FIRST_SYSTEM = 0xb9, CODE_SEQUENCE = 0xb3, SYNC = 0x47 };

static bool
start_code(const uint8_t *bytes, size_t length, size_t at)
{
    return at + 4 <= length && bytes[at] == 0 && bytes[at + 1] == 0 && bytes[at + 2] == 1;
}

// A pack header whose marker bits are set and behind which another header of the system layer begins.
static bool
is_pack(const uint8_t *bytes, size_t length, size_t at)
{
    if (!start_code(bytes, length, at) || bytes[at + 3] != CODE_PACK || at + 14 > length)
        return false;
    const uint8_t *b    = bytes + at + 4;
    bool           two  = (b[0] & 0xc4) == 0x44 && (b[2] & 4) && (b[4] & 4) && (b[5] & 1) && (b[8] & 3) == 3;
    bool           one  = (b[0] & 0xf1) == 0x21 && (b[2] & 1) && (b[4] & 1) && (b[5] & 0x80) && (b[7] & 1);
    size_t         next = at + (two ? 14u + (b[9] & 7) : 12u);
    return (one || two) && start_code(bytes, length, next) && bytes[next + 3] >= CODE_FIRST_SYSTEM;
}

static bool
find_program(const uint8_t *bytes, size_t length, size_t *offset)
{
    size_t packs = 0;
    *offset      = 0;
    if (is_pack(bytes, length, 0))
        return true;
    for (size_t at = 1; at < length && packs < PACKS_NEEDED; at++) {
        const uint8_t *one = memchr(bytes + at, 1, length - at);  // the last byte of the prefix
        if (!one)
            break;
        at = (size_t)(one - bytes);
        if (at < 2 || !is_pack(bytes, length, at - 2))
            continue;
        *offset = packs++ ? *offset : at - 2;
    }
    return packs == PACKS_NEEDED;
}

// Synchronisation bytes at this distance, in headers whose kind of payload is not the reserved one.
static bool
find_packets(const uint8_t *bytes, size_t length, size_t size, size_t *offset)
{
    for (size_t begin = 0; begin + 4 <= length; begin++) {
        const uint8_t *first = memchr(bytes + begin, SYNC, length - begin - 3);
        if (!first)
            return false;
        begin               = (size_t)(first - bytes);
        const size_t needed = begin < size ? PACKETS_NEEDED : PACKETS_BEHIND;
        size_t       n      = 0;
        if (begin + (needed - 1) * size + 4 > length)
            return false;
        while (n < needed && bytes[begin + n * size] == SYNC && bytes[begin + n * size + 3] & 0x30)
            n++;
        if (n < needed)
            continue;
        *offset = size == 192 && begin >= TIME_STAMP_BYTES ? begin - TIME_STAMP_BYTES : begin;
        return true;
    }
    return false;
}

// At the beginning, behind zeros.
static bool
find_sequence(const uint8_t *bytes, size_t length, size_t *offset)
{
    size_t at = 0;
    while (at < length && bytes[at] == 0)
        at++;
    if (at < 2 || at - 2 + HEADER_BYTES > length || bytes[at] != 1 || bytes[at + 1] != CODE_SEQUENCE)
        return false;
    const uint8_t *b     = bytes + at + 2;
    unsigned       width = (unsigned)b[0] << 4 | b[1] >> 4, height = (b[1] & 15u) << 8 | b[2];
    *offset = at - 2;
    return width > 0 && height > 0 && b[3] >> 4 != 0 && (b[3] & 15) != 0 && (b[6] & 0x20);
}

kt_mpeg_system_t
kt_mpeg_system_find(const uint8_t *bytes, size_t length, size_t *offset)
{
    static const size_t sizes[] = {188, 192, 204};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (find_packets(bytes, length, sizes[i], offset))
            return KT_MPEG_SYSTEM_TRANSPORT;
    if (find_sequence(bytes, length, offset))
        return KT_MPEG_SYSTEM_VIDEO;
    return find_program(bytes, length, offset) ? KT_MPEG_SYSTEM_PROGRAM : KT_MPEG_SYSTEM_NONE;
}
