// Boxes of MP4 at the top of the file, and what those of a fragmented one say about its length.
#include "node/decoder/bytes/numbers.h"
#include "node/decoder/extent_parts.h"

#include <string.h>

enum { BOXES_MAX = 100000, INNER_MAX = 1000, REFERENCES_MAX = 65535, REFERENCE_BYTES = 12 };

typedef struct film {
    bool fragmented, indexed;  // moov has mvex; an index of all fragments (mfra) ends the file
    bool sidx;
} film_t;

// The names in use are of letters, digits and spaces; a copyright sign begins some.
static bool
is_box_name(const uint8_t *b)
{
    for (int i = 0; i < 4; i++)
        if ((b[i] < ' ' || b[i] > '~') && b[i] != 0xa9)
            return false;
    return true;
}

bool
kt_extent_box(const kt_extent_file_t *f, uint64_t at, kt_box_t *out, bool *broken)
{
    uint8_t      b[16] = {0};
    const size_t have  = kt_extent_read(f, at, b, sizeof b);
    uint64_t     bytes = kt_be32(b), head = 8;
    *broken = false;
    if (have < 8)
        return false;
    if (bytes == 1) {
        head  = 16;
        bytes = have == sizeof b ? kt_be64(b + 8) : 0;
    } else if (bytes == 0 && is_box_name(b + 4)) {
        bytes = f->size - at;
    }
    *broken = bytes < head || bytes > UINT64_MAX / 4 - at || !is_box_name(b + 4);
    if (*broken)
        return false;
    *out = (kt_box_t){.body = at + head, .end = at + bytes, .open = kt_be32(b) == 0};
    memcpy(out->name, b + 4, 4);
    return true;
}

bool
kt_extent_box_within(const kt_extent_file_t *f, const kt_box_t *in, const char *name, kt_box_t *out)
{
    bool     broken;
    uint64_t at = in->body;
    for (int i = 0; i < INNER_MAX && at + 8 <= in->end; i++) {
        if (!kt_extent_box(f, at, out, &broken))
            return false;
        if (!strcmp(out->name, name))
            return true;
        at = out->end;
    }
    return false;
}

// ISO/IEC 14496-12 8.8.2: the length with all fragments, in units of mvhd (8.2.2).
static void
read_moov(const kt_extent_file_t *f, const kt_box_t *moov, film_t *film, kt_extent_t *out)
{
    uint8_t  b[32] = {0};
    kt_box_t mvex, mehd, mvhd;
    film->fragmented = kt_extent_box_within(f, moov, "mvex", &mvex);
    if (!film->fragmented || !kt_extent_box_within(f, &mvex, "mehd", &mehd) ||
        !kt_extent_box_within(f, moov, "mvhd", &mvhd) || kt_extent_read(f, mvhd.body, b, sizeof b) < sizeof b)
        return;
    const double scale = b[0] == 1 ? kt_be32(b + 20) : kt_be32(b + 12);
    if (kt_extent_read(f, mehd.body, b, 12) == 12 && scale > 0)
        out->duration_s = (b[0] == 1 ? (double)kt_be64(b + 4) : kt_be32(b + 4)) / scale;
}

// 8.16.3: the first index of segments. What it refers to is contiguous; if the file goes on behind that, there are
// other segments, and it is not the length of the whole.
static void
read_sidx(const kt_extent_file_t *f, const kt_box_t *sidx, kt_extent_t *out)
{
    uint8_t        b[32] = {0};
    const size_t   have  = kt_extent_read(f, sidx->body, b, sizeof b);
    const size_t   head  = b[0] ? 32 : 24;
    const uint32_t scale = kt_be32(b + 8), n = have == sizeof b ? kt_be16(b + head - 2) : 0;
    uint64_t       end = sidx->end + (b[0] ? kt_be64(b + 20) : kt_be32(b + 16)), ticks = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t r[REFERENCE_BYTES];
        if (kt_extent_read(f, sidx->body + head + (uint64_t)i * sizeof r, r, sizeof r) < sizeof r)
            return;
        end += kt_be32(r) & INT32_MAX;
        ticks += kt_be32(r + 4);
    }
    bool     broken;
    kt_box_t next;
    if (n == 0 || scale == 0 ||
        (end + 8 <= f->size && kt_extent_box(f, end, &next, &broken) && strcmp(next.name, "mfra")))
        return;
    out->duration_s = out->duration_s > 0 ? out->duration_s : (double)ticks / scale;
    out->bytes      = end > out->bytes ? end : out->bytes;
    out->what       = "index of segments";
}

void
kt_extent_mp4(const kt_extent_file_t *f, kt_extent_t *out)
{
    uint64_t at = f->start, end = 0;
    film_t   film   = {0};
    kt_box_t box    = {.name = ""};
    bool     broken = false;
    for (int i = 0; i < BOXES_MAX && at < f->size && kt_extent_box(f, at, &box, &broken); i++) {
        if (!strcmp(box.name, "moov"))
            read_moov(f, &box, &film, out);
        if (!strcmp(box.name, "sidx") && !film.sidx) {
            film.sidx = true;
            read_sidx(f, &box, out);
        }
        film.indexed = !strcmp(box.name, "mfra");
        at           = box.end;
        end          = box.open ? end : box.end;
        if (f->input->stream && !strcmp(box.name, "moov"))
            break;  // the rest has not been written yet
    }
    if (film.fragmented)
        out->by = out->duration_s > 0 ? "moov box" : "fragments";
    out->fragmented = film.fragmented;
    if (f->input->stream)
        return;
    if (end > out->bytes) {
        out->bytes = end;
        out->what  = !strcmp(box.name, "mdat") ? "mdat box" : !strcmp(box.name, "moov") ? "moov box" : "last box";
    }
    out->broken = broken && at > f->start ? at : 0;
    out->hidden = out->broken && film.fragmented && !film.indexed;
}
