// kt_sniff -- a file's format, from its bytes alone, before FFmpeg reads it: the name does not count. Only formats of a
// short list pass, so no other demuxer is reached; playlists, manifests and text have their own errors.
#pragma once

#include "node/decoder/input.h"

#include <stdint.h>

typedef struct kt_sniffed {
    const char *demuxer;    // FFmpeg's short name
    const char *container;  // Kithara's name of it, for the media info
    uint64_t    start;      // the demuxer does not get the bytes before it
} kt_sniffed_t;

extern const char KT_SNIFF_DEMUXERS[];  // all demuxers of kt_sniffed_t, as FFmpeg's format_whitelist

// *why: a plain sentence part on failure. KT_EEMPTY, KT_EPLAYLIST, KT_ETEXT, KT_EFORMAT,
// KT_ETRUNCATED (recognised, but the index or header is missing), KT_ESTREAM (a WAV of impossible rate or channels),
// KT_ENOTREGULAR (a stream of a format that must be read from its end), KT_EIO, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_sniff(kt_input_t *input, kt_sniffed_t *out, const char **why);
