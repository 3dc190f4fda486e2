#include "node/decoder/sniff.h"

#include "node/decode/protocol.h"
#include "node/decoder/mpeg.h"
#include "node/decoder/mpeg_system.h"
#include "node/decoder/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// LIVE_SEARCH_BYTES: of a live stream: two seconds at 128 kbit/s instead of fifteen.
enum { HEAD_BYTES = 4096, SEARCH_BYTES = 256 * 1024, LIVE_SEARCH_BYTES = 32 * 1024 };
enum { TAGS_MAX = 16, CHUNKS_MAX = 64, BOXES_MAX = 100000 };

const char KT_SNIFF_DEMUXERS[] = "mp3,aac,wav,w64,flac,ogg,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,"
                                 "mpeg,mpegts,mpegvideo,aiff,caf";

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

// FFmpeg reports an impossible format chunk as "invalid data" only.
static kt_err_t
check_wav(const file_t *f, const char **why)
{
    size_t at = 12;
    for (int i = 0; i < CHUNKS_MAX && at + 24 <= f->have && f->head[3] != 'X'; i++) {
        const uint8_t *chunk = f->head + at;
        if (!memcmp(chunk, "fmt ", 4)) {
            uint32_t channels = chunk[10] | (uint32_t)chunk[11] << 8, rate = le32(chunk + 12);
            *why = "the WAV header's rate or channel count is impossible";
            return rate < 1 || rate > KT_RATE_MAX_HZ || channels < 1 || channels > KT_CHANNELS_MAX ? KT_ESTREAM : KT_OK;
        }
        at += 8 + (size_t)le32(chunk + 4) + (le32(chunk + 4) & 1);
    }
    return KT_OK;
}

// Walks the boxes at the top: without `moov` (or fragments) there is no index, and nothing can be decoded.
static kt_err_t
check_mp4(const file_t *f, const char **why)
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
            *why = "the index of this MP4 is behind its sound, which a stream cannot be read for: pass the file";
            return KT_ENOTREGULAR;
        }
        uint64_t bytes = be32(box);
        if (bytes == 1)
            bytes = (uint64_t)be32(box + 8) << 32 | be32(box + 12);
        if (bytes < 8 || bytes > f->size - at)
            break;
        at += bytes;
    }
    *why = "the index (moov box) is missing";
    return KT_ETRUNCATED;
}

// Formats that begin with their name, and have a second one further on or none.
typedef struct magic {
    const char *first;
    size_t      at;
    const char *second, *demuxer, *container;
} magic_t;

static const magic_t MAGICS[] = {
    {"RIFF", 8, "WAVE", "wav", "wav"},
    {"RIFX", 8, "WAVE", "wav", "wav"},
    {"RF64", 8, "WAVE", "wav", "wav"},
    {"BW64", 8, "WAVE", "wav", "wav"},
    {"RIFF", 8, "AVI", "avi", "avi"},
    {"riff\x2e\x91\xcf\x11", 24, "wave", "w64", "w64"},
    {"fLaC", 0, "", "flac", "flac"},
    {"OggS", 0, "", "ogg", "ogg"},
    {"\x1a\x45\xdf\xa3", 0, "", "matroska", "matroska"},
    {"FORM", 8, "AIFF", "aiff", "aiff"},
    {"FORM", 8, "AIFC", "aiff", "aiff"},
    {"caff", 0, "", "caf", "caf"},
    {"FLV\x01", 0, "", "flv", "flv"},
};

// KT_EFORMAT: none of them.
static kt_err_t
sniff_magic(const file_t *f, kt_sniffed_t *out, const char **why)
{
    for (size_t i = 0; i < sizeof MAGICS / sizeof *MAGICS; i++) {
        const magic_t *m = &MAGICS[i];
        if (!has_magic(f, 0, m->first) || !has_magic(f, m->at, m->second))
            continue;
        *out = (kt_sniffed_t){.demuxer = m->demuxer, .container = m->container};
        if (!strcmp(m->demuxer, "matroska") && memmem(f->head, f->have, "\x42\x82\x84webm", 7))
            out->container = "webm";
        return strcmp(m->demuxer, "wav") ? KT_OK : check_wav(f, why);
    }
    // Any box that an MP4 file may begin with; boxes have at least 8 bytes, and 0 and 1 are special sizes.
    static const char *const boxes[] = {"ftyp", "moov", "mdat", "free", "skip", "wide", "pnot"};
    bool                     mp4     = false;
    for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++)
        mp4 = mp4 || has_magic(f, 4, boxes[i]);
    if (!mp4 || f->have < 8 || (be32(f->head) < 8 && be32(f->head) > 1))
        return KT_EFORMAT;
    bool quicktime = !has_magic(f, 4, "ftyp") || has_magic(f, 8, "qt  ");
    *out           = (kt_sniffed_t){.demuxer = "mov", .container = quicktime ? "mov" : "mp4"};
    return check_mp4(f, why);
}

