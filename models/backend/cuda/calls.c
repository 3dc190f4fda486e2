#include "models/backend/cuda/calls.h"

#include "common/assert.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ACTIONS = 64 };

typedef struct lowering {
    kt_cuda_actions_t     *out;
    const kt_graph_node_t *node;
    const kt_op_attrs_t   *attrs;
    const kt_shape_of_t   *x, *y;  // of the first input and output
    const kt_shape_of_t   *shapes;
    float *const          *at;
} lowering_t;

void
kt_cuda_actions_fini(kt_cuda_actions_t *self)
{
    free(self->at);
    *self = (kt_cuda_actions_t){0};
}

static void
append(kt_cuda_actions_t *self, const kt_cuda_action_t *action)
{
    if (self->n == self->capacity) {
        const size_t      capacity = self->capacity ? 2 * self->capacity : FIRST_ACTIONS;
        kt_cuda_action_t *at       = realloc(self->at, capacity * sizeof *at);
        if (!at) {
            self->err = KT_ENOMEM;
            return;
        }
        self->at       = at;
        self->capacity = capacity;
    }
    self->at[self->n++] = *action;
}

void
kt_cuda_add_plan(kt_cuda_actions_t *self, void *plan, void *pack)
{
    append(self, &(kt_cuda_action_t){.plan = plan, .pack = pack});
}

void
kt_cuda_add_call(kt_cuda_actions_t *self, const kt_kernel_call_t *call)
{
    append(self, &(kt_cuda_action_t){.call = *call});
}

static const float *
input(const lowering_t *self, int i)
{
    return i < self->node->n_in ? self->at[self->node->in[i]] : NULL;
}

static const kt_shape_of_t *
shape_of(const lowering_t *self, int i)
{
    return &self->shapes[self->node->in[i]];
}

static float *
output(const lowering_t *self)
{
    return self->at[self->node->out[0]];
}

static void
dense_strides(const kt_shape_of_t *shape, int64_t *strides)
{
    int64_t stride = 1;
    for (int i = shape->rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= shape->dims[i];
    }
}

static int64_t
product(const int64_t *dims, int from, int to)
{
    int64_t out = 1;
    for (int i = from; i < to; i++)
        out *= dims[i];
    return out;
}

// Spatial values as three, of which the first are `missing` where there are fewer.
static void
place(int64_t to[KT_KERNEL_SPATIAL], const int64_t *from, int given, int64_t missing)
{
    for (int i = 0; i < KT_KERNEL_SPATIAL; i++)
        to[i] = i < KT_KERNEL_SPATIAL - given ? missing : from[i - (KT_KERNEL_SPATIAL - given)];
}

static void
lower_matmul(const lowering_t *self)
{
    const int              rank    = self->x->rank;
    const int64_t          columns = self->y->dims[rank - 1], depth = self->x->dims[rank - 1];
    const kt_matmul_call_t call = {.a          = input(self, 0),
                                   .b          = input(self, 1),
                                   .y          = output(self),
                                   .count      = kt_shape_count(self->y),
                                   .rows       = self->x->dims[rank - 2],
                                   .depth      = depth,
                                   .columns    = columns,
                                   .per_row    = self->attrs->transpose ? 1 : columns,
                                   .per_column = self->attrs->transpose ? depth : 1};
    kt_cuda_add_call(self->out, &(kt_kernel_call_t){.kernel = KT_KERNEL_MATMUL, .matmul = call});
}

static void
lower_lstm(const lowering_t *self)
{
    const kt_lstm_call_t call = {.x      = input(self, 0),
                                 .w      = input(self, 1),
                                 .r      = input(self, 2),
                                 .b      = input(self, 3),
                                 .h      = input(self, 4),
                                 .c      = input(self, 5),
                                 .y      = output(self),
                                 .h_out  = self->at[self->node->out[1]],
                                 .c_out  = self->at[self->node->out[2]],
                                 .items  = self->x->dims[0],
                                 .steps  = self->x->dims[1],
                                 .inputs = self->x->dims[2],
                                 .size   = shape_of(self, 2)->dims[1]};
    kt_cuda_add_call(self->out, &(kt_kernel_call_t){.kernel = KT_KERNEL_LSTM, .lstm = call});
}

