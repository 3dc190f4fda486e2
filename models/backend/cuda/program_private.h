// Inside of a program: program.c shares programs and runs them, build.c makes them.
#pragma once

#include "models/backend/cuda/calls.h"
#include "models/backend/cuda/kernels/abi.h"
#include "models/backend/cuda/memory.h"
#include "models/backend/cuda/plan.h"
#include "models/backend/cuda/program.h"

#include <pthread.h>

struct kt_cuda_program {
    // What it is found by.
    const kt_graph_t  *graph;
    int64_t            sizes[KT_FREE_DIMS];  // [0]: the micro-batch
    bool               tf32, own_kernels;
    char              *plans;  // NULL: none
    int                holders;
    kt_cuda_program_t *next;

    pthread_mutex_t             running;
    const kt_cuda_device_ops_t *ops;
    const kt_cudnn_t           *cudnn;  // NULL: kernels of our own alone
    kt_tensor_device_t         *device;
    kt_cuda_device_t            properties;
    void                       *handle;  // cuDNN's

    kt_shape_of_t    *shapes;
    kt_cuda_steps_t   steps;
    kt_cuda_memory_t  memory;
    kt_cuda_actions_t actions;
    kt_cudnn_plan_t  *plan;  // [steps]; without json: a kernel of our own
    kt_cudnn_pool_t  *pool;  // [steps]
    float           **at;    // [values], on the device
    char             *weights, *arena, *workspace, *zeros;
    size_t            weight_bytes, workspace_bytes;
};

// Fills what follows `running`. On an error the program is to be destroyed.
KT_MUST_USE kt_err_t kt_cuda_program_build(kt_cuda_program_t *self, char why[KT_KTM_WHY]);
void                 kt_cuda_program_destroy(kt_cuda_program_t *self);
