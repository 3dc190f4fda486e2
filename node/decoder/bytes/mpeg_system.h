// kt_mpeg_system -- whether bytes are an MPEG program stream, transport stream or video elementary stream. They hold
// MPEG audio frames, so they are looked for before those. Pure; any thread.
// Source: ISO/IEC 11172-1 2.4.3.2 and 13818-1 2.5.3.3 (pack headers), 13818-1 2.4.3.2 (transport packets),
// 11172-2 2.4.2.3 and 13818-2 6.2.2.1 (sequence headers).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum kt_mpeg_system {
    KT_MPEG_SYSTEM_NONE,
    KT_MPEG_SYSTEM_PROGRAM,
    KT_MPEG_SYSTEM_TRANSPORT,  // packets of 188 bytes, also with a time stamp before (192) or parity after (204)
    KT_MPEG_SYSTEM_VIDEO,      // MPEG-1 or MPEG-2
} kt_mpeg_system_t;

// *offset: where the first packet, pack or sequence header begins. A recording may begin inside of one.
kt_mpeg_system_t kt_mpeg_system_find(const uint8_t *bytes, size_t length, size_t *offset);
