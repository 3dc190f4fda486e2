// kt_mpeg -- where MPEG audio, ADTS, AC-3 or E-AC-3 frames begin in raw bytes. A header alone proves nothing (random
// bytes hold one in two thousand), so several frames in a row must agree. Pure; any thread. Source: ISO/IEC 11172-3
// 2.4.1.3 and 13818-3 2.4.2.3 (MPEG audio), ISO/IEC 14496-3 1.A.2.2 (ADTS), ETSI TS 102 366 4.3, 4.4.1 and E.1.2
// (AC-3).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_MPEG_HEADER = 7 };  // bytes

typedef enum kt_mpeg_kind { KT_MPEG_NONE, KT_MPEG_AUDIO, KT_MPEG_ADTS, KT_MPEG_AC3, KT_MPEG_EAC3 } kt_mpeg_kind_t;

// Bytes of the frame whose header begins here, of KT_MPEG_HEADER bytes; 0: none, or of free format.
size_t kt_mpeg_frame_bytes(const uint8_t *bytes);
// whole: the bytes reach to the end of the file; then a run of two or three frames counts if it fills the rest of the
// file, tags at the end apart, and one frame if it is the whole file. *offset is where the run begins.
kt_mpeg_kind_t kt_mpeg_find(const uint8_t *bytes, size_t length, bool whole, size_t *offset);
