// Shapes of the linear operators, of pooling, and of those per channel. Dimensions and attributes are below 2^31, so
// that products of two do not overflow.
#include "models/graph/inside.h"

static const char *const bad_bias = "b does not have one value per output";

static bool
is_vector(const kt_shape_of_t *shape, int64_t size)
{
    return shape->rank == 1 && shape->dims[0] == size;
}

const char *
kt_infer_conv(const kt_infer_t *call)
{
    const kt_op_attrs_t *attrs = call->attrs;
    const kt_shape_of_t *x = call->in[0], *w = call->in[1];
    kt_shape_of_t       *out = call->out[0];
    if (w->rank != x->rank)
        return "w does not have as many dimensions as x";
    if (x->dims[1] != w->dims[1] * attrs->groups || w->dims[0] % attrs->groups)
        return "w does not fit the channels of x and the groups";
    if (call->n_in > 2 && !is_vector(call->in[2], w->dims[0]))
        return bad_bias;
    *out = (kt_shape_of_t){x->rank, {x->dims[0], w->dims[0]}};
    for (int i = 0; i < x->rank - 2; i++) {
        int64_t extent = attrs->dilation[i] * (w->dims[2 + i] - 1) + 1;
        int64_t room   = x->dims[2 + i] + attrs->before[i] + attrs->after[i] - extent;
        if (room < 0)
            return "the kernel is larger than the padded input";
        out->dims[2 + i] = room / attrs->stride[i] + 1;
    }
    return NULL;
}

const char *
kt_infer_deconv(const kt_infer_t *call)
{
    const kt_op_attrs_t *attrs = call->attrs;
    const kt_shape_of_t *x = call->in[0], *w = call->in[1];
    kt_shape_of_t       *out = call->out[0];
    if (w->rank != x->rank)
        return "w does not have as many dimensions as x";
    if (x->dims[1] != w->dims[0] || w->dims[0] % attrs->groups)
        return "w does not fit the channels of x and the groups";
    if (call->n_in > 2 && !is_vector(call->in[2], w->dims[1] * attrs->groups))
        return bad_bias;
    *out = (kt_shape_of_t){x->rank, {x->dims[0], w->dims[1] * attrs->groups}};
    for (int i = 0; i < x->rank - 2; i++)
        out->dims[2 + i] =
            (x->dims[2 + i] - 1) * attrs->stride[i] + w->dims[2 + i] - attrs->before[i] - attrs->after[i];
    return NULL;
}

const char *
kt_infer_dense(const kt_infer_t *call)
{
    const kt_shape_of_t *x = call->in[0], *w = call->in[1];
    if (x->rank < 2 || w->rank != 2 || x->dims[x->rank - 1] != w->dims[1])
        return "w is not [M, K], where K is the last dimension of x";
    if (call->n_in > 2 && !is_vector(call->in[2], w->dims[0]))
        return bad_bias;
    *call->out[0]                   = *x;
    call->out[0]->dims[x->rank - 1] = w->dims[0];
    return NULL;
}

const char *
kt_infer_matmul(const kt_infer_t *call)
{
    const kt_shape_of_t *a = call->in[0], *b = call->in[1];
    int                  rank = a->rank;
    if (rank < 3 || b->rank != rank)
        return "a and b do not have the same number of dimensions, at least 3";
    for (int i = 0; i < rank - 2; i++)
        if (a->dims[i] != b->dims[i])
            return "the leading dimensions of a and b differ";
    int columns = call->attrs->transpose ? rank - 2 : rank - 1, rows = 2 * rank - 3 - columns;
    if (a->dims[rank - 1] != b->dims[rows])
        return "a and b have no common dimension K";
    *call->out[0]                = *a;
    call->out[0]->dims[rank - 1] = b->dims[columns];
    return NULL;
}

const char *
kt_infer_lstm(const kt_infer_t *call)
{
    const kt_shape_of_t *x = call->in[0], *w = call->in[1], *r = call->in[2], *h = call->in[4], *c = call->in[5];
    if (x->rank != 3 || w->rank != 2 || r->rank != 2 || r->dims[0] != 4 * r->dims[1])
        return "x, w or r is not [N, T, I], [4H, I], [4H, H]";
    int64_t size = r->dims[1];
    if (w->dims[0] != 4 * size || w->dims[1] != x->dims[2] || !is_vector(call->in[3], 4 * size))
        return "w or b does not fit x and r";
    if (h->rank != 2 || c->rank != 2 || h->dims[0] != x->dims[0] || c->dims[0] != x->dims[0] || h->dims[1] != size ||
        c->dims[1] != size)
        return "h or c is not [N, H]";
    *call->out[0] = (kt_shape_of_t){3, {x->dims[0], x->dims[1], size}};
    *call->out[1] = *h;
    *call->out[2] = *c;
    return NULL;
}

const char *
kt_infer_channel(const kt_infer_t *call)
{
    const kt_shape_of_t *x = call->in[0];
    for (int i = 1; i < call->n_in; i++)
        if (!is_vector(call->in[i], x->dims[call->attrs->axis]))
            return "a tensor does not have one value per index of the axis";
    *call->out[0] = *x;
    return NULL;
}

// The number of windows as in PyTorch and ONNX: with ceil, a last window that would begin in the padding after the
// input is dropped.
const char *
kt_infer_pool(const kt_infer_t *call)
{
    const kt_op_attrs_t *attrs = call->attrs;
    const kt_shape_of_t *x     = call->in[0];
    kt_shape_of_t       *out   = call->out[0];
    *out                       = *x;
    for (int i = 0; i < x->rank - 2; i++) {
        int64_t size = x->dims[2 + i], before = attrs->before[i], stride = attrs->stride[i];
        int64_t room = size + before + attrs->after[i] - attrs->kernel[i];
        if (before >= attrs->kernel[i] || attrs->after[i] >= attrs->kernel[i])
            return "pad is not smaller than the kernel";
        if (room < 0)
            return "the kernel is larger than the padded input";
        out->dims[2 + i] = (attrs->ceil ? (room + stride - 1) / stride : room / stride) + 1;
        if (attrs->ceil && (out->dims[2 + i] - 1) * stride >= size + before)
            out->dims[2 + i]--;
    }
    return NULL;
}

const char *
kt_infer_layer_norm(const kt_infer_t *call)
{
    const kt_shape_of_t *x = call->in[0];
    for (int i = 1; i < call->n_in; i++)
        if (!is_vector(call->in[i], x->dims[x->rank - 1]))
            return "scale or shift does not have one value per index of the last dimension";
    *call->out[0] = *x;
    return x->rank < 2 ? "x has one dimension" : NULL;
}

const char *
kt_infer_tags(const kt_infer_t *call)
{
    const kt_shape_of_t *x = call->in[0], *w = call->in[1];
    if (x->rank != 2 || w->rank != 2 || x->dims[1] != w->dims[1])
        return "x and w are not [N, K] and [M, K]";
    if (call->n_in > 2 && !is_vector(call->in[2], w->dims[0]))
        return bad_bias;
    *call->out[0] = (kt_shape_of_t){2, {x->dims[0], w->dims[0]}};
    return NULL;
}