static void
lower_channel(const lowering_t *self)
{
    const int               axis = self->attrs->axis;
    const kt_channel_call_t call = {.x      = input(self, 0),
                                    .factor = input(self, 1),
                                    .shift  = input(self, 2),
                                    .y      = output(self),
                                    .count  = kt_shape_count(self->x),
                                    .size   = self->x->dims[axis],
                                    .inner  = product(self->x->dims, axis + 1, self->x->rank),
                                    .op     = self->node->op};
    kt_cuda_add_call(self->out, &(kt_kernel_call_t){.kernel = KT_KERNEL_CHANNEL, .channel = call});
}

static void
lower_unary(const lowering_t *self)
{
    const kt_unary_call_t call = {.x        = input(self, 0),
                                  .y        = output(self),
                                  .count    = kt_shape_count(self->x),
                                  .op       = self->node->op,
                                  .alpha    = self->attrs->alpha,
                                  .beta     = self->attrs->beta,
                                  .low      = self->attrs->low,
                                  .high     = self->attrs->high,
                                  .exponent = self->attrs->exponent};
    kt_cuda_add_call(self->out, &(kt_kernel_call_t){.kernel = KT_KERNEL_UNARY, .unary = call});
}

// Strides of an input in the dimensions of the output: 0 where it is repeated.
static void
repeat_strides(const kt_shape_of_t *in, const kt_shape_of_t *out, int64_t *strides)
{
    int64_t   dense[KT_GRAPH_RANK];
    const int missing = out->rank - in->rank;
    dense_strides(in, dense);
    for (int i = 0; i < out->rank; i++)
        strides[i] = i < missing || in->dims[i - missing] == 1 ? 0 : dense[i - missing];
}

static void
lower_pair(const lowering_t *self)
{
    kt_pair_call_t call = {.a     = input(self, 0),
                           .b     = input(self, 1),
                           .y     = output(self),
                           .count = kt_shape_count(self->y),
                           .rank  = self->y->rank,
                           .op    = self->node->op};
    memcpy(call.dims, self->y->dims, (size_t)self->y->rank * sizeof *call.dims);
    repeat_strides(shape_of(self, 0), self->y, call.stride_a);
    repeat_strides(shape_of(self, 1), self->y, call.stride_b);
    kt_cuda_add_call(self->out, &(kt_kernel_call_t){.kernel = KT_KERNEL_PAIR, .pair = call});
}

// Copies of one dimension of a copy: outermost first.
static void
copy_dim(kt_copy_call_t *call, int64_t size, int64_t from, int64_t to)
{
    kt_assert(call->rank < KT_KERNEL_RANK);
    call->dims[call->rank] = size;
    call->from[call->rank] = from;
    call->to[call->rank++] = to;
    call->count *= size;
}

static void
add_copy(const lowering_t *self, const kt_copy_call_t *call)
{
    kt_cuda_add_call(self->out, &(kt_kernel_call_t){.kernel = KT_KERNEL_COPY, .copy = *call});
}

static void
lower_concat(const lowering_t *self)
{
    const int     axis  = self->attrs->axis;
    const int64_t outer = product(self->y->dims, 0, axis), inner = product(self->y->dims, axis + 1, self->y->rank);
    int64_t       begin = 0;
    for (int i = 0; i < self->node->n_in; i++) {
        const int64_t  row  = shape_of(self, i)->dims[axis] * inner;
        kt_copy_call_t call = {.x = input(self, i), .y = output(self) + begin, .count = 1};
        copy_dim(&call, outer, row, self->y->dims[axis] * inner);
        copy_dim(&call, row, 1, 1);
        add_copy(self, &call);
        begin += row;
    }
}

static void
lower_reshape(const lowering_t *self)
{
    kt_copy_call_t call = {.x = input(self, 0), .y = output(self), .count = 1};
    copy_dim(&call, kt_shape_count(self->x), 1, 1);
    add_copy(self, &call);
}

static void
lower_transpose(const lowering_t *self)
{
    kt_copy_call_t call = {.x = input(self, 0), .y = output(self), .count = 1};
    int64_t        from[KT_GRAPH_RANK], to[KT_GRAPH_RANK];
    dense_strides(self->x, from);
    dense_strides(self->y, to);
    for (int i = 0; i < self->y->rank; i++)
        copy_dim(&call, self->y->dims[i], from[self->attrs->list[i]], to[i]);
    add_copy(self, &call);
}

static void
lower_slice(const lowering_t *self)
{
    const int      axis  = self->attrs->axis;
    const int64_t  inner = product(self->x->dims, axis + 1, self->x->rank);
    int64_t        begin, end;
    kt_copy_call_t call = {.y = output(self), .count = 1};
    kt_slice_range(self->attrs, self->x->dims[axis], &begin, &end);
    call.x = input(self, 0) + begin * inner;
    copy_dim(&call, product(self->x->dims, 0, axis), self->x->dims[axis] * inner, (end - begin) * inner);
    copy_dim(&call, (end - begin) * inner, 1, 1);
    add_copy(self, &call);
}

