// Inside of a program: program.c shares programs and runs them, build.c makes them.
#pragma once

#include "models/backend/cuda/calls.h"
#include "models/backend/cuda/context.h"
#include "models/backend/cuda/memory.h"
#include "models/backend/cuda/program.h"

struct kt_cuda_program {
    // What it is found by.
    const kt_graph_t  *graph;
    int64_t            sizes[KT_FREE_DIMS];  // [0]: the micro-batch
    bool               tf32, own_kernels;
    char              *plans;  // NULL: none
    int                holders;
    kt_cuda_program_t *next;

    kt_cuda_context_t *context;
    kt_cuda_weights_t *weights;
    kt_shape_of_t     *shapes;
    kt_cuda_steps_t    steps;
    kt_cuda_memory_t   memory;
    size_t             workspace_bytes;  // behind it in the arena
    kt_cudnn_plan_t   *plan;             // [steps]; without json: a kernel of our own
    // With addresses in the arena of this generation, 0: none
    uint64_t          generation;
    float           **at;    // [values]
    kt_cudnn_pool_t  *pool;  // [steps]
    kt_cuda_actions_t actions;
};

// Fills what follows `context`. On an error the program is to be destroyed.
KT_MUST_USE kt_err_t kt_cuda_program_build(kt_cuda_program_t *self, char why[KT_KTM_WHY]);
void                 kt_cuda_program_destroy(kt_cuda_program_t *self);
// Makes the actions for the arena as it is now, which grows if it must; context->running is held. KT_EDEVICE,
// KT_ENOMEM.
KT_MUST_USE kt_err_t kt_cuda_program_bind(kt_cuda_program_t *self, char why[KT_KTM_WHY]);
