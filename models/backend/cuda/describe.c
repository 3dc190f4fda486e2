#include "models/backend/cuda/describe.h"

#include "common/assert.h"

#include <math.h>

enum { ALIGNMENT = 16, OPERATIONS = 4 };

void
kt_cudnn_pool_fini(kt_cudnn_pool_t *pool)
{
    while (pool->n > 0)
        (void)pool->cudnn->descriptor_destroy(pool->at[--pool->n]);
}

void *
kt_cudnn_new(kt_cudnn_pool_t *pool, int type)
{
    void *made = NULL;
    if (pool->status)
        return NULL;
    kt_assert(pool->n < KT_CUDNN_DESCRIPTORS);
    pool->status = pool->cudnn->descriptor_create(type, &made);
    if (pool->status) {
        pool->failed = "creating a descriptor";
        return NULL;
    }
    return pool->at[pool->n++] = made;
}

void
kt_cudnn_set(kt_cudnn_pool_t *pool, void *descriptor, int name, int type, int64_t count, const void *values)
{
    if (pool->status)
        return;
    pool->status = pool->cudnn->set_attribute(descriptor, name, type, count, values);
    if (pool->status)
        pool->failed = "setting an attribute";
}

void
kt_cudnn_set_descriptor(kt_cudnn_pool_t *pool, void *descriptor, int name, void *value)
{
    kt_cudnn_set(pool, descriptor, name, KT_CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value);
}

void
kt_cudnn_finalize(kt_cudnn_pool_t *pool, void *descriptor, const char *what)
{
    if (pool->status)
        return;
    pool->status = pool->cudnn->finalize(descriptor);
    if (pool->status)
        pool->failed = what;
}

static void
set_int(kt_cudnn_pool_t *pool, void *descriptor, int name, int type, int value)
{
    kt_cudnn_set(pool, descriptor, name, type, 1, &value);
}

