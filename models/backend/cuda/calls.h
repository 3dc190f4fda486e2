// kt_cuda_actions -- what one run of a program does on the stream, in order: kernels of our own and plans of cuDNN.
#pragma once

#include "models/backend/cuda/kernels/abi.h"

typedef struct kt_cuda_action {
    void            *plan, *pack;  // cuDNN's, borrowed; NULL: a kernel
    kt_kernel_call_t call;
} kt_cuda_action_t;

typedef struct kt_cuda_actions {
    size_t            n, capacity;
    kt_cuda_action_t *at;
    kt_err_t          err;  // KT_OK, or KT_ENOMEM of an append
} kt_cuda_actions_t;

void kt_cuda_actions_fini(kt_cuda_actions_t *self);
void kt_cuda_add_plan(kt_cuda_actions_t *self, void *plan, void *pack);
void kt_cuda_add_call(kt_cuda_actions_t *self, const kt_kernel_call_t *call);

// Adds a value per channel, in place.
void kt_cuda_add_bias(kt_cuda_actions_t *self, float *y, const kt_shape_of_t *shape, const float *bias);

// Appends the kernels of one node that is a step alone (steps.h). at: device addresses of all values; shapes: of all
// values.
void kt_cuda_lower(kt_cuda_actions_t *self, const kt_graph_node_t *node, const kt_shape_of_t *shapes, float *const *at);