// Where the ID3v2 tags end. A tag that claims more than the file holds is no tag: the search continues after its
// header. A stream's length is known only when nothing follows the tag.
static kt_err_t
skip_tags(const file_t *f, uint64_t *end, bool *broken)
{
    uint64_t before = 0;
    *end            = 0;
    *broken         = false;
    for (int i = 0; i < TAGS_MAX; i++) {
        uint8_t  b[10];
        size_t   have;
        kt_err_t err = kt_input_look(f->input, *end, b, sizeof b, &have);
        if (err != KT_OK)
            return err;
        uint64_t bytes = 0;
        if (have == sizeof b && !memcmp(b, "ID3", 3) && b[3] != 0xff && b[4] != 0xff &&
            !((b[6] | b[7] | b[8] | b[9]) & 0x80)) {
            uint64_t body = (uint64_t)b[6] << 21 | (uint64_t)b[7] << 14 | (uint64_t)b[8] << 7 | b[9];
            bytes         = 10 + body + (b[5] & 0x10 ? 10 : 0);  // header, body, footer
        }
        bool lost = f->input->stream && *end > 0 && have == 0;
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

// MPEG system streams, and raw frames, at or after `from`; bytes before them are skipped unless they are an intact tag.
static kt_err_t
sniff_mpeg(const file_t *f, uint64_t from, bool broken, kt_sniffed_t *out)
{
    static const char *const systems[] = {[KT_MPEG_SYSTEM_NONE]      = NULL,
                                          [KT_MPEG_SYSTEM_PROGRAM]   = "mpeg",
                                          [KT_MPEG_SYSTEM_TRANSPORT] = "mpegts",
                                          [KT_MPEG_SYSTEM_VIDEO]     = "mpegvideo"};
    static const char *const frames[]  = {[KT_MPEG_NONE] = NULL, [KT_MPEG_AUDIO] = "mp3", [KT_MPEG_ADTS] = "aac"};

    size_t      have = 0, offset = 0;
    const char *system = NULL, *name = NULL;
    size_t      want  = f->input->stream ? LIVE_SEARCH_BYTES : SEARCH_BYTES;
    uint8_t    *bytes = malloc(want);
    if (!bytes)
        return KT_ENOMEM;
    kt_err_t err = kt_input_look(f->input, from, bytes, want, &have);
    if (err == KT_OK)
        name = system = systems[kt_mpeg_system_find(bytes, have, &offset)];
    if (err == KT_OK && !name)
        name = frames[kt_mpeg_find(bytes, have, have < want || from + have >= f->size, &offset)];
    free(bytes);
    if (err != KT_OK)
        return err;
    if (!name)
        return KT_EFORMAT;
    *out = (kt_sniffed_t){.demuxer = name, .container = name};
    // FFmpeg reads tags before raw frames.
    out->start = system || broken || from == 0 ? from + offset : 0;
    return KT_OK;
}

kt_err_t
kt_sniff(kt_input_t *input, kt_sniffed_t *out, const char **why)
{
    file_t   f = {.input = input, .size = input->size};
    uint64_t end;
    bool     broken;
    *why         = "";
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

    err = skip_tags(&f, &end, &broken);
    if (err != KT_OK)
        return err;
    if (end && !broken) {
        f.base = end;
        err    = kt_input_look(input, end, f.head, HEAD_BYTES, &f.have);
        if (err == KT_OK)
            err = sniff_magic(&f, out, why);
        // FFmpeg reads the tags before FLAC; other containers are passed to it without them.
        if (err == KT_OK)
            out->start = strcmp(out->demuxer, "flac") ? end : 0;
        if (err != KT_EFORMAT)
            return err;
    }
    err = sniff_mpeg(&f, end, broken, out);
    if (err != KT_EFORMAT || !end)
        return err;
    *why = "a tag is there and no sound behind it";
    return KT_ETRUNCATED;
}
