// kt_media -- one media file through FFmpeg: a custom AVIO over the input (a stream cannot seek), no protocols, the
// demuxer that the sniffer named, its best sound and its moving picture. Runs in the sandboxed child.
#pragma once

#include "node/decoder/coder.h"
#include "node/decoder/extent.h"
#include "node/decoder/sniff.h"

#include <stdbool.h>

typedef struct kt_media {
    kt_input_t      *input;     // the caller's
    uint64_t         patch_at;  // as of kt_sniffed_t
    uint16_t         patch;
    uint64_t         start, position;  // FFmpeg sees the bytes from start on
    bool             hit_end, io_failed;
    bool             joined;  // recordings of this format are joined as they are: MPEG streams
    AVFormatContext *format;
    AVIOContext     *io;
    AVStream        *audio, *video;                  // NULL if there is none; video is never cover art
    AVPacket        *packet;                         // the last that was read
    int              refused_width, refused_height;  // a size in the header that is above the limits
    bool             broken_off, given_up;           // reading ended with errors; before the end of the file
    uint32_t         failures;                       // of the demuxer, one after another
    uint64_t         foreign;                        // pages of a chained Ogg whose codec or streams are others
    uint64_t         damaged, damaged_before;        // failures of the demuxer within the file; before a packet
    bool             trouble;                        // the demuxer has reported damage; the caller resets it
    bool             cut;                            // it failed at the end of the file
    bool             missing;                        // transport packets are missing; the caller resets it
    uint64_t         errors, missing_packets;        // of kt_avlog so far
    kt_extent_t      extent;
    char             why[200];
} kt_media_t;

// Opens the container. why holds the reason of a failure. KT_ETRUNCATED, KT_EDAMAGED, KT_EFORMAT, KT_EPROTECTED,
// KT_EIO, KT_EDECMEM.
KT_MUST_USE kt_err_t kt_media_open(kt_media_t *self, kt_input_t *input, const kt_sniffed_t *sniffed);
void                 kt_media_close(kt_media_t *self);  // idempotent
// The next packet of the two streams into self->packet; *end: there is none. KT_EPROTECTED, KT_EIO,
// KT_EDECMEM.
KT_MUST_USE kt_err_t kt_media_read(kt_media_t *self, bool *end);
