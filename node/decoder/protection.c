#include "node/decoder/protection.h"

#include <libavutil/dict.h>
#include <stdio.h>
#include <string.h>

// Sample entries: iTunes (drms, drmi), Common Encryption (enca, encv), Audible (aavd).
static const char ENTRIES[][5] = {"drms", "drmi", "enca", "encv", "aavd"};

static const char *
protected_entry(uint32_t tag)
{
    for (size_t i = 0; i < sizeof ENTRIES / sizeof *ENTRIES; i++)
        if (tag == MKTAG(ENTRIES[i][0], ENTRIES[i][1], ENTRIES[i][2], ENTRIES[i][3]))
            return ENTRIES[i];
    return NULL;
}

bool
kt_protection_of_streams(const AVFormatContext *format, char *why, size_t capacity)
{
    for (unsigned i = 0; i < format->nb_streams; i++) {
        const AVStream *s     = format->streams[i];
        const char     *entry = protected_entry(s->codecpar->codec_tag);
        const bool      sound = s->codecpar->codec_type == AVMEDIA_TYPE_AUDIO;
        const bool      info  = av_stream_get_side_data(s, AV_PKT_DATA_ENCRYPTION_INIT_INFO, NULL) != NULL;
        if (!entry && !info && !av_dict_get(s->metadata, "enc_key_id", NULL, 0))
            continue;
        (void)snprintf(why, capacity, "the %s is encrypted%s%s", sound ? "sound" : "picture",
                       entry ? ": sample entry " : "", entry ? entry : "");
        return true;
    }
    return false;
}

bool
kt_protection_of_packet(const AVPacket *packet)
{
    return packet->side_data_elems > 0 && av_packet_get_side_data(packet, AV_PKT_DATA_ENCRYPTION_INFO, NULL) != NULL;
}

// The content encryption objects of ASF, in its header.
static bool
asf_is_protected(const uint8_t *b, size_t have)
{
    static const uint8_t OBJECTS[2][16] = {
        {0xfb, 0xb3, 0x11, 0x22, 0x23, 0xbd, 0xd2, 0x11, 0xb4, 0xb7, 0x00, 0xa0, 0xc9, 0x55, 0xfc, 0x6e},
        {0x14, 0xe6, 0x8a, 0x29, 0x22, 0x26, 0x17, 0x4c, 0xb9, 0x35, 0xda, 0xe0, 0x7e, 0xe9, 0x28, 0x9c}};
    return memmem(b, have, OBJECTS[0], sizeof *OBJECTS) || memmem(b, have, OBJECTS[1], sizeof *OBJECTS);
}

// Most packets with a payload are scrambled (ISO/IEC 13818-1 2.4.3.2, transport_scrambling_control).
static bool
ts_is_protected(const uint8_t *b, size_t have)
{
    static const struct {
        size_t bytes, sync;  // of a packet; where its synchronisation byte is
    } KINDS[] = {{188, 0}, {192, 4}, {204, 0}};
    enum { NULL_PID = 0x1fff, LEAST = 20 };
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
        size_t at = KINDS[i].sync, packets = 0, scrambled = 0;
        for (; at + 4 <= have && b[at] == 0x47; at += KINDS[i].bytes) {
            const unsigned pid = (b[at + 1] & 0x1fu) << 8 | b[at + 2];
            packets += pid != 0 && pid != NULL_PID && b[at + 3] & 0x10;
            scrambled += pid != NULL_PID && b[at + 3] & 0x10 && b[at + 3] & 0x80;
        }
        if (packets >= LEAST)
            return 2 * scrambled > packets;
    }
    return false;
}

// A ContentEncoding of the type encryption; FFmpeg passes over one that names no key.
static bool
matroska_is_protected(const uint8_t *b, size_t have)
{
    static const uint8_t NUMBER[] = {0x50, 0x33}, SIZES[][8] = {{0x81, 1}, {1, 0, 0, 0, 0, 0, 0, 1}};
    for (size_t at = 0; at + 11 <= have; at++)
        if (!memcmp(b + at, NUMBER, sizeof NUMBER) && memmem(b, at, "\x6d\x80", 2) &&
            (!memcmp(b + at + 2, SIZES[0], 2) || (!memcmp(b + at + 2, SIZES[1], 8) && b[at + 10] == 1)))
            return true;
    return false;
}

static const struct {
    const char *demuxer;
    bool (*found)(const uint8_t *head, size_t have);
    const char *why;
} FORMATS[] = {
    {"asf", asf_is_protected, "the file has a content encryption object"},
    {"matroska", matroska_is_protected, "a track's content is encrypted"},
    {"mpegts", ts_is_protected, "the transport packets are scrambled"},
};

bool
kt_protection_of_bytes(kt_input_t *input, const kt_sniffed_t *sniffed, char *why, size_t capacity)
{
    static uint8_t head[64 << 10];  // one child reads one file
    size_t         have = 0;
    for (size_t i = 0; i < sizeof FORMATS / sizeof *FORMATS && !input->stream; i++) {
        if (strcmp(FORMATS[i].demuxer, sniffed->demuxer) != 0 ||
            kt_input_look(input, sniffed->start, head, sizeof head, &have) != KT_OK || !FORMATS[i].found(head, have))
            continue;
        (void)snprintf(why, capacity, "%s", FORMATS[i].why);
        return true;
    }
    return false;
}
