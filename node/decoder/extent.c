#include "node/decoder/extent.h"

#include "node/decoder/bytes/numbers.h"
#include "node/decoder/extent_parts.h"

#include <math.h>
#include <string.h>

enum { TAIL_BYTES = 65307 };  // of the largest Ogg page

size_t
kt_extent_read(const kt_extent_file_t *f, uint64_t at, void *into, size_t want)
{
    size_t have = 0;
    if (kt_input_look(f->input, at, into, want, &have) != KT_OK)
        *f->err = KT_EIO;
    return have;
}

// One EBML number; its length in bytes, 0: none. All ones: unknown.
static size_t
ebml_size(const uint8_t *b, size_t have, uint64_t *out)
{
    size_t n = 1;
    while (n <= 8 && have > 0 && !(b[0] & (0x100 >> n)))
        n++;
    if (have == 0 || n > 8 || have < n)
        return 0;
    uint64_t value = b[0] & (0xffu >> n), ones = 0xffu >> n;
    for (size_t i = 1; i < n; i++) {
        value = value << 8 | b[i];
        ones  = ones << 8 | 0xff;
    }
    *out = value == ones ? UINT64_MAX : value;
    return n;
}

size_t
kt_extent_element(const uint8_t *b, size_t have, uint32_t *number, uint64_t *size)
{
    size_t n = 1;
    while (n <= 4 && have > 0 && !(b[0] & (0x100 >> n)))
        n++;
    *number = 0;
    *size   = 0;
    if (n > 4 || have <= n)
        return 0;
    for (size_t i = 0; i < n; i++)
        *number = *number << 8 | b[i];
    const size_t more = ebml_size(b + n, have - n, size);
    return more ? n + more : 0;
}

static void
matroska_extent(const kt_extent_file_t *f, kt_extent_t *out)
{
    static const uint8_t SEGMENT[4] = {0x18, 0x53, 0x80, 0x67};
    uint8_t              b[12];
    uint64_t             size = 0, at = f->start + 4;
    size_t               n = ebml_size(b, kt_extent_read(f, at, b, sizeof b), &size);
    if (n == 0 || size > f->size)
        return;
    at += n + size;
    const size_t have = kt_extent_read(f, at, b, sizeof b);
    if (have < 5 || memcmp(b, SEGMENT, sizeof SEGMENT) != 0)
        return;
    n = ebml_size(b + 4, have - 4, &size);
    if (n == 0 || size == 0 || size > UINT64_MAX / 4)  // 0 and all ones: it was written to no end
        return;
    out->bytes = at + 4 + n + size;
    out->what  = "Segment";
}

// Whether the last page is whole and marked as the last of its stream.
static void
ogg_extent(const kt_extent_file_t *f, kt_extent_t *out)
{
    static const char UNMARKED[] = "the last page is cut or not marked as the last one";
    enum { HEADER = 27, LAST = 4 };
    static uint8_t tail[TAIL_BYTES];  // one child reads one file
    const uint64_t from = f->size > TAIL_BYTES ? f->size - TAIL_BYTES : 0;
    const size_t   have = kt_extent_read(f, from, tail, sizeof tail);
    for (size_t at = have < HEADER ? 0 : have - HEADER + 1; at-- > 0;) {
        if (memcmp(tail + at, "OggS", 4) != 0 || tail[at + 4] != 0)
            continue;
        const size_t segments = tail[at + 26];
        size_t       end      = at + HEADER + segments;
        for (size_t i = 0; i < segments && end <= have; i++)
            end += at + HEADER + i < have ? tail[at + HEADER + i] : TAIL_BYTES;
        out->unmarked = end > have || !(tail[at + 5] & LAST) ? UNMARKED : "";
        return;
    }
    out->unmarked = UNMARKED;
}

static void
au_extent(const kt_extent_file_t *f, kt_extent_t *out)
{
    uint8_t      b[12];
    const size_t have = kt_extent_read(f, f->start, b, sizeof b);
    if (have < sizeof b || kt_be32(b + 8) == 0 || kt_be32(b + 8) >= UINT32_MAX - 1)
        return;
    out->bytes = f->start + kt_be32(b + 4) + kt_be32(b + 8);
    out->what  = "data";
    // FFmpeg reads to the end of the file, whatever lies there.
    if (out->bytes < f->size && kt_be32(b + 8) >= TOO_SHORT * (double)f->size)
        out->stop = out->bytes;
    out->behind = out->bytes < f->size ? f->size - out->bytes : 0;
}

static const struct {
    const char *demuxer;
    const char *by;  // of the length that FFmpeg reads
    void (*find)(const kt_extent_file_t *f, kt_extent_t *out);
    bool streams;  // of a stream too, whose beginning alone is looked at
} FORMATS[] = {
    {"wav", "data chunk", kt_extent_wav, false},
    {"w64", "data chunk", kt_extent_w64, false},
    {"aiff", "COMM chunk", kt_extent_aiff, false},
    {"caf", "data chunk", kt_extent_caf, false},
    {"avi", "stream header", kt_extent_avi, false},
    {"mp3", "Xing header", kt_extent_mp3, false},
    {"mov", "moov box", kt_extent_mp4, true},
    {"matroska", "Segment information", matroska_extent, false},
    {"ogg", "time stamps", ogg_extent, false},
    {"au", "header", au_extent, false},
    {"asf", "file properties", kt_extent_asf, false},
    {"flac", "STREAMINFO", NULL, false},
    {"wv", "block header", NULL, false},
    {"flv", "metadata", kt_extent_flv, false},
    {"mpeg", "time stamps", kt_extent_program, false},
    {"mpegts", "time stamps", kt_extent_transport, false},
};

kt_err_t
kt_extent_find(kt_input_t *input, const kt_sniffed_t *sniffed, kt_extent_t *out)
{
    kt_err_t         err = KT_OK;
    kt_extent_file_t f   = {.input = input, .size = input->size, .start = sniffed->start, .err = &err};
    *out                 = (kt_extent_t){.by = "header", .what = "", .unmarked = ""};
    for (size_t i = 0; i < sizeof FORMATS / sizeof *FORMATS; i++) {
        if (strcmp(FORMATS[i].demuxer, sniffed->demuxer) != 0)
            continue;
        out->by = FORMATS[i].by;
        if (FORMATS[i].find && (FORMATS[i].streams || !input->stream))
            FORMATS[i].find(&f, out);
    }
    if (!(out->duration_s > 0) || !isfinite(out->duration_s))
        out->duration_s = 0;
    return err;
}
