// Static plan of the device memory of one run: an offset for each value that exists, so that values that are needed at
// the same time do not overlap. Constant after new.
#pragma once

#include "models/backend/cuda/steps.h"

typedef struct kt_cuda_memory {
    size_t  bytes;
    size_t *offset;  // [values]; 256-byte aligned; SIZE_MAX: a constant, or a value that became part of a step
} kt_cuda_memory_t;

// KT_ENOMEM.
KT_MUST_USE kt_err_t kt_cuda_memory_new(kt_cuda_memory_t *out, const kt_graph_t *graph, const kt_shape_of_t *shapes,
                                        const kt_cuda_steps_t *steps);
void                 kt_cuda_memory_fini(kt_cuda_memory_t *self);
