#include "node/decoder/bytes/mpeg.h"

#include <string.h>

enum { HEADER_BYTES = KT_MPEG_HEADER, FRAMES_NEEDED = 4, TAIL_BYTES = 128 };

// What must be the same in each frame of a run: for MPEG audio sync, version, layer and rate; for ADTS sync, version,
// profile, rate and channel count; for AC-3 the version and the rate.
typedef struct frame {
    kt_mpeg_kind_t kind;
    uint32_t       same;
    size_t         bytes;
} frame_t;

// kbit/s by index: layer I, II, III of MPEG-1, then layer I and layers II and III of MPEG-2 and 2.5.
static const uint16_t KBITS[5][15] = {
    {0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},
    {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
    {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
    {0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},
    {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
};

static bool
mpeg_audio_header(const uint8_t *b, frame_t *out)
{
    static const uint32_t rates[3] = {44100, 48000, 32000};
    unsigned              version = b[1] >> 3 & 3, layer = 4u - (b[1] >> 1 & 3), kbit = b[2] >> 4, rate = b[2] >> 2 & 3;
    if (version == 1 || layer == 4 || kbit == 0 || kbit == 15 || rate == 3 || (b[3] & 3) == 2)
        return false;
    bool     first = version == 3;
    uint32_t hz    = rates[rate] >> (first ? 0 : version == 2 ? 1 : 2);
    uint32_t bps   = 1000u * KBITS[first ? layer - 1 : layer == 1 ? 3 : 4][kbit];
    unsigned pad   = b[2] >> 1 & 1;
    out->kind      = KT_MPEG_AUDIO;
    out->same      = (uint32_t)b[1] << 8 | (b[2] & 0x0c);
    out->bytes     = layer == 1 ? (12 * bps / hz + pad) * 4 : (layer == 3 && !first ? 72 : 144) * bps / hz + pad;
    return true;
}

// Words of 16 bits at 32 kHz are 3, at 44.1 kHz 2.177, at 48 kHz 2 per kbit/s.
static bool
ac3_header(const uint8_t *b, frame_t *out)
{
    static const uint16_t kbits[19] = {32,  40,  48,  56,  64,  80,  96,  112, 128, 160,
                                       192, 224, 256, 320, 384, 448, 512, 576, 640};
    unsigned              version = b[5] >> 3, rate = b[4] >> 6, size = b[4] & 63;
    out->same = version << 8 | rate;
    if (version > 16)
        return false;
    if (version > 10) {
        out->kind  = KT_MPEG_EAC3;
        out->bytes = 2 * (((size_t)(b[2] & 7) << 8 | b[3]) + 1);
        return b[2] >> 6 != 3 && out->bytes > HEADER_BYTES;
    }
    if (rate == 3 || size / 2 >= sizeof kbits / sizeof *kbits)
        return false;
    unsigned kbit = kbits[size / 2];
    out->kind     = KT_MPEG_AC3;
    out->bytes    = 2 * (rate == 2 ? 3 * kbit : rate == 1 ? kbit * 320 / 147 + (size & 1) : 2 * kbit);
    return true;
}

static bool
frame_header(const uint8_t *b, frame_t *out)
{
    if (b[0] == 0x0b && b[1] == 0x77)
        return ac3_header(b, out);
    if (b[0] != 0xff || (b[1] & 0xe0) != 0xe0)
        return false;
    if ((b[1] & 0xf6) != 0xf0)
        return mpeg_audio_header(b, out);
    if ((b[2] >> 2 & 15) > 12)
        return false;
    out->kind  = KT_MPEG_ADTS;
    out->same  = (uint32_t)b[1] << 16 | (uint32_t)(b[2] & 0xfd) << 8 | (b[3] & 0xc0);
    out->bytes = (size_t)(b[3] & 3) << 11 | (size_t)b[4] << 3 | b[5] >> 5;
    return out->bytes > HEADER_BYTES;
}

// Frames in a row from `at`; *end is where the last one ends, which may be past `length`.
static size_t
run_of_frames(const uint8_t *bytes, size_t length, size_t at, frame_t *first, size_t *end)
{
    frame_t next;
    size_t  frames = 0;
    for (*end = at; frames < FRAMES_NEEDED && *end + HEADER_BYTES <= length; frames++) {
        if (!frame_header(bytes + *end, &next) || (frames && (next.kind != first->kind || next.same != first->same)))
            break;
        if (!frames)
            *first = next;
        *end += next.bytes;
    }
    return frames;
}

// Behind the last frame nothing follows but a tag, zeros or a part of a frame.
static bool
is_tail(const uint8_t *bytes, size_t length)
{
    static const char *const tags[] = {"TAG", "APETAGEX", "LYRICSBEGIN", "ID3"};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (length >= strlen(tags[i]) && !memcmp(bytes, tags[i], strlen(tags[i])))
            return true;
    size_t zeros = 0;
    while (zeros < length && bytes[zeros] == 0)
        zeros++;
    return length <= TAIL_BYTES || zeros == length;
}

static bool
fills_rest(const uint8_t *bytes, size_t length, size_t at, size_t frames, size_t end)
{
    if (end >= length)
        return frames > 1 || (frames == 1 && at == 0 && end == length);
    return frames > (at > 0) && is_tail(bytes + end, length - end);
}

size_t
kt_mpeg_frame_bytes(const uint8_t *bytes)
{
    frame_t frame;
    return frame_header(bytes, &frame) ? frame.bytes : 0;
}

kt_mpeg_kind_t
kt_mpeg_find(const uint8_t *bytes, size_t length, bool whole, size_t *offset)
{
    frame_t first;
    size_t  end;
    for (size_t at = 0; at + HEADER_BYTES <= length; at++) {
        if (bytes[at] != 0xff && bytes[at] != 0x0b)
            continue;
        size_t frames = run_of_frames(bytes, length, at, &first, &end);
        if (frames == FRAMES_NEEDED || (whole && frames && fills_rest(bytes, length, at, frames, end))) {
            *offset = at;
            return first.kind;
        }
    }
    return KT_MPEG_NONE;
}