// A dense tensor; a virtual one exists within the operation graph alone.
static void *
describe_tensor(kt_cudnn_pool_t *pool, int64_t id, int rank, const int64_t *dims, bool is_virtual)
{
    const int64_t alignment = ALIGNMENT;
    int64_t       strides[KT_CUDNN_RANK];
    void         *tensor = kt_cudnn_new(pool, KT_CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    strides[rank - 1]    = 1;
    for (int i = rank - 2; i >= 0; i--)
        strides[i] = strides[i + 1] * dims[i + 1];
    set_int(pool, tensor, KT_CUDNN_ATTR_TENSOR_DATA_TYPE, KT_CUDNN_TYPE_DATA_TYPE, KT_CUDNN_DATA_FLOAT);
    kt_cudnn_set(pool, tensor, KT_CUDNN_ATTR_TENSOR_DIMENSIONS, KT_CUDNN_TYPE_INT64, rank, dims);
    kt_cudnn_set(pool, tensor, KT_CUDNN_ATTR_TENSOR_STRIDES, KT_CUDNN_TYPE_INT64, rank, strides);
    kt_cudnn_set(pool, tensor, KT_CUDNN_ATTR_TENSOR_UNIQUE_ID, KT_CUDNN_TYPE_INT64, 1, &id);
    kt_cudnn_set(pool, tensor, KT_CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, KT_CUDNN_TYPE_INT64, 1, &alignment);
    kt_cudnn_set(pool, tensor, KT_CUDNN_ATTR_TENSOR_IS_VIRTUAL, KT_CUDNN_TYPE_BOOLEAN, 1, &is_virtual);
    kt_cudnn_finalize(pool, tensor, "the description of a tensor");
    return tensor;
}

static void *
describe_convolution(kt_cudnn_pool_t *pool, const kt_cudnn_op_t *op)
{
    const int64_t spatial = op->spatial;
    void         *conv    = kt_cudnn_new(pool, KT_CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    set_int(pool, conv, KT_CUDNN_ATTR_CONVOLUTION_COMP_TYPE, KT_CUDNN_TYPE_DATA_TYPE, KT_CUDNN_DATA_FLOAT);
    set_int(pool, conv, KT_CUDNN_ATTR_CONVOLUTION_CONV_MODE, KT_CUDNN_TYPE_CONVOLUTION_MODE,
            KT_CUDNN_CROSS_CORRELATION);
    kt_cudnn_set(pool, conv, KT_CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, KT_CUDNN_TYPE_INT64, 1, &spatial);
    kt_cudnn_set(pool, conv, KT_CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, KT_CUDNN_TYPE_INT64, spatial, op->before);
    kt_cudnn_set(pool, conv, KT_CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, KT_CUDNN_TYPE_INT64, spatial, op->after);
    kt_cudnn_set(pool, conv, KT_CUDNN_ATTR_CONVOLUTION_DILATIONS, KT_CUDNN_TYPE_INT64, spatial, op->dilation);
    kt_cudnn_set(pool, conv, KT_CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, KT_CUDNN_TYPE_INT64, spatial, op->stride);
    kt_cudnn_finalize(pool, conv, "the description of a convolution");
    return conv;
}

// The operations of one graph, and the tensor that the last of them writes.
typedef struct chain {
    kt_cudnn_pool_t     *pool;
    const kt_cudnn_op_t *op;
    void                *operations[OPERATIONS], *last;
    int64_t              n, left;  // operations that are still to come
} chain_t;

// The tensor of the next operation: y itself if no other one follows.
static void *
next_tensor(chain_t *self)
{
    self->left--;
    return describe_tensor(self->pool, self->left == 0 ? KT_CUDNN_Y : KT_CUDNN_VIRTUAL + self->n, self->op->spatial + 2,
                           self->op->y, self->left > 0);
}

// Names of what differs between a convolution and a transposed one.
typedef struct direction {
    int descriptor, alpha, beta, convolution, w, x, y;
} direction_t;

static const direction_t FORWARD    = {KT_CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                                       KT_CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                                       KT_CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
                                       KT_CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                                       KT_CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                                       KT_CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                                       KT_CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y};
static const direction_t TRANSPOSED = {KT_CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                                       KT_CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                                       KT_CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
                                       KT_CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                                       KT_CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                                       KT_CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                                       KT_CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX};

static void
add_convolution(chain_t *self)
{
    const float          one = 1, zero = 0;
    kt_cudnn_pool_t     *pool      = self->pool;
    const kt_cudnn_op_t *op        = self->op;
    const direction_t   *direction = op->transposed ? &TRANSPOSED : &FORWARD;
    void                *x         = describe_tensor(pool, KT_CUDNN_X, op->spatial + 2, op->x, false);
    void                *w         = describe_tensor(pool, KT_CUDNN_W, op->spatial + 2, op->w, false);
    void                *conv = describe_convolution(pool, op), *y = next_tensor(self);
    void                *node = kt_cudnn_new(pool, direction->descriptor);
    kt_cudnn_set(pool, node, direction->alpha, KT_CUDNN_TYPE_FLOAT, 1, &one);
    kt_cudnn_set(pool, node, direction->beta, KT_CUDNN_TYPE_FLOAT, 1, &zero);
    kt_cudnn_set_descriptor(pool, node, direction->convolution, conv);
    kt_cudnn_set_descriptor(pool, node, direction->x, x);
    kt_cudnn_set_descriptor(pool, node, direction->w, w);
    kt_cudnn_set_descriptor(pool, node, direction->y, y);
    kt_cudnn_finalize(pool, node, "a convolution");
    self->operations[self->n++] = node;
    self->last                  = y;
}

// ADD of `other`, or the limit to 0..high (other is NULL).
static void
add_pointwise(chain_t *self, int mode, void *other)
{
    kt_cudnn_pool_t *pool = self->pool;
    const double     low = 0, high = (double)self->op->high;
    void            *what = kt_cudnn_new(pool, KT_CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    set_int(pool, what, KT_CUDNN_ATTR_POINTWISE_MODE, KT_CUDNN_TYPE_POINTWISE_MODE, mode);
    set_int(pool, what, KT_CUDNN_ATTR_POINTWISE_MATH_PREC, KT_CUDNN_TYPE_DATA_TYPE, KT_CUDNN_DATA_FLOAT);
    if (!other && isfinite(self->op->high)) {
        kt_cudnn_set(pool, what, KT_CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP, KT_CUDNN_TYPE_DOUBLE, 1, &low);
        kt_cudnn_set(pool, what, KT_CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP, KT_CUDNN_TYPE_DOUBLE, 1, &high);
    }
    kt_cudnn_finalize(pool, what, "the description of an activation");
    void *y = next_tensor(self), *node = kt_cudnn_new(pool, KT_CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    kt_cudnn_set_descriptor(pool, node, KT_CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, what);
    kt_cudnn_set_descriptor(pool, node, KT_CUDNN_ATTR_OPERATION_POINTWISE_XDESC, self->last);
    if (other)
        kt_cudnn_set_descriptor(pool, node, KT_CUDNN_ATTR_OPERATION_POINTWISE_BDESC, other);
    kt_cudnn_set_descriptor(pool, node, KT_CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
    kt_cudnn_finalize(pool, node, "an elementwise operation");
    self->operations[self->n++] = node;
    self->last                  = y;
}

void *
kt_cudnn_describe(kt_cudnn_pool_t *pool, const kt_cudnn_op_t *op)
{
    const int64_t channels[KT_CUDNN_RANK] = {1, op->y[1], 1, 1, 1};
    chain_t       chain                   = {.pool = pool, .op = op};
    chain.left                            = 1 + op->residual + op->bias + op->limited;
    add_convolution(&chain);
    if (op->residual)
        add_pointwise(&chain, KT_CUDNN_POINTWISE_ADD,
                      describe_tensor(pool, KT_CUDNN_RESIDUAL, op->spatial + 2, op->y, false));
    if (op->bias)
        add_pointwise(&chain, KT_CUDNN_POINTWISE_ADD,
                      describe_tensor(pool, KT_CUDNN_BIAS, op->spatial + 2, channels, false));
    if (op->limited)
        add_pointwise(&chain, KT_CUDNN_POINTWISE_RELU_FWD, NULL);
    void *graph = kt_cudnn_new(pool, KT_CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    kt_cudnn_set(pool, graph, KT_CUDNN_ATTR_OPERATIONGRAPH_OPS, KT_CUDNN_TYPE_BACKEND_DESCRIPTOR, chain.n,
                 chain.operations);
    kt_cudnn_finalize(pool, graph, "an operation graph");
    return pool->status ? NULL : graph;
}

static void
add_numbers(kt_buf_t *out, const char *name, const int64_t *values, int n)
{
    kt_buf_fmt(out, " %s", name);
    for (int i = 0; i < n; i++)
        kt_buf_fmt(out, "%c%lld", i ? ',' : ' ', (long long)values[i]);
}

void
kt_cudnn_op_text(const kt_cudnn_op_t *op, kt_buf_t *out)
{
    kt_buf_str(out, op->transposed ? "deconv" : "conv");
    add_numbers(out, "x", op->x, op->spatial + 2);
    add_numbers(out, "w", op->w, op->spatial + 2);
    add_numbers(out, "stride", op->stride, op->spatial);
    add_numbers(out, "before", op->before, op->spatial);
    add_numbers(out, "after", op->after, op->spatial);
    add_numbers(out, "dilation", op->dilation, op->spatial);
    kt_buf_str(out, op->residual ? " residual" : "");
    kt_buf_str(out, op->bias ? " bias" : "");
    if (op->limited)
        kt_buf_fmt(out, " limit %.9g", (double)op->high);
}
