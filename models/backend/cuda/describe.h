// kt_cudnn_op -- one operation graph of cuDNN: a convolution and what is computed with it. Dense layers are
// convolutions of one place: the matrix products of cuDNN have no engine in float32 without tensor cores. A transposed
// convolution is the gradient of a convolution by its input; cuDNN fuses nothing to it.
//
//   y = limit(conv(x, w) + residual + bias), NCHW (NCDHW), float32
//
// Exact: each fused part is the operation that the graph names; sums of three may round in another order.
#pragma once

#include "common/buf.h"
#include "models/backend/cuda/cudnn.h"

#include <stdbool.h>

enum { KT_CUDNN_SPATIAL = 3, KT_CUDNN_RANK = 2 + KT_CUDNN_SPATIAL, KT_CUDNN_DESCRIPTORS = 24 };

typedef struct kt_cudnn_op {
    int     spatial;  // 2 or 3
    bool    transposed;
    int64_t x[KT_CUDNN_RANK], w[KT_CUDNN_RANK], y[KT_CUDNN_RANK];
    int64_t stride[KT_CUDNN_SPATIAL], before[KT_CUDNN_SPATIAL], after[KT_CUDNN_SPATIAL], dilation[KT_CUDNN_SPATIAL];
    bool    bias, residual, limited;
    float   high;  // limited: to 0..high, which may be INFINITY
} kt_cudnn_op_t;

// Names of the tensors in a variant pack.
typedef enum kt_cudnn_tensor {
    KT_CUDNN_X = 1,
    KT_CUDNN_W,
    KT_CUDNN_Y,
    KT_CUDNN_BIAS,
    KT_CUDNN_RESIDUAL,
    KT_CUDNN_VIRTUAL  // and the following ones
} kt_cudnn_tensor_t;

// Descriptors that are made together and destroyed together.
typedef struct kt_cudnn_pool {
    const kt_cudnn_t *cudnn;
    int               status;  // of the first call that failed; later ones do nothing
    const char       *failed;  // what failed
    size_t            n;
    void             *at[KT_CUDNN_DESCRIPTORS];
} kt_cudnn_pool_t;

void  kt_cudnn_pool_fini(kt_cudnn_pool_t *pool);
void *kt_cudnn_new(kt_cudnn_pool_t *pool, int type);  // NULL after a failure
void  kt_cudnn_set(kt_cudnn_pool_t *pool, void *descriptor, int name, int type, int64_t count, const void *values);
void  kt_cudnn_set_descriptor(kt_cudnn_pool_t *pool, void *descriptor, int name, void *value);
void  kt_cudnn_finalize(kt_cudnn_pool_t *pool, void *descriptor, const char *what);

// The finalised operation graph; NULL: pool->failed and pool->status give the reason.
void *kt_cudnn_describe(kt_cudnn_pool_t *pool, const kt_cudnn_op_t *op);
// One line that two operations share only if they are the same; part of a plan's key.
void kt_cudnn_op_text(const kt_cudnn_op_t *op, kt_buf_t *out);
