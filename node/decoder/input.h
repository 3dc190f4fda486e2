// kt_input -- the bytes of one media file, or of a stream that cannot be read twice (pipe, socket). Of a stream the
// first bytes are kept until its format is known, so that the sniffer may read anywhere in them; after that offsets
// only grow. Runs in the sandboxed child. One thread.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_input {
    int      fd;
    bool     stream;
    uint64_t size;  // of a stream: UINT64_MAX, unknown
    uint8_t *head;  // stream: its first bytes, NULL once they have been read a second time
    size_t   have, capacity;
    uint64_t position;  // stream: of the descriptor
} kt_input_t;

// How far a stream is searched: tags with pictures precede the audio.
enum { KT_INPUT_HEAD = 16 << 20 };

// KT_EIO: fstat fails.
KT_MUST_USE kt_err_t kt_input_init(kt_input_t *self, int fd);
// As many bytes as there are at this place, for the sniffer. Of a stream: before the first kt_input_some, and within
// KT_INPUT_HEAD; beyond it there is nothing. Waits for bytes that have not arrived yet. KT_EIO, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_input_look(kt_input_t *self, uint64_t at, void *into, size_t want, size_t *have);
bool                 kt_input_reaches(const kt_input_t *self, uint64_t at);  // whether that offset can still be read
// Some bytes at this offset, 0 at the end. Of a stream offsets only grow, and skipped bytes cannot be read. KT_EIO.
KT_MUST_USE kt_err_t kt_input_some(kt_input_t *self, uint64_t at, void *into, size_t want, size_t *have);
