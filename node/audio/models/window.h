// kt_window -- rows of a stream to a per-frame model: windows of a fixed length with context on both sides, which
// overlap by it. The last window ends at the stream's last row, so that all windows of a stream longer than one have
// the same length. A model with states has kt_steps.
#pragma once

#include "node/audio/models/run.h"

#include <stdint.h>

typedef struct kt_window kt_window_t;

// Rows are counted from the stream's start: those from `own` to end - 1 count; the first one that comes is `from`.
// The run stays the caller's. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_window_new(kt_window_t **self_p, kt_model_run_t *run, uint64_t from, uint64_t own,
                                   uint64_t end);
void                 kt_window_destroy(kt_window_t **self_p);
KT_MUST_USE kt_err_t kt_window_push(kt_window_t *self, const float *rows, size_t n);  // KT_ENOMEM
KT_MUST_USE kt_err_t kt_window_finish(kt_window_t *self);                             // KT_ENOMEM
