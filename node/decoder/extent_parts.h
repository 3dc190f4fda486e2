// What the files of kt_extent share: extent.c (EBML, Ogg, AU), extent_boxes.c (MP4), extent_chunks.c (WAV, W64, AIFF,
// CAF, AVI), extent_mp3.c, extent_streams.c (ASF, MPEG). Private to them and to the
// reader of further tags.
#pragma once

#include "node/decoder/extent.h"

typedef struct kt_extent_file {
    kt_input_t *input;
    uint64_t    size, start;  // of the file; where the container begins
    kt_err_t   *err;          // KT_EIO after a failed read
} kt_extent_file_t;

#define TOO_SHORT .01  // samples that end before this share of the file have a false size

size_t kt_extent_read(const kt_extent_file_t *f, uint64_t at, void *into, size_t want);  // bytes that are there

// A box of MP4. The one at `at`: false: there is none; *broken: what is there is none. Or that of a name within
// another.
typedef struct kt_box {
    char     name[5];
    uint64_t body, end;
    bool     open;  // it ends with the file
} kt_box_t;
bool kt_extent_box(const kt_extent_file_t *f, uint64_t at, kt_box_t *out, bool *broken);
bool kt_extent_box_within(const kt_extent_file_t *f, const kt_box_t *in, const char *name, kt_box_t *out);
// The head of an EBML element; its bytes, 0: none. *size: UINT64_MAX: unknown.
size_t kt_extent_element(const uint8_t *b, size_t have, uint32_t *number, uint64_t *size);

void kt_extent_wav(const kt_extent_file_t *f, kt_extent_t *out);
void kt_extent_w64(const kt_extent_file_t *f, kt_extent_t *out);
void kt_extent_aiff(const kt_extent_file_t *f, kt_extent_t *out);
void kt_extent_caf(const kt_extent_file_t *f, kt_extent_t *out);
void kt_extent_avi(const kt_extent_file_t *f, kt_extent_t *out);
void kt_extent_mp3(const kt_extent_file_t *f, kt_extent_t *out);
void kt_extent_mp4(const kt_extent_file_t *f, kt_extent_t *out);
void kt_extent_flv(const kt_extent_file_t *f, kt_extent_t *out);
void kt_extent_asf(const kt_extent_file_t *f, kt_extent_t *out);
void kt_extent_program(const kt_extent_file_t *f, kt_extent_t *out);
void kt_extent_transport(const kt_extent_file_t *f, kt_extent_t *out);
