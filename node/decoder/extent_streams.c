// Formats whose end shows only in their last packets, ASF and FLV.
#include "node/decoder/bytes/numbers.h"
#include "node/decoder/extent_parts.h"

#include <string.h>

// ASF 1.2 3.2: the length includes the time that a player waits before it begins.
void
kt_extent_asf(const kt_extent_file_t *f, kt_extent_t *out)
{
    static const uint8_t PROPERTIES[16] = {0xa1, 0xdc, 0xab, 0x8c, 0x47, 0xa9, 0xcf, 0x11,
                                           0x8e, 0xe4, 0x00, 0xc0, 0x0c, 0x20, 0x53, 0x65};
    enum { HEADER = 30, OBJECT = 104, OBJECTS_MAX = 256, BROADCAST = 1 };
    uint8_t  b[OBJECT];
    uint64_t at = f->start + HEADER;
    for (int i = 0; i < OBJECTS_MAX; i++) {
        const size_t have = kt_extent_read(f, at, b, sizeof b);
        if (have < 24 || kt_le64(b + 16) < 24 || kt_le64(b + 16) > f->size)
            return;
        if (!memcmp(b, PROPERTIES, sizeof PROPERTIES) && have == sizeof b) {
            const double play_s = (double)kt_le64(b + 64) / 1e7, wait_s = (double)kt_le64(b + 80) / 1e3;
            if (kt_le32(b + 88) & BROADCAST)
                return;
            out->duration_s = play_s > wait_s ? play_s - wait_s : 0;
            out->bytes      = kt_le64(b + 40) < UINT64_MAX / 4 ? f->start + kt_le64(b + 40) : 0;
            out->what       = "data object";
            return;
        }
        at += kt_le64(b + 16);
    }
}

// Adobe FLV 10.1, onMetaData: a number, behind its marker (0).
void
kt_extent_flv(const kt_extent_file_t *f, kt_extent_t *out)
{
    enum { HEAD = 8192, NAME = 8 };
    static uint8_t head[HEAD];
    const size_t   have = kt_extent_read(f, f->start, head, sizeof head);
    const uint8_t *at   = memmem(head, have, "filesize\0", NAME + 1);
    if (!at || (size_t)(head + have - at) < NAME + 1 + 8)
        return;
    const uint64_t bits = kt_be64(at + NAME + 1);
    double         bytes;
    memcpy(&bytes, &bits, sizeof bytes);
    if (!(bytes > 0 && bytes < 1e15))
        return;
    out->bytes = f->start + (uint64_t)bytes;
    out->what  = "stated size";
}

// A last packet that is incomplete, behind one that is whole.
void
kt_extent_transport(const kt_extent_file_t *f, kt_extent_t *out)
{
    static const struct {
        uint64_t bytes, sync;  // of a packet; where its synchronisation byte is
    } KINDS[] = {{188, 0}, {192, 4}, {204, 0}};
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
        uint8_t        first = 0, second = 0, last = 0;
        const uint64_t bytes = KINDS[i].bytes, rest = (f->size - f->start) % bytes;
        if (f->size - f->start < 3 * bytes || rest == 0)
            continue;
        const size_t have = kt_extent_read(f, f->start + KINDS[i].sync, &first, 1) +
                            kt_extent_read(f, f->start + bytes + KINDS[i].sync, &second, 1) +
                            kt_extent_read(f, f->size - rest - bytes + KINDS[i].sync, &last, 1);
        if (have == 3 && first == 0x47 && second == 0x47 && last == 0x47)
            out->unmarked = "the last transport packet is cut";
    }
}

// The last packet of the system layer that states its length: ISO/IEC 13818-1 2.4.3.7.
void
kt_extent_program(const kt_extent_file_t *f, kt_extent_t *out)
{
    enum { WINDOW = 72 << 10, FIRST_PACKET = 0xbc, LAST_PACKET = 0xef };
    static uint8_t tail[WINDOW];  // one child reads one file
    const uint64_t from = f->size > WINDOW ? f->size - WINDOW : 0;
    const size_t   have = kt_extent_read(f, from, tail, sizeof tail);
    for (size_t at = have < 6 ? 0 : have - 6 + 1; at-- > 0;) {
        const uint8_t *b = tail + at;
        if (b[0] || b[1] || b[2] != 1 || b[3] < FIRST_PACKET || b[3] > LAST_PACKET || !kt_be16(b + 4))
            continue;
        if (at + 6 + kt_be16(b + 4) > have)
            out->unmarked = "the last packet is cut";
        return;
    }
}
