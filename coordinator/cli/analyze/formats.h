// kt_formats -- one output message in the formats of other programs. Each takes a parsed message and appends one line
// of JSON without newline; a missing value is null (Spotify) or omitted (Essentia, of successes alone). Pure.
#pragma once

#include "common/buf.h"
#include "common/json.h"
#include "proto/features.h"

// The audio-features object of Spotify's Web API (closed to new programs in 2024): its thirteen fields, and type, id
// (message_id), uri (of the file), file_path, media_id, and of a failure its error. loudness is in LUFS, Spotify's was
// in its own decibels; key is -1 if unknown.
void kt_format_spotify(const json_t *document, kt_buf_t *out);
// The layout of the JSON of Essentia's music extractor: metadata, lowlevel, rhythm, tonal; only the fields with
// the same definition here. The key is under key_edma, although its profile is Kithara's.
void kt_format_essentia(const json_t *document, kt_buf_t *out);

// The value of a feature in the message; NULL if it is null or missing.
const json_t *kt_format_value(const json_t *document, kt_feature_t feature);
// The path as a URL (RFC 8089, bytes that are not permitted as %XX); a relative path as a relative reference. NULL: out
// of memory.
json_t *kt_format_url(const char *path);