static void
lower_pad(const lowering_t *self)
{
    const int           axis = self->attrs->axis;
    const kt_pad_call_t call = {.x        = input(self, 0),
                                .y        = output(self),
                                .count    = kt_shape_count(self->y),
                                .size_in  = self->x->dims[axis],
                                .size_out = self->y->dims[axis],
                                .inner    = product(self->x->dims, axis + 1, self->x->rank),
                                .before   = self->attrs->begin,
                                .reflect  = self->attrs->reflect};
    kt_cuda_add_call(self->out, &(kt_kernel_call_t){.kernel = KT_KERNEL_PAD, .pad = call});
}

// Each spatial dimension is two of the copy: the places of the input, and the repetitions of each.
static void
lower_resize(const lowering_t *self)
{
    kt_copy_call_t call = {.x = input(self, 0), .y = output(self), .count = 1};
    int64_t        from[KT_GRAPH_RANK], to[KT_GRAPH_RANK];
    dense_strides(self->x, from);
    dense_strides(self->y, to);
    copy_dim(&call, self->x->dims[0] * self->x->dims[1], from[1], to[1]);
    for (int i = 2; i < self->x->rank; i++) {
        const int64_t factor = self->attrs->list[i - 2];
        copy_dim(&call, self->x->dims[i], from[i], to[i] * factor);
        copy_dim(&call, factor, 0, to[i]);
    }
    add_copy(self, &call);
}

static void
lower_band(const lowering_t *self)
{
    const kt_band_call_t call = {.x     = input(self, 0),
                                 .y     = output(self),
                                 .count = kt_shape_count(self->y),
                                 .size  = self->x->dims[1],
                                 .width = self->attrs->width};
    kt_cuda_add_call(self->out, &(kt_kernel_call_t){.kernel = KT_KERNEL_BAND, .band = call});
}

static void
lower_pool(const lowering_t *self)
{
    const int      given = self->x->rank - 2;
    kt_pool_call_t call  = {.x           = input(self, 0),
                            .y           = output(self),
                            .count       = kt_shape_count(self->y),
                            .maximum     = self->node->op == KT_OP_MAXPOOL,
                            .include_pad = self->attrs->include_pad};
    place(call.in, self->x->dims + 2, given, 1);
    place(call.out, self->y->dims + 2, given, 1);
    place(call.kernel, self->attrs->kernel, given, 1);
    place(call.stride, self->attrs->stride, given, 1);
    place(call.before, self->attrs->before, given, 0);
    place(call.after, self->attrs->after, given, 0);
    kt_cuda_add_call(self->out, &(kt_kernel_call_t){.kernel = KT_KERNEL_POOL, .pool = call});
}

static void
part_add(kt_part_t *part, int64_t size, int64_t stride)
{
    part->dims[part->rank]      = size;
    part->strides[part->rank++] = stride;
    part->count *= size;
}

static void
lower_reduce(const lowering_t *self)
{
    kt_reduce_call_t call = {.x = input(self, 0), .y = output(self), .op = self->node->op};
    int64_t          strides[KT_GRAPH_RANK];
    call.kept.count = call.reduced.count = 1;
    dense_strides(self->x, strides);
    for (int i = 0; i < self->x->rank; i++) {
        bool is_reduced = false;
        for (int k = 0; k < self->attrs->n_list; k++)
            is_reduced = is_reduced || self->attrs->list[k] == i;
        part_add(is_reduced ? &call.reduced : &call.kept, self->x->dims[i], strides[i]);
    }
    kt_cuda_add_call(self->out, &(kt_kernel_call_t){.kernel = KT_KERNEL_REDUCE, .reduce = call});
}

static void
lower_rows(const lowering_t *self)
{
    const int            axis = self->node->op == KT_OP_LAYERNORM ? self->x->rank - 1 : self->attrs->axis;
    const int64_t        size = self->x->dims[axis];
    const kt_rows_call_t call = {.x       = input(self, 0),
                                 .scale   = input(self, 1),
                                 .shift   = input(self, 2),
                                 .y       = output(self),
                                 .rows    = kt_shape_count(self->x) / size,
                                 .size    = size,
                                 .inner   = product(self->x->dims, axis + 1, self->x->rank),
                                 .op      = self->node->op,
                                 .epsilon = self->attrs->epsilon};
    kt_cuda_add_call(self->out, &(kt_kernel_call_t){.kernel = KT_KERNEL_ROWS, .rows = call});
}

