// Small cases of every operator with the results of numpy, which any backend must give.
#pragma once

#include "models/backend/backend.h"
#include "tests/unit/models/ktm_build.h"

enum { CONFORMANCE_VALUES = 3, CONFORMANCE_WHY = 512 };

typedef struct conformance_case {
    const char   *name, *graph, *free;
    int64_t       sizes[KT_FREE_DIMS];
    ktm_tensor_t  tensors[4];
    const float  *inputs[CONFORMANCE_VALUES];
    kt_shape_of_t shapes[CONFORMANCE_VALUES];  // of the outputs
    const float  *outputs[CONFORMANCE_VALUES];
} conformance_case_t;

size_t conformance_cases(const conformance_case_t **cases);
// Runs a case: items alone, or all at once where the backend is batched; also of the fused graph where fuse is set.
// Each value differs by at most tolerance * max(1, |value|), the arena holds NaN before the run, and nothing is written
// outside of it and of the outputs. false: why names the case.
bool conformance_run(const conformance_case_t *subject, const kt_backend_t *backend, const kt_exec_opts_t *opts,
                     bool fuse, float tolerance, char why[CONFORMANCE_WHY]);
