// kt_pieces -- a stream's samples on their way to a device, piece by piece (kernels/audio/source.h). A piece begins as
// soon as its samples and the margin behind it are there; a few are on their way while the rest is decoded. Results
// come back in the order of the stream. One thread.
#pragma once

#include "kernels/device.h"

typedef struct kt_pieces kt_pieces_t;

typedef kt_err_t kt_piece_fn(void *context, const kt_source_piece_t *piece);

// The device takes such pieces (kt_device_takes_pieces). done: called by push, close and end with each piece; its error
// is theirs. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_pieces_new(kt_pieces_t **self_p, kt_device_t *device, const kt_source_opts_t *opts,
                                   kt_piece_fn *done, void *context);
// Pieces on their way are cancelled.
void kt_pieces_destroy(kt_pieces_t **self_p);
// Interleaved; copied. Samples that are all of 16 bits, so far, cross the bus as such.
// Waits for the oldest piece when all places are taken. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_pieces_push(kt_pieces_t *self, const float *samples, size_t frames);
// The stream's end. close sends what is left, and waits for a place at most; end waits for all. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_pieces_close(kt_pieces_t *self);
KT_MUST_USE kt_err_t kt_pieces_end(kt_pieces_t *self);
// Memory that it takes, most; bytes.
uint64_t kt_pieces_bytes(const kt_source_opts_t *opts);