static void
lower_tags(const lowering_t *self)
{
    const kt_shape_of_t *w    = shape_of(self, 1);
    const kt_tags_call_t call = {.x       = input(self, 0),
                                 .w       = input(self, 1),
                                 .floor   = input(self, 2),
                                 .y       = output(self),
                                 .count   = kt_shape_count(self->y),
                                 .outputs = w->dims[0],
                                 .depth   = w->dims[1],
                                 .op      = self->node->op};
    kt_cuda_add_call(self->out, &(kt_kernel_call_t){.kernel = KT_KERNEL_TAGS, .tags = call});
}

static void
lower_histogram(const lowering_t *self)
{
    const kt_histogram_call_t call = {.x        = input(self, 0),
                                      .y        = output(self),
                                      .pictures = self->x->dims[0] * self->x->dims[2],
                                      .frames   = self->x->dims[2],
                                      .pixels   = self->x->dims[3] * self->x->dims[4]};
    kt_cuda_add_call(self->out, &(kt_kernel_call_t){.kernel = KT_KERNEL_HISTOGRAM, .histogram = call});
}

// CONV, DECONV and DENSE are steps of another kind (steps.h).
static void (*const LOWER[KT_OPS])(const lowering_t *self) = {
    [KT_OP_MATMUL] = lower_matmul, [KT_OP_LSTM] = lower_lstm,       [KT_OP_SCALE] = lower_channel,
    [KT_OP_PRELU] = lower_channel, [KT_OP_RELU] = lower_unary,      [KT_OP_CLIP] = lower_unary,
    [KT_OP_SIGMOID] = lower_unary, [KT_OP_TANH] = lower_unary,      [KT_OP_SILU] = lower_unary,
    [KT_OP_GELU] = lower_unary,    [KT_OP_HSIGMOID] = lower_unary,  [KT_OP_HSWISH] = lower_unary,
    [KT_OP_EXP] = lower_unary,     [KT_OP_LOG] = lower_unary,       [KT_OP_SQRT] = lower_unary,
    [KT_OP_POW] = lower_unary,     [KT_OP_AFFINE] = lower_unary,    [KT_OP_ADD] = lower_pair,
    [KT_OP_SUB] = lower_pair,      [KT_OP_MUL] = lower_pair,        [KT_OP_DIV] = lower_pair,
    [KT_OP_CONCAT] = lower_concat, [KT_OP_RESHAPE] = lower_reshape, [KT_OP_TRANSPOSE] = lower_transpose,
    [KT_OP_SLICE] = lower_slice,   [KT_OP_PAD] = lower_pad,         [KT_OP_RESIZE] = lower_resize,
    [KT_OP_MAXPOOL] = lower_pool,  [KT_OP_AVGPOOL] = lower_pool,    [KT_OP_RMAX] = lower_reduce,
    [KT_OP_RMEAN] = lower_reduce,  [KT_OP_RSUM] = lower_reduce,     [KT_OP_SOFTMAX] = lower_rows,
    [KT_OP_L2NORM] = lower_rows,   [KT_OP_LAYERNORM] = lower_rows,  [KT_OP_NOISYOR] = lower_tags,
    [KT_OP_MAXOF] = lower_tags,    [KT_OP_BAND] = lower_band,       [KT_OP_HISTOGRAM] = lower_histogram,
};

void
kt_cuda_lower(kt_cuda_actions_t *self, const kt_graph_node_t *node, const kt_shape_of_t *shapes, float *const *at)
{
    const lowering_t lowering = {.out    = self,
                                 .node   = node,
                                 .attrs  = &node->attrs,
                                 .x      = &shapes[node->in[0]],
                                 .y      = &shapes[node->out[0]],
                                 .shapes = shapes,
                                 .at     = at};
    LOWER[node->op](&lowering);
}

void
kt_cuda_add_bias(kt_cuda_actions_t *self, float *y, const kt_shape_of_t *shape, const float *bias)
{
    kt_pair_call_t call = {
        .a = y, .b = bias, .y = y, .count = kt_shape_count(shape), .rank = shape->rank, .op = KT_OP_ADD};
    memcpy(call.dims, shape->dims, (size_t)shape->rank * sizeof *call.dims);
    dense_strides(shape, call.stride_a);
    call.stride_b[1] = 1;
    kt_cuda_add_call(self, &(kt_kernel_call_t){.kernel = KT_KERNEL_PAIR, .pair = call});
}
