// kt_protection -- whether the streams of a file are encrypted: sample entries of MP4 (iTunes, Common Encryption), the
// encryption that FFmpeg finds (ISO/IEC 23001-7, Matroska), the protection objects of ASF, scrambled MPEG transport
// packets. Decoders give noise or nothing for them. Runs in the sandboxed child. One thread.
#pragma once

#include "node/decoder/sniff.h"

#include <libavformat/avformat.h>
#include <stdbool.h>
#include <stddef.h>

// An encrypted stream of sound or moving pictures, with a sentence part in why.
bool kt_protection_of_streams(const AVFormatContext *format, char *why, size_t capacity);
bool kt_protection_of_packet(const AVPacket *packet);
// What only the bytes say: ASF, transport streams. KT_EIO is taken for no.
bool kt_protection_of_bytes(kt_input_t *input, const kt_sniffed_t *sniffed, char *why, size_t capacity);
