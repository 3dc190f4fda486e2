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
    static const size_t STEPS[] = {188, 192, 204};
    enum { NULL_PID = 0x1fff, LEAST = 20 };
    for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS; i++) {
        size_t at = 0, packets = 0, scrambled = 0;
        for (; at + 4 <= have && b[at] == 0x47; at += STEPS[i]) {
            const unsigned pid = (b[at + 1] & 0x1fu) << 8 | b[at + 2];
            packets += pid != 0 && pid != NULL_PID && b[at + 3] & 0x10;
            scrambled += pid != NULL_PID && b[at + 3] & 0x10 && b[at + 3] & 0x80;
        }
        if (packets >= LEAST)
            return 2 * scrambled > packets;
    }
    return false;
}

bool
kt_protection_of_bytes(kt_input_t *input, const kt_sniffed_t *sniffed, char *why, size_t capacity)
{
    static uint8_t head[64 << 10];  // one child reads one file
    const bool     asf = !strcmp(sniffed->demuxer, "asf"), ts = !strcmp(sniffed->demuxer, "mpegts");
    size_t         have = 0;
    if (input->stream || (!asf && !ts) || kt_input_look(input, sniffed->start, head, sizeof head, &have) != KT_OK)
        return false;
    if (asf ? !asf_is_protected(head, have) : !ts_is_protected(head, have))
        return false;
    (void)snprintf(why, capacity,
                   asf ? "the file has a content encryption object" : "the transport packets are scrambled");
    return true;
}
