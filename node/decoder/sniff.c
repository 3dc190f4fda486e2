#include "node/decoder/sniff.h"

#include "node/decode/protocol.h"
#include "node/decoder/bytes/mpeg.h"
#include "node/decoder/bytes/mpeg_system.h"
#include "node/decoder/bytes/numbers.h"
#include "node/decoder/bytes/text.h"
#include "node/decoder/known.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// LIVE_SEARCH_BYTES: of a live stream: two seconds at 128 kbit/s instead of fifteen.
enum { HEAD_BYTES = 4096, SEARCH_BYTES = 256 * 1024, LIVE_SEARCH_BYTES = 32 * 1024 };
enum { SEARCH_GROWS = 4, TAG_HEADER = 32, RESYNC_BYTES = 32 * 1024 };
enum { WAV_PCM = 1, WAV_EXTENSIBLE = 0xfffe };
enum { TAGS_MAX = 16, CHUNKS_MAX = 64, BOXES_MAX = 100000 };

const char KT_SNIFF_DEMUXERS[] = "mp3,aac,wav,w64,flac,ogg,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,"
                                 "mpeg,mpegts,mpegvideo,aiff,caf,wv,ape,tta,au,asf,ac3,eac3";

typedef struct file {
    kt_input_t *input;
    uint64_t    size;
    uint64_t    base;  // where head was read: after the tags, if any
    uint8_t     head[HEAD_BYTES];
    size_t      have;  // bytes in head
} file_t;

