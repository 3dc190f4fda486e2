// kt_extent -- how long a file declares itself to be, in bytes and in seconds, read from its own structure: FFmpeg
// takes the lengths of some containers (WAV, W64, CAF, AVI) from the size of the file, and none reports where a file
// should end. Runs in the sandboxed child, on files alone: the end of a stream is not known. One thread.
//
// Sources: Microsoft RIFF, AVI and ASF, EBU Tech 3306 (RF64), Sony Wave64, Apple AIFF-C and CAF, ISO/IEC 14496-12
// (boxes), RFC 8794 (EBML), RFC 3533 (Ogg), the Xing, LAME and VBRI headers of MP3.
#pragma once

#include "node/decoder/sniff.h"

#include <stdbool.h>
#include <stdint.h>

enum { KT_EXTENT_TEXT = 24 };

typedef struct kt_extent {
    double      duration_s;  // 0: not stated, or only where FFmpeg reads it too
    const char *by;          // which part states it; "": none
    uint64_t    bytes;       // the file's size by its structure; 0: not stated
    const char *what;        // the part that ends there
    uint64_t    stop;        // the demuxer does not get the bytes from here on; 0: all
    uint64_t    behind;      // bytes behind the data that are of no known kind
    uint64_t    broken;      // MP4: where the chain of boxes breaks within the file; 0: nowhere
    bool        fragmented;  // MP4: each fragment has its own index
    bool        hidden;      // MP4: fragments may lie behind the break
    const char *unmarked;    // why the end is missing, by the last page or packet; "": it is not known to be
    bool        too_short;   // WAV: the data chunk ends near its begin, and what follows are no chunks
} kt_extent_t;

// KT_EIO.
KT_MUST_USE kt_err_t kt_extent_find(kt_input_t *input, const kt_sniffed_t *sniffed, kt_extent_t *out);
