// kt_polyphase -- kt_resample's filter as a table of taps, so that an output is a sum over the samples around it and a
// stream can be resampled in pieces, on a GPU too. The table is libsoxr's own impulse response, measured in double, so
// the edge of the band stays where it is. Output n lies at sample n * step / phases:
//
//   y[n] = sum of taps[j][n % phases] * x[n * step / phases (rounded down) - reach + 1 + j],  j < 2 * reach
//
// The sum is in float, RUN taps at a time. It agrees with kt_resample within 1e-6 of full scale, which is what rounding
// to float leaves on both sides, but for the first 80 outputs, where libsoxr cuts the filter's left half, and the last
// one, which libsoxr may leave out. Constant; any number of threads.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_polyphase {
    uint32_t from_hz, to_hz;
    uint32_t phases, step;  // to / from in lowest terms
    uint32_t reach;
    float   *taps;  // [2 * reach][phases]
} kt_polyphase_t;

// RUN: above. How outputs are cut for a block of threads: each thread has OUTPUTS of them, kt_polyphase_row apart, so
// that they share their taps. Limits of a table, and of the samples that a block reads.
enum {
    KT_POLYPHASE_RUN       = 16,
    KT_POLYPHASE_OUTPUTS   = 4,
    KT_POLYPHASE_ROW_LEAST = 128,
    KT_POLYPHASE_ROW_MOST  = 512,
    KT_POLYPHASE_TAPS_MOST = 1 << 19,
    KT_POLYPHASE_READ_MOST = 11 << 10
};
static inline uint32_t
kt_polyphase_row(uint32_t phases)
{
    return phases < KT_POLYPHASE_ROW_LEAST ? (KT_POLYPHASE_ROW_LEAST + phases - 1) / phases * phases : phases;
}

// Whether there is a table for these rates.
bool kt_polyphase_is_defined(uint32_t from_hz, uint32_t to_hz);
// Some milliseconds per pair of rates, 0.3 s from 192 kHz. KT_EINVAL: rates that kt_resample does not have, or whose
// table would be larger than the above; KT_ENOMEM.
KT_MUST_USE kt_err_t kt_polyphase_new(kt_polyphase_t **self_p, uint32_t from_hz, uint32_t to_hz);
void                 kt_polyphase_destroy(kt_polyphase_t **self_p);
// The first output at or after sample `frame`: of samples [a, b) the outputs are those from first(a) to first(b) - 1,
// and all of a stream as many as kt_resample gives, or one less, which is zero.
uint64_t kt_polyphase_first(uint32_t from_hz, uint32_t to_hz, uint64_t frame);
// Half the length of the filter for these rates, before it is measured: never less.
uint32_t kt_polyphase_reach(uint32_t from_hz, uint32_t to_hz);
// The outputs of samples [first, first + frames), in order: x[0] is sample `first`, and reach samples before and after
// can be read. The definition of what the CUDA kernel computes.
void kt_polyphase_run(const kt_polyphase_t *self, const float *x, uint64_t first, size_t frames, float *out);
