// Formats of chunks: a name, a size, as many bytes. A program that writes into a pipe cannot return to the header and
// leaves a size there that means none.
#include "node/decoder/bytes/numbers.h"
#include "node/decoder/extent_parts.h"

#include <math.h>
#include <string.h>

enum { CHUNKS_MAX = 4096, NEAR = 64 << 10, PADDING = 16, BEHIND_LEAST = 4096 };

// 0, and what lies around 2 and 4 GiB.
static bool
is_placeholder(uint64_t size)
{
    return size == 0 || (size > (1ull << 31) - NEAR && size < (1ull << 31) + NEAR) ||
           (size > (1ull << 32) - NEAR && size <= UINT32_MAX) || size >= (uint64_t)INT64_MAX - NEAR;
}

static bool
is_name(const uint8_t *b)
{
    for (int i = 0; i < 4; i++)
        if (b[i] < ' ' || b[i] > '~')
            return false;
    return true;
}

// Of a format chunk as in WAV, of 20 bytes: bytes per second; 0: not of constant rate. The rate that it states itself
// is wrong in many files.
static double
format_bytes_per_s(const uint8_t *b, bool big)
{
    const uint32_t channels = big ? kt_be16(b + 2) : kt_le16(b + 2), rate = big ? kt_be32(b + 4) : kt_le32(b + 4);
    const uint32_t block   = big ? kt_be16(b + 12) : kt_le16(b + 12);
    const uint32_t tag     = big ? kt_be16(b) : kt_le16(b);
    const bool     plain   = tag == 1 || tag == 3 || tag == 6 || tag == 7 || tag == 0xfffe;
    const uint32_t samples = big ? kt_be16(b + 18) : kt_le16(b + 18);  // of a block, of ADPCM
    const bool     blocks  = (tag == 2 || tag == 0x11) && samples > 0;
    return plain && channels > 0 ? (double)block * rate : blocks ? (double)block * rate / samples : 0;
}

// The end of the samples, and the time that they last.
static void
set_data(kt_extent_t *out, uint64_t begin, uint64_t size, double bytes_per_s)
{
    out->bytes      = begin + size;
    out->what       = "data chunk";
    out->duration_s = bytes_per_s > 0 ? (double)size / bytes_per_s : 0;
}

// The form around the data ends with the file: then a data chunk that is longer is the header's error, and one that
// ends before bytes that are no chunk is one too. form: bytes behind its own first eight.
static void
compare_form(const kt_extent_file_t *f, uint64_t form, bool stated, uint64_t padding, kt_extent_t *out)
{
    uint8_t        b[8];
    const uint64_t end = f->start + 8 + form, behind = out->bytes + padding;
    const bool     fits   = stated && !is_placeholder(form) && form < UINT64_MAX / 4 && end <= f->size + PADDING;
    const size_t   more   = behind + 8 <= f->size ? kt_extent_read(f, behind, b, 8) : 0;
    const bool     chunks = more < 8 || is_name(b);
    if (out->bytes > f->size && fits)
        out->bytes = f->size;
    if (chunks)
        return;
    out->too_short = (double)behind < TOO_SHORT * (double)f->size || (fits && end > behind + BEHIND_LEAST);
    out->behind    = f->size - behind;
}

void
kt_extent_wav(const kt_extent_file_t *f, kt_extent_t *out)
{
    uint8_t  b[28] = {0};
    uint64_t at = f->start + 12, data64 = 0, form64 = 0;
    double   bytes_per_s = 0;
    if (kt_extent_read(f, f->start, b, 12) < 12)
        return;
    const bool     big = b[3] == 'X', wide = !memcmp(b, "RF64", 4) || !memcmp(b, "BW64", 4);
    const uint64_t riff = big ? kt_be32(b + 4) : kt_le32(b + 4);
    for (int i = 0; i < CHUNKS_MAX && at < f->size; i++) {
        const size_t have = kt_extent_read(f, at, b, sizeof b);
        if (have < 8)
            return;
        uint64_t size = big ? kt_be32(b + 4) : kt_le32(b + 4);
        if (!memcmp(b, "ds64", 4) && have >= 24) {
            form64 = kt_le64(b + 8);
            data64 = kt_le64(b + 16);
        }
        if (!memcmp(b, "fmt ", 4) && have >= 22)
            bytes_per_s = format_bytes_per_s(b + 8, big);
        if (memcmp(b, "data", 4) != 0) {
            at += 8 + size + (size & 1);
            continue;
        }
        if (wide && size == UINT32_MAX)
            size = data64;
        if (is_placeholder(size))
            return;
        set_data(out, at + 8, size, bytes_per_s);
        compare_form(f, wide ? form64 : riff, !wide || form64 > 0, size & 1, out);
        out->behind = out->too_short ? 0 : out->behind;
        return;
    }
}

