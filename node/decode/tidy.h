// kt_tidy -- makes what an untrusted child states safe to use: terminated valid UTF-8, finite numbers in range, bools
// that are 0 or 1. Private to node/decode.
#pragma once

#include "node/decode/protocol.h"

// tag_count and stream_count must be in range; kt_tidy_media_info_counts_ok says so.
bool kt_tidy_media_info_counts_ok(const kt_media_info_t *info);
void kt_tidy_media_info(kt_media_info_t *info);
void kt_tidy_counts(kt_media_counts_t *counts);
// Whether this describes a picture of so many bytes that may follow `before` in the same file; NULL: it is the first.
bool kt_tidy_picture_ok(const kt_decode_picture_t *picture, const kt_decode_picture_t *before);
