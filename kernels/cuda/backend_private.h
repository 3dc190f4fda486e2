// The inside of a context: backend.c (devices, life), backend_batch.c (a batch's way through a slot).
#pragma once

#include "kernels/cuda/backend_nvml.h"
#include "kernels/cuda/kt_cuda.h"
#include "kernels/gpu/abi.h"

enum { KT_GPU_PLANS = 16 };

// Tables of one configuration; the oldest that is not in work makes room for a new one.
typedef struct kt_gpu_plan {
    kt_frontend_opts_t opts;
    kt_plan_t         *plan;
    kt_cuda_plan_t    *cuda;
    uint64_t           used;  // when last: number of the batch
} kt_gpu_plan_t;

typedef enum kt_gpu_stage { STAGE_IDLE, STAGE_ROWS, STAGE_PEAKS } kt_gpu_stage_t;

typedef struct kt_gpu_lane {
    cudaStream_t    stream;
    cudaEvent_t     done;
    float          *in;    // pinned
    char           *out;   // pinned
    char           *side;  // pinned: runs and chroma tables
    size_t          side_bytes;
    char           *slab;  // device: samples, side, results, work
    size_t          slab_bytes;
    kt_gpu_stage_t  stage;
    kt_gpu_plan_t  *plan;
    kt_gpu_layout_t layout;
    uint32_t        wanted;
    char           *results;  // in the slab
} kt_gpu_lane_t;

struct kt_gpu_context {
    kt_gpu_context_opts_t opts;
    uint32_t              processors;
    kt_gpu_lane_t         lanes[KT_GPU_SLOTS_MAX];
    kt_gpu_plan_t         plans[KT_GPU_PLANS];
    uint64_t              batches, pool_bytes;
    kt_gpu_nvml_t        *nvml;
    char                  why[KT_GPU_WHY];
};

// What a failed call means: KT_ENOMEM, or KT_ESTATE and said in why.
KT_MUST_USE kt_err_t kt_gpu_failed(kt_gpu_context_t *self, cudaError_t error, const char *what);

KT_MUST_USE kt_err_t kt_gpu_slab(kt_gpu_context_t *self, kt_gpu_lane_t *lane,
                                 size_t bytes);  // as long as max_bytes allows
KT_MUST_USE kt_err_t kt_gpu_submit(kt_gpu_context_t *self, uint32_t slot, const kt_gpu_batch_t *batch);
KT_MUST_USE kt_err_t kt_gpu_poll(kt_gpu_context_t *self, uint32_t slot, bool *done);