void
kt_extent_w64(const kt_extent_file_t *f, kt_extent_t *out)
{
    enum { GUID = 16, HEAD = 24, FORM = 20 };
    uint8_t  b[HEAD + FORM] = {0};
    uint64_t at             = f->start + HEAD + GUID;
    double   bytes_per_s    = 0;
    if (kt_extent_read(f, f->start, b, HEAD) < HEAD)
        return;
    const uint64_t form = kt_le64(b + GUID);
    for (int i = 0; i < CHUNKS_MAX && at < f->size; i++) {
        const size_t   have = kt_extent_read(f, at, b, sizeof b);
        const uint64_t size = have >= HEAD ? kt_le64(b + GUID) : 0;  // with its head
        if (size < HEAD)
            return;
        if (!memcmp(b, "fmt ", 4) && have == sizeof b)
            bytes_per_s = format_bytes_per_s(b + HEAD, false);
        if (!memcmp(b, "data", 4)) {
            if (size <= HEAD || is_placeholder(size) || is_placeholder(size - HEAD))
                return;
            set_data(out, at + HEAD, size - HEAD, bytes_per_s);
            compare_form(f, form - 8, form > HEAD, (8 - (size & 7)) & 7, out);
            out->too_short = false;  // FFmpeg does not read past it
            return;
        }
        if (size > f->size)
            return;
        at += (size + 7) / 8 * 8;
    }
}

// An 80-bit number of IEEE 754 without sign, as in COMM.
static double
extended(const uint8_t *b)
{
    return ldexp((double)kt_be64(b + 2), (int)(kt_be16(b) & 0x7fff) - 16383 - 63);
}

void
kt_extent_aiff(const kt_extent_file_t *f, kt_extent_t *out)
{
    uint8_t  b[26] = {0};
    uint64_t at    = f->start + 12;
    for (int i = 0; i < CHUNKS_MAX && at < f->size; i++) {
        const size_t have = kt_extent_read(f, at, b, sizeof b);
        if (have < 8)
            return;
        const uint64_t size = kt_be32(b + 4);
        if (!memcmp(b, "COMM", 4) && have == sizeof b && !is_placeholder(kt_be32(b + 10)))
            out->duration_s = extended(b + 16) > 0 ? kt_be32(b + 10) / extended(b + 16) : 0;
        if (!memcmp(b, "SSND", 4) && !is_placeholder(size)) {
            out->bytes = at + 8 + size;
            out->what  = "SSND chunk";
        }
        at += 8 + size + (size & 1);
    }
}

void
kt_extent_caf(const kt_extent_file_t *f, kt_extent_t *out)
{
    uint8_t  b[44] = {0};
    uint64_t at = f->start + 8, data = 0;
    double   rate = 0, packet_bytes = 0, packet_frames = 0, frames = 0;
    for (int i = 0; i < CHUNKS_MAX && at < f->size; i++) {
        const size_t have = kt_extent_read(f, at, b, sizeof b);
        if (have < 12)
            break;
        const uint64_t size = kt_be64(b + 4);
        if (!memcmp(b, "desc", 4) && have == sizeof b) {
            const uint64_t bits = kt_be64(b + 12);
            memcpy(&rate, &bits, sizeof rate);
            packet_bytes  = kt_be32(b + 28);
            packet_frames = kt_be32(b + 32);
        }
        if (!memcmp(b, "pakt", 4) && have >= 28)
            frames = (double)kt_be64(b + 20);
        if (size > UINT64_MAX / 4)  // -1: to the end of the file
            break;
        if (!memcmp(b, "data", 4) && size > 4) {
            data       = size - 4;  // behind a count of edits
            out->bytes = at + 12 + size;
            out->what  = "data chunk";
        }
        at += 12 + size;
        if (out->bytes > 0 && at + 8 <= f->size && kt_extent_read(f, at, b, 8) == 8 && !is_name(b)) {
            out->behind = f->size - at;
            break;
        }
    }
    if (frames <= 0 && packet_bytes > 0)
        frames = (double)data / packet_bytes * packet_frames;
    out->duration_s = rate > 0 ? frames / rate : 0;
}

// The longest stream by its header (strh), in the first kilobytes of a list of headers.
static double
avi_duration(const kt_extent_file_t *f)
{
    static uint8_t head[16 << 10];
    const size_t   have = kt_extent_read(f, f->start, head, sizeof head);
    double         most = 0;
    for (size_t at = 12; at + 8 + 36 <= have; at++) {
        if (memcmp(head + at, "strh", 4) != 0)
            continue;
        const uint8_t *b     = head + at + 8;
        const uint32_t scale = kt_le32(b + 20), rate = kt_le32(b + 24), length = kt_le32(b + 32);
        const bool     media = !memcmp(b, "vids", 4) || !memcmp(b, "auds", 4);
        if (media && scale > 0 && rate > 0 && !is_placeholder(length))
            most = fmax(most, (double)length * scale / rate);
        at += 8 + 36 - 1;
    }
    return most;
}

// RIFF forms, one after another (OpenDML). An index behind the last packet is part of them.
void
kt_extent_avi(const kt_extent_file_t *f, kt_extent_t *out)
{
    uint8_t  b[12];
    uint64_t at = f->start;
    for (int i = 0; i < CHUNKS_MAX && at < f->size; i++) {
        if (kt_extent_read(f, at, b, sizeof b) < sizeof b || memcmp(b, "RIFF", 4) != 0 || memcmp(b + 8, "AVI", 3) != 0)
            break;
        const uint64_t size = kt_le32(b + 4);
        if (is_placeholder(size))
            return;
        at += 8 + size + (size & 1);
        out->bytes = at - (size & 1);
        out->what  = "RIFF form";
    }
    out->duration_s = avi_duration(f);
}