static uint32_t
be32(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static uint32_t
le32(const uint8_t *b)
{
    return (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}

static bool
has_magic(const file_t *f, size_t at, const char *magic)
{
    size_t n = strlen(magic);
    return f->have >= at + n && !memcmp(f->head + at, magic, n);
}

static uint32_t
le16(const uint8_t *b)
{
    return b[0] | (uint32_t)b[1] << 8;
}

// Whole samples lie in containers of block_align / channels bytes, left-justified; `bits` (or in the extended form
// wValidBitsPerSample) may state fewer.
static void
check_width(const uint8_t *body, uint64_t at, size_t have, kt_sniffed_t *out)
{
    uint32_t tag = le16(body), channels = le16(body + 2), align = le16(body + 12), place = 14;
    if (tag == WAV_EXTENSIBLE && have >= 26) {
        tag   = le16(body + 24);
        place = 18;
    }
    uint32_t bits = le16(body + place), wide = channels ? 8 * (align / channels) : 0;
    if (tag != WAV_PCM || !bits || bits >= wide || wide > 32 || align % channels || (bits + 7) / 8 * 8 == wide)
        return;
    out->patch_at   = at + place;
    out->patch      = (uint16_t)wide;
    out->valid_bits = bits;
}

// FFmpeg reports an impossible format chunk as "invalid data" only.
static kt_err_t
check_wav(const file_t *f, kt_sniffed_t *out, char why[KT_SNIFF_WHY])
{
    size_t at = 12;
    for (int i = 0; i < CHUNKS_MAX && at + 24 <= f->have && f->head[3] != 'X'; i++) {
        const uint8_t *chunk = f->head + at;
        if (!memcmp(chunk, "fmt ", 4)) {
            uint32_t channels = le16(chunk + 10), rate = le32(chunk + 12);
            (void)snprintf(why, KT_SNIFF_WHY, "the WAV header states %u channels at %u Hz", channels, rate);
            if (rate < 1 || rate > KT_RATE_MAX_HZ || channels < 1 || channels > KT_CHANNELS_MAX)
                return KT_ESTREAM;
            check_width(chunk + 8, f->base + at + 8, f->have - at - 8, out);
            return KT_OK;
        }
        at += 8 + (size_t)le32(chunk + 4) + (le32(chunk + 4) & 1);
    }
    return KT_OK;
}

// A format chunk as in WAV, behind GUIDs.
static void
check_w64(const file_t *f, kt_sniffed_t *out)
{
    enum { HEAD = 24, FORM = 40 };
    for (size_t i = 0, at = FORM; i < CHUNKS_MAX && at + HEAD + 26 <= f->have; i++) {
        const uint64_t size = kt_le64(f->head + at + 16);
        if (!memcmp(f->head + at, "fmt ", 4)) {
            check_width(f->head + at + HEAD, f->base + at + HEAD, f->have - at - HEAD, out);
            return;
        }
        if (size < HEAD || size > f->have)
            return;
        at += (size_t)(size + 7) / 8 * 8;
    }
}

// Apple CAF, Audio Description chunk: whole samples lie at the top of their bytes.
static void
check_caf(const file_t *f, kt_sniffed_t *out)
{
    enum { BODY = 20, BITS = BODY + 28, FLOAT = 1 };
    const uint8_t *b = f->head + BODY;
    if (f->have < BITS + 4 || memcmp(f->head + 8, "desc", 4) != 0 || memcmp(b + 8, "lpcm", 4) != 0)
        return;
    const uint32_t packet = be32(b + 16), channels = be32(b + 24), bits = be32(b + 28);
    const uint32_t wide = channels ? 8 * (packet / channels) : 0;
    if (be32(b + 12) & FLOAT || be32(b + 20) != 1 || !bits || bits >= wide || wide > 32 || packet % channels ||
        (bits + 7) / 8 * 8 == wide)
        return;
    out->patch_at   = f->base + BITS + 2;
    out->patch      = (uint16_t)(wide << 8);
    out->valid_bits = bits;
}

// Walks the boxes at the top: without `moov` (or fragments) there is no index, and nothing can be decoded.
static kt_err_t
check_mp4(const file_t *f, char why[KT_SNIFF_WHY])
{
    uint64_t at = f->base;
    for (int i = 0; i < BOXES_MAX && at + 8 <= f->size; i++) {
        uint8_t  box[16] = {0};
        size_t   have;
        kt_err_t err = kt_input_look(f->input, at, box, sizeof box, &have);
        if (err != KT_OK)
            return err;
        if (!memcmp(box + 4, "moov", 4))
            return KT_OK;
        if (f->input->stream && !memcmp(box + 4, "mdat", 4)) {
            (void)snprintf(
                why, KT_SNIFF_WHY, "%s",
                "the index of this MP4 is behind its sound, which a stream cannot be read for: pass the file");
            return KT_ENOTREGULAR;
        }
        uint64_t bytes = be32(box);
        if (bytes == 1)
            bytes = (uint64_t)be32(box + 8) << 32 | be32(box + 12);
        if (bytes < 8 || bytes > f->size - at)
            break;
        at += bytes;
    }
    (void)snprintf(why, KT_SNIFF_WHY, "%s", "the index (moov box) is missing");
    return KT_ETRUNCATED;
}

// Formats that begin with their name, and have a second one further on or none. plausible: whether what follows can be
// a header; bytes of the name alone occur in any data.
typedef struct magic {
    const char *first;
    size_t      at;
    const char *second, *demuxer, *container;
    bool (*plausible)(const uint8_t *bytes, size_t n);
} magic_t;

static bool
is_flac(const uint8_t *b, size_t n)
{
    return n >= 8 && (b[4] & 0x7f) == 0 && b[5] == 0 && b[6] == 0 && b[7] == 34;
}

static bool
is_ogg(const uint8_t *b, size_t n)
{
    return n >= 27 && b[4] == 0 && b[5] & 2;  // begins a stream
}

static bool
is_wavpack(const uint8_t *b, size_t n)
{
    return n >= 32 && b[9] == 4 && b[8] >= 2 && b[8] <= 0x10;
}

static bool
is_ape(const uint8_t *b, size_t n)
{
    unsigned version = n >= 6 ? b[4] | (unsigned)b[5] << 8 : 0;
    return version >= 3800 && version < 4100;
}

static bool
is_tta(const uint8_t *b, size_t n)
{
    return n >= 22 && b[4] >= 1 && b[4] <= 2 && b[5] == 0 && b[7] == 0 && b[6] > 0;
}

static bool
is_au(const uint8_t *b, size_t n)
{
    return n >= 24 && be32(b + 4) >= 24 && be32(b + 12) >= 1 && be32(b + 12) <= 27 && be32(b + 20) >= 1 &&
           be32(b + 20) <= KT_CHANNELS_MAX;
}

static const magic_t MAGICS[] = {
    {"RIFF", 8, "WAVE", "wav", "wav", NULL},
    {"RIFX", 8, "WAVE", "wav", "wav", NULL},
    {"RF64", 8, "WAVE", "wav", "wav", NULL},
    {"BW64", 8, "WAVE", "wav", "wav", NULL},
    {"RIFF", 8, "AVI", "avi", "avi", NULL},
    {"riff\x2e\x91\xcf\x11", 24, "wave", "w64", "w64", NULL},
    {"fLaC", 0, "", "flac", "flac", is_flac},
    {"OggS", 0, "", "ogg", "ogg", is_ogg},
    {"\x1a\x45\xdf\xa3", 0, "", "matroska", "matroska", NULL},
    {"FORM", 8, "AIFF", "aiff", "aiff", NULL},
    {"FORM", 8, "AIFC", "aiff", "aiff", NULL},
    {"caff", 0, "", "caf", "caf", NULL},
    {"FLV\x01", 0, "", "flv", "flv", NULL},
    {"wvpk", 0, "", "wv", "wavpack", is_wavpack},
    {"MAC ", 0, "", "ape", "ape", is_ape},
    {"MACF", 0, "", "ape", "ape", is_ape},
    {"TTA1", 0, "", "tta", "tta", is_tta},
    {".snd", 0, "", "au", "au", is_au},
    {"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9", 0, "", "asf", "asf", NULL},
};

// Any box that an MP4 file may begin with; boxes have at least 8 bytes, and 0 and 1 are special sizes.
static bool
is_mp4(const file_t *f)
{
    static const char *const boxes[] = {"ftyp", "moov", "mdat", "free", "skip", "wide", "pnot"};
    bool                     mp4     = false;
    for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++)
        mp4 = mp4 || has_magic(f, 4, boxes[i]);
    return mp4 && f->have >= 8 && (be32(f->head) >= 8 || be32(f->head) <= 1);
}

// What begins at f->base. KT_EFORMAT: none of them.
static kt_err_t
sniff_magic(const file_t *f, kt_sniffed_t *out, char why[KT_SNIFF_WHY])
{
    for (size_t i = 0; i < sizeof MAGICS / sizeof *MAGICS; i++) {
        const magic_t *m = &MAGICS[i];
        if (!has_magic(f, 0, m->first) || !has_magic(f, m->at, m->second))
            continue;
        *out = (kt_sniffed_t){.demuxer = m->demuxer, .container = m->container};
        if (!strcmp(m->demuxer, "matroska") && memmem(f->head, f->have, "\x42\x82\x84webm", 7))
            out->container = "webm";
        if (!strcmp(m->demuxer, "w64"))
            check_w64(f, out);
        if (!strcmp(m->demuxer, "caf"))
            check_caf(f, out);
        return strcmp(m->demuxer, "wav") ? KT_OK : check_wav(f, out, why);
    }
    if (!is_mp4(f))
        return KT_EFORMAT;
    bool quicktime = !has_magic(f, 4, "ftyp") || has_magic(f, 8, "qt  ");
    *out           = (kt_sniffed_t){.demuxer = "mov", .container = quicktime ? "mov" : "mp4"};
    return check_mp4(f, why);
}

// Bytes of the tag that begins here, 0: there is none.
static uint64_t
tag_bytes(const uint8_t b[TAG_HEADER], size_t have)
{
    if (have >= 10 && !memcmp(b, "ID3", 3) && b[3] != 0xff && b[4] != 0xff && !((b[6] | b[7] | b[8] | b[9]) & 0x80)) {
        uint64_t body = (uint64_t)b[6] << 21 | (uint64_t)b[7] << 14 | (uint64_t)b[8] << 7 | b[9];
        return 10 + body + (b[5] & 0x10 ? 10 : 0);  // header, body, footer
    }
    if (have >= TAG_HEADER && !memcmp(b, "APETAGEX", 8) && b[23] & 0x20)
        return TAG_HEADER + (uint64_t)le32(b + 12);
    return 0;
}

// Where the tags at the beginning end. A tag that claims more than the file holds is no tag: the search continues after
// its header. A stream's length is known only when nothing follows the tag.
static kt_err_t
skip_tags(const file_t *f, uint64_t *end, bool *broken)
{
    uint64_t before = 0;
    *end            = 0;
    *broken         = false;
    for (int i = 0; i < TAGS_MAX; i++) {
        uint8_t  b[TAG_HEADER];
        size_t   have;
        kt_err_t err = kt_input_look(f->input, *end, b, sizeof b, &have);
        if (err != KT_OK)
            return err;
        uint64_t bytes = tag_bytes(b, have);
        bool     lost  = f->input->stream && *end > 0 && have == 0;
        if (lost || bytes > f->size - *end) {
            *broken = true;
            *end    = (lost ? before : *end) + 10;
            return KT_OK;
        }
        if (!bytes)
            return KT_OK;
        before = *end;
        *end += bytes;
    }
    return KT_OK;
}

// The first header of a container in these bytes that is more than a chance match.
static bool
find_magic(const uint8_t *bytes, size_t n, kt_sniffed_t *out, size_t *offset)
{
    size_t best = n;
    for (size_t i = 0; i < sizeof MAGICS / sizeof *MAGICS; i++) {
        const magic_t *m      = &MAGICS[i];
        size_t         length = strlen(m->first), second = strlen(m->second);
        for (size_t at = 0; at + length <= best; at++) {
            const uint8_t *found = memmem(bytes + at, best - at, m->first, length);
            if (!found)
                break;
            at = (size_t)(found - bytes);
            if (n - at < m->at + second || memcmp(found + m->at, m->second, second) || (!second && !m->plausible) ||
                (m->plausible && !m->plausible(found, n - at)))
                continue;
            best = at;
            *out = (kt_sniffed_t){.demuxer = m->demuxer, .container = m->container};
        }
    }
    *offset = best;
    return best < n;
}

// Of one window of the file: MPEG system streams, frames, and headers of containers.
static bool
find_format(const uint8_t *bytes, size_t n, bool whole, kt_sniffed_t *out, size_t *offset)
{
    static const char *const systems[] = {[KT_MPEG_SYSTEM_NONE]      = NULL,
                                          [KT_MPEG_SYSTEM_PROGRAM]   = "mpeg",
                                          [KT_MPEG_SYSTEM_TRANSPORT] = "mpegts",
                                          [KT_MPEG_SYSTEM_VIDEO]     = "mpegvideo"};
    static const char *const frames[]  = {[KT_MPEG_NONE]  = NULL,
                                          [KT_MPEG_AUDIO] = "mp3",
                                          [KT_MPEG_ADTS]  = "aac",
                                          [KT_MPEG_AC3]   = "ac3",
                                          [KT_MPEG_EAC3]  = "eac3"};
    const char              *name      = systems[kt_mpeg_system_find(bytes, n, offset)];
    if (name) {
        *out = (kt_sniffed_t){.demuxer = name, .container = name};
        return true;
    }
    size_t       at    = 0;
    kt_sniffed_t other = {0};
    name               = frames[kt_mpeg_find(bytes, n, whole, offset)];
    if (find_magic(bytes, n, &other, &at) && (!name || at < *offset)) {
        *out    = other;
        *offset = at;
        return true;
    }
    if (name)
        *out = (kt_sniffed_t){.demuxer = name, .container = name};
    return name != NULL;
}

// From `from` on, in windows that grow up to the bound: sound usually begins in the first. KT_EFORMAT: nothing.
static kt_err_t
search(const file_t *f, uint64_t from, uint64_t bound, kt_sniffed_t *out, uint64_t *searched)
{
    size_t   want = f->input->stream ? LIVE_SEARCH_BYTES : SEARCH_BYTES, have = 0, offset = 0;
    uint8_t *bytes = NULL;
    kt_err_t err   = KT_OK;
    bool     found = false, last = false;
    *searched = 0;
    while (!err && !found && !last) {
        want          = want < bound ? want : bound;
        uint8_t *more = realloc(bytes, want);
        if (!more) {
            err = KT_ENOMEM;
            break;
        }
        bytes     = more;
        err       = kt_input_look(f->input, from, bytes, want, &have);
        last      = have < want || want >= bound;
        *searched = have;
        if (!err)
            found = find_format(bytes, have, have < want || from + have >= f->size, out, &offset);
        want *= SEARCH_GROWS;
    }
    free(bytes);
    if (err)
        return err;
    if (!found)
        return KT_EFORMAT;
    out->start   = from + offset;
    out->skipped = offset;
    return KT_OK;
}

// What was seen where nothing is recognised.
static void
explain_nothing(const file_t *f, uint64_t tags, uint64_t searched, char why[KT_SNIFF_WHY])
{
    bool zeros = f->have > 0;
    for (size_t i = 0; i < f->have; i++)
        zeros = zeros && f->head[i] == 0;
    if (tags && !searched)
        (void)snprintf(why, KT_SNIFF_WHY, "a tag of %llu bytes and nothing behind it", (unsigned long long)tags);
    else if (tags)
        (void)snprintf(why, KT_SNIFF_WHY, "a tag of %llu bytes, and no known format in the %llu bytes behind it",
                       (unsigned long long)tags, (unsigned long long)searched);
    else
        (void)snprintf(why, KT_SNIFF_WHY, "%s, and no known format in the first %llu bytes",
                       zeros ? "zeros at the beginning" : "an unknown beginning", (unsigned long long)searched);
}

kt_err_t
kt_sniff(kt_input_t *input, uint64_t search_bytes, kt_sniffed_t *out, char why[KT_SNIFF_WHY])
{
    file_t   f      = {.input = input, .size = input->size};
    uint64_t end    = 0, searched;
    bool     broken = false, opaque = false;
    why[0]       = '\0';
    kt_err_t err = kt_input_look(input, 0, f.head, HEAD_BYTES, &f.have);
    if (err != KT_OK)
        return err;
    if (!f.have)
        return KT_EEMPTY;
    err = sniff_magic(&f, out, why);
    if (err != KT_EFORMAT)
        return err;
    err = kt_sniff_text(f.head, f.have);
    if (err != KT_OK)
        return err;
    (void)kt_known_find(f.head, f.have, why, &opaque);

    err = skip_tags(&f, &end, &broken);
    if (err == KT_OK && end && !broken) {
        f.base = end;
        err    = kt_input_look(input, end, f.head, HEAD_BYTES, &f.have);
        if (err == KT_OK)
            err = sniff_magic(&f, out, why);
        if (err == KT_EFORMAT)
            (void)kt_known_find(f.head, f.have, why, &opaque);
        // FFmpeg reads the tags before FLAC; other containers are passed to it without them.
        if (err == KT_OK)
            out->start = strcmp(out->demuxer, "flac") ? end : 0;
        if (err != KT_EFORMAT)
            return err;
    }
    if (opaque)
        return KT_EFORMAT;
    uint64_t bound = search_bytes > SEARCH_BYTES ? search_bytes : SEARCH_BYTES;
    err            = search(&f, end, bound, out, &searched);
    if (err == KT_EFORMAT) {
        if (!why[0])
            explain_nothing(&f, end, searched, why);
        return end ? KT_ETRUNCATED : KT_EFORMAT;
    }
    // FFmpeg reads the tags before raw frames that follow them, and looks for the first frame near by.
    bool raw = !strcmp(out->demuxer, "mp3") || !strcmp(out->demuxer, "aac");
    if (err == KT_OK && raw && !broken && end > 0 && out->start - end <= RESYNC_BYTES)
        out->start = 0;
    return err;
}

kt_err_t
kt_sniff_further(kt_input_t *input, uint64_t search_bytes, kt_sniffed_t *sniffed)
{
    file_t       f     = {.input = input, .size = input->size};
    kt_sniffed_t other = {0};
    uint64_t     searched;
    uint64_t     bound = search_bytes > SEARCH_BYTES ? search_bytes : SEARCH_BYTES;
    kt_err_t     err   = search(&f, sniffed->start + 1, bound, &other, &searched);
    if (err == KT_OK)
        *sniffed = other;
    return err;
}
