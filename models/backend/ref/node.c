#include "models/backend/ref/inside.h"

static void (*const functions[KT_OPS])(const kt_ref_call_t *call) = {
    [KT_OP_CONV]      = kt_ref_conv,
    [KT_OP_DECONV]    = kt_ref_deconv,
    [KT_OP_DENSE]     = kt_ref_dense,
    [KT_OP_MATMUL]    = kt_ref_matmul,
    [KT_OP_LSTM]      = kt_ref_lstm,
    [KT_OP_SCALE]     = kt_ref_channel,
    [KT_OP_PRELU]     = kt_ref_channel,
    [KT_OP_RELU]      = kt_ref_unary,
    [KT_OP_CLIP]      = kt_ref_unary,
    [KT_OP_SIGMOID]   = kt_ref_unary,
    [KT_OP_TANH]      = kt_ref_unary,
    [KT_OP_SILU]      = kt_ref_unary,
    [KT_OP_GELU]      = kt_ref_unary,
    [KT_OP_HSIGMOID]  = kt_ref_unary,
    [KT_OP_HSWISH]    = kt_ref_unary,
    [KT_OP_EXP]       = kt_ref_unary,
    [KT_OP_LOG]       = kt_ref_unary,
    [KT_OP_SQRT]      = kt_ref_unary,
    [KT_OP_POW]       = kt_ref_unary,
    [KT_OP_AFFINE]    = kt_ref_unary,
    [KT_OP_ADD]       = kt_ref_pair,
    [KT_OP_SUB]       = kt_ref_pair,
    [KT_OP_MUL]       = kt_ref_pair,
    [KT_OP_DIV]       = kt_ref_pair,
    [KT_OP_CONCAT]    = kt_ref_concat,
    [KT_OP_RESHAPE]   = kt_ref_reshape,
    [KT_OP_TRANSPOSE] = kt_ref_transpose,
    [KT_OP_SLICE]     = kt_ref_slice,
    [KT_OP_PAD]       = kt_ref_pad,
    [KT_OP_RESIZE]    = kt_ref_resize,
    [KT_OP_MAXPOOL]   = kt_ref_pool,
    [KT_OP_AVGPOOL]   = kt_ref_pool,
    [KT_OP_RMAX]      = kt_ref_reduce,
    [KT_OP_RMEAN]     = kt_ref_reduce,
    [KT_OP_RSUM]      = kt_ref_reduce,
    [KT_OP_SOFTMAX]   = kt_ref_softmax,
    [KT_OP_L2NORM]    = kt_ref_l2_normalise,
    [KT_OP_LAYERNORM] = kt_ref_layer_norm,
    [KT_OP_NOISYOR]   = kt_ref_noisy_or,
    [KT_OP_MAXOF]     = kt_ref_max_of,
    [KT_OP_BAND]      = kt_ref_band,
    [KT_OP_HISTOGRAM] = kt_ref_histogram,
};

void
kt_ref_node(const kt_graph_node_t *node, const kt_shape_of_t *shapes, const float *const *in, float *const *out)
{
    kt_ref_call_t call = {.op = node->op, .attrs = &node->attrs, .n_in = node->n_in, .in = in, .out = out};
    for (int i = 0; i < node->n_in; i++)
        call.in_shape[i] = &shapes[node->in[i]];
    for (int i = 0; i < node->n_out; i++)
        call.out_shape[i] = &shapes[node->out[i]];
    functions[node->op](&call);
}

kt_ref_axis_t
kt_ref_axis(const kt_shape_of_t *shape, int axis)
{
    kt_ref_axis_t out = {1, shape->dims[axis], 1};
    for (int i = 0; i < axis; i++)
        out.outer *= shape->dims[i];
    for (int i = axis + 1; i < shape->rank; i++)
        out.inner *= shape->dims[i];
    return out;
}

kt_ref_space_t
kt_ref_space(const int64_t *values, int spatial, int64_t missing)
{
    kt_ref_space_t out = {{missing, missing, missing}};
    for (int i = 0; i < spatial; i++)
        out.n[3 - spatial + i] = values[i];
    return out;
}

void
kt_ref_strides(const kt_shape_of_t *shape, int64_t strides[KT_GRAPH_RANK])
{
    int64_t stride = 1;
    for (int i = shape->rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= shape->dims[i];
    }
}

int64_t
kt_ref_offset(int64_t index, int rank, const int64_t *dims, const int64_t *strides)
{
    int64_t offset = 0;
    for (int i = rank - 1; i >= 0; i--) {
        offset += index % dims[i] * strides[i];
        index /= dims[i];
    }
    return offset;
}
