// kt_steps -- rows of a stream to a per-frame model with states: blocks of a fixed length one after the other, the last
// one filled with zeros.
//
// The states are zero at the stream's start, and again 13 to 29 seconds before each later segment of the grid
// (kt_segment_range_own). What the model makes of those seconds is dropped, so that an analysis of some segments has
// the rows of the whole stream.
#pragma once

#include "kernels/audio/rows.h"
#include "node/audio/models/run.h"

#include <stdint.h>

typedef struct kt_steps kt_steps_t;

// The first frame of the source that counts for a segment of the grid; UINT64_MAX: there is no such segment.
typedef uint64_t kt_segment_own_fn(const kt_plan_t *plan, uint32_t segment_s, uint32_t rate_hz, uint32_t segment);

typedef struct kt_steps_opts {
    kt_segment_own_fn *segment_own;        // NULL: there is one segment
    const kt_plan_t   *plan;               // of segment_own
    uint32_t           segment_s;          // of segment_own
    uint32_t           rate_hz, model_hz;  // of the source, of the samples that rows are made of
    uint64_t           hop;                // of the rows, at model_hz
    uint64_t           from, own, end;     // rows from the stream's start: the first that comes; own .. end - 1 count
} kt_steps_opts_t;

// The run stays the caller's. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_steps_new(kt_steps_t **self_p, kt_model_run_t *run, const kt_steps_opts_t *opts);
void                 kt_steps_destroy(kt_steps_t **self_p);
KT_MUST_USE kt_err_t kt_steps_push(kt_steps_t *self, const float *rows, size_t n);  // KT_ENOMEM
KT_MUST_USE kt_err_t kt_steps_finish(kt_steps_t *self);                             // KT_ENOMEM
