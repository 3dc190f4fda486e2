// kt_mel_rows -- what is derived from the mel rows of a whole segment in decibels: MFCC and the onset envelope. The
// decibels themselves are kept for a block of frames, not for the segment; the values are those of kt_rows_to_db,
// kt_rows_mfcc and kt_rows_onset over the whole segment to the last bit. Pure, any thread.
#pragma once

#include "common/err.h"
#include "kernels/device.h"

#include <stddef.h>

// mel: [lead + frames][n_mels], power; the rows of the frames before the segment come first. mfcc: [frames][n_mfcc],
// onset: [lead + frames]; NULL: not wanted. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_mel_rows(const kt_isa_t *isa, const kt_plan_t *plan, const float *mel, size_t lead,
                                 size_t frames, float *mfcc, float *onset);
size_t               kt_mel_rows_bytes(const kt_frontend_opts_t *opts);  // of memory while it runs
