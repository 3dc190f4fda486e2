// kt_id3 -- the text frames of the ID3v2 tags at the beginning of a file. FFmpeg reads them too, but only the first of
// several values, nothing of a tag whose size is wrong, and in time that grows with the square of their number.
// Source: id3.org, ID3v2.2, 2.3 and 2.4 (informal standards).
#pragma once

#include "node/decode/media_info.h"
#include "node/decoder/input.h"

enum { KT_ID3_FRAMES = 65536, KT_ID3_FRAMES_FFMPEG = 2000 };  // read at most; more than FFMPEG are not left to FFmpeg

#define KT_TAG_SEPARATOR ";"  // between several values of one key, as FFmpeg joins those of Vorbis comments

typedef struct kt_id3 {
    uint64_t       end;     // where the tags end by their headers; 0: there is none, or it ends beyond the file
    uint64_t       frames;  // of all kinds
    uint64_t       sound;   // where frames of MPEG audio begin inside of what the tag claims; 0: nowhere
    bool           picture;
    uint32_t       tag_count;
    kt_media_tag_t tags[KT_MEDIA_TAGS];       // keys as FFmpeg names them, each once; values joined
    uint32_t       values[KT_MEDIA_TAGS];     // of each
    size_t         first_end[KT_MEDIA_TAGS];  // bytes of its first value
} kt_id3_t;

// Reads before the first kt_input_some. KT_EIO, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_id3_read(kt_input_t *input, kt_id3_t *out);
// Adds a value to those of a key, in lower case.
void kt_id3_add(kt_id3_t *self, const char *key, const char *value, size_t length);
// UTF-16, little-endian, to its first zero, as UTF-8; its bytes, without an end.
size_t kt_id3_wide(const uint8_t *bytes, size_t n, char *out, size_t capacity);
