// kt_cudnn_plan -- cuDNN's execution plan of one operation: the engine and its knobs, as cuDNN's own JSON. Made from
// the properties of a device, so it needs no GPU. Plans are stored in a folder and used as stored: a choice that
// heuristics make anew could give other bits after an update.
//
// An engine is taken if its numerical notes say that it computes in float32: no tensor cores, no narrower inputs or
// sums, no FFT or Winograd transform, and that it is deterministic. With tf32 tensor cores are allowed too. Engines
// that compile at run time or need cuBLASLt are left out: they need libraries that cuDNN's own files do not bring.
#pragma once

#include "models/backend/cuda/describe.h"
#include "models/backend/cuda/device.h"

enum { KT_CUDNN_PLAN_MAX = 64 << 10 };

typedef struct kt_cudnn_plan {
    int64_t  engine, workspace_bytes;
    size_t   offered;    // engines that the heuristics proposed until one was taken
    bool     stored;     // it came from the folder
    kt_err_t store_err;  // of writing a new one to it
    char    *json;       // kt_cudnn_plan_fini frees it
} kt_cudnn_plan_t;

typedef struct kt_cudnn_plan_opts {
    const kt_cudnn_t       *cudnn;
    const kt_cuda_device_t *device;
    bool                    tf32;
    const char             *folder;  // of stored plans; NULL: none. It is made when a plan is stored
} kt_cudnn_plan_opts_t;

// The stored plan, or a new one, which is then stored. A plan belongs to the operation with its sizes (hence to model,
// node and micro-batch), the precision, the device's architecture and number of multiprocessors, and cuDNN's version;
// operations that are the same share one. KT_ENOTFOUND: no engine is allowed; KT_EDEVICE: cuDNN failed; KT_ENOMEM.
// why is the reason. A plan that cannot be stored is used all the same: store_err.
KT_MUST_USE kt_err_t kt_cudnn_plan_get(kt_cudnn_plan_t *out, const kt_cudnn_op_t *op, const kt_cudnn_plan_opts_t *opts,
                                       char why[KT_CUDNN_WHY]);
void                 kt_cudnn_plan_fini(kt_cudnn_plan_t *self);
// The plan as a finalised descriptor, for this device; part of the pool. NULL: pool->failed.
void *kt_cudnn_plan_load(kt_cudnn_pool_t *pool, const char *json, const kt_cuda_device_t *device);
