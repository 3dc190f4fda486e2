// kt_cuda_context -- what the programs of a process share: the device and its stream, cuDNN's handle, the memory of the
// run that is going on, and the weights of each graph, which are uploaded once whatever the sizes. Made for the first
// program, gone with the last one.
//
// hold and release are called under one lock (program.c). `running` is held by a run, and here while the device is
// used or its memory changes.
#pragma once

#include "models/backend/cuda/kernels/abi.h"
#include "models/backend/cuda/plan.h"

#include <pthread.h>

typedef struct kt_cuda_weights kt_cuda_weights_t;

struct kt_cuda_weights {
    const kt_graph_t  *graph;
    int                holders;
    size_t             bytes;
    char              *memory;
    const float      **at;     // [values]; NULL: no tensor of the file
    const float       *zeros;  // used as the bias where there is none: as many as a convolution has outputs
    kt_cuda_weights_t *next;
};

typedef struct kt_cuda_context {
    int                         holders;
    pthread_mutex_t             running;
    const kt_cuda_device_ops_t *ops;
    kt_tensor_device_t         *device;
    const kt_cudnn_t           *cudnn;  // NULL until a program needs it
    void                       *handle;
    kt_cuda_device_t            properties;  // as cuDNN reports them
    kt_cuda_weights_t          *weights;
    char                       *arena;
    size_t                      arena_bytes;
    uint64_t                    generation;  // of the arena, from 1: another one is at another address
} kt_cuda_context_t;

// cudnn: it is needed. KT_EDEVICE: a library or the device is missing, or failed; KT_ENOMEM.
KT_MUST_USE kt_err_t kt_cuda_context_hold(kt_cuda_context_t **out, bool cudnn, char why[KT_CUDNN_WHY]);
void                 kt_cuda_context_release(kt_cuda_context_t **self_p);
// The arena has at least so many bytes; `running` is held by the caller, and no work is on the stream. KT_ENOMEM,
// KT_EDEVICE: there is none now, until the next call.
KT_MUST_USE kt_err_t kt_cuda_context_reserve(kt_cuda_context_t *self, size_t bytes, char why[KT_CUDNN_WHY]);
// The graph must outlive them. KT_ENOMEM, KT_EDEVICE.
KT_MUST_USE kt_err_t kt_cuda_weights_hold(kt_cuda_weights_t **out, kt_cuda_context_t *context, const kt_graph_t *graph,
                                          char why[KT_CUDNN_WHY]);
void                 kt_cuda_weights_release(kt_cuda_context_t *context, kt_cuda_weights_t **self_p);
// why: what failed, with cuDNN's name of the status; KT_OK for 0.
KT_MUST_USE kt_err_t kt_cuda_cudnn_failed(const kt_cudnn_t *cudnn, int status, const char *what,
                                          char why[KT_CUDNN_WHY]);
