// kt_sniff -- a file's format, from its bytes alone, before FFmpeg reads it: the name does not count. The first bytes
// are hints; where they say nothing, or what they say is not so, a bounded part of the file is searched for the
// beginning of sound. Only formats of a short list pass, so no other demuxer is reached; playlists, manifests and text
// have their own errors, and known formats that are not on the list are named.
#pragma once

#include "node/decoder/input.h"

#include <stdint.h>

enum { KT_SNIFF_WHY = 160 };

typedef struct kt_sniffed {
    const char *demuxer;    // FFmpeg's short name
    const char *container;  // Kithara's name of it, for the media info
    uint64_t    start;      // the demuxer does not get the bytes before it
    uint64_t    skipped;    // bytes behind the tags that the search passed over
    uint64_t    patch_at;   // where samples have fewer valid bits than bytes (WAV, W64, CAF), the demuxer reads patch
    uint16_t    patch;      // here, its lower byte first; FFmpeg takes valid bits for the width. 0: none
    uint32_t    valid_bits;
} kt_sniffed_t;

extern const char KT_SNIFF_DEMUXERS[];  // all demuxers of kt_sniffed_t, as FFmpeg's format_whitelist

// search_bytes: how far sound is searched for behind the tags; at least 256 KiB. why: a plain sentence part on failure.
// KT_EEMPTY, KT_EPLAYLIST, KT_ETEXT, KT_EFORMAT, KT_ETRUNCATED (recognised, but the index or header is missing),
// KT_ESTREAM (a WAV of impossible rate or channels), KT_ENOTREGULAR (a stream of a format that must be read from its
// end), KT_EIO, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_sniff(kt_input_t *input, uint64_t search_bytes, kt_sniffed_t *out, char why[KT_SNIFF_WHY]);
// Where a demuxer failed at what was sniffed: the next beginning behind it. KT_EFORMAT (none; *sniffed as before),
// KT_EIO, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_sniff_further(kt_input_t *input, uint64_t search_bytes, kt_sniffed_t *sniffed);
