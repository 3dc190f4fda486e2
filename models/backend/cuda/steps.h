// kt_cuda_steps -- a graph as the steps of the CUDA executor: each is one node, or a convolution (or dense layer) with
// the residual sum and the activation behind it, where only they read its result. cuDNN has engines for these with a
// bias alone, so a convolution without one gets zeros: op.bias is set and bias is -1. Constant after new.
#pragma once

#include "models/backend/cuda/describe.h"
#include "models/graph/graph.h"

typedef struct kt_cuda_step {
    int           node;  // the first of its nodes
    int           n_nodes;
    bool          is_conv;  // what follows describes it
    kt_cudnn_op_t op;
    int           x, w, bias, residual;  // values; -1: none
    int           y;
} kt_cuda_step_t;

typedef struct kt_cuda_steps {
    size_t          n;
    kt_cuda_step_t *at;  // in the order of their last nodes
} kt_cuda_steps_t;

// shapes: of all values. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_cuda_steps_new(kt_cuda_steps_t *out, const kt_graph_t *graph, const kt_shape_of_t *shapes);
void                 kt_cuda_steps_fini(kt_cuda_steps_t *self);
