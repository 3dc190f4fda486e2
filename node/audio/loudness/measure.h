// kt_measure -- samples into the energies and peaks of kt_hops, on the processor. They are gathered in blocks of fixed
// length, so the caller's chunks cannot change a bit.
#pragma once

#include "kernels/audio/loudness.h"
#include "node/audio/loudness/hops.h"

typedef struct kt_measure kt_measure_t;

// own, end: of the stream's range: blocks between them count. NULL: out of memory. free() ends it.
kt_measure_t *kt_measure_new(const kt_loudness_ops_t *ops, uint32_t rate_hz, uint32_t channels, uint64_t own,
                             uint64_t end);
kt_measure_t *kt_measure_copy(const kt_measure_t *self);
void          kt_measure_push(kt_measure_t *self, kt_hops_t *hops, const float *pcm, size_t frames);
// The stream's end: the present block, then one of silence for the values between the last samples and the silence
// after them.
void kt_measure_end(kt_measure_t *self, kt_hops_t *hops);
// Before the sums of the part before are added to those of this one: those before its own range are dropped if it has
// not filled a block of its own. It then continues a stream that began at own.
void kt_measure_join(kt_measure_t *self, kt_hops_t *hops, const kt_measure_t *before);
