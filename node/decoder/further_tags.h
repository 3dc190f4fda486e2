// kt_further_tags -- tags of which FFmpeg gives one of several values, or none: APEv2, the list of MP4 (ilst), ASF,
// Matroska. They are added to those of the ID3 tag, which are of the same kind. Runs in the sandboxed child, on files
// alone: these tags may lie anywhere. One thread.
//
// Sources: APEv2 specification (wiki.hydrogenaud.io), Apple QuickTime file format (metadata), ASF 1.2 3.10 and 4.8,
// RFC 9559 5.1.8.
#pragma once

#include "node/decoder/id3.h"
#include "node/decoder/sniff.h"

// KT_EIO.
KT_MUST_USE kt_err_t kt_further_tags_read(kt_input_t *input, const kt_sniffed_t *sniffed, kt_id3_t *tags);
