// Shapes of all values for given sizes of the free dimensions.
#include "common/text.h"
#include "models/graph/inside.h"

#include <string.h>

static const struct {
    kt_infer_fn   infer;
    kt_op_roles_t roles;
} rules[KT_OPS] = {
    [KT_OP_CONV]      = {kt_infer_conv, {.constant = 6}},
    [KT_OP_DECONV]    = {kt_infer_deconv, {.constant = 6}},
    [KT_OP_DENSE]     = {kt_infer_dense, {.constant = 6}},
    [KT_OP_MATMUL]    = {kt_infer_matmul, {0}},
    [KT_OP_LSTM]      = {kt_infer_lstm, {.constant = 14}},
    [KT_OP_SCALE]     = {kt_infer_channel, {.constant = 6}},
    [KT_OP_PRELU]     = {kt_infer_channel, {.constant = 2}},
    [KT_OP_RELU]      = {kt_infer_same, {0}},
    [KT_OP_CLIP]      = {kt_infer_same, {0}},
    [KT_OP_SIGMOID]   = {kt_infer_same, {0}},
    [KT_OP_TANH]      = {kt_infer_same, {0}},
    [KT_OP_SILU]      = {kt_infer_same, {0}},
    [KT_OP_GELU]      = {kt_infer_same, {0}},
    [KT_OP_HSIGMOID]  = {kt_infer_same, {0}},
    [KT_OP_HSWISH]    = {kt_infer_same, {0}},
    [KT_OP_EXP]       = {kt_infer_same, {0}},
    [KT_OP_LOG]       = {kt_infer_same, {0}},
    [KT_OP_SQRT]      = {kt_infer_same, {0}},
    [KT_OP_POW]       = {kt_infer_same, {0}},
    [KT_OP_AFFINE]    = {kt_infer_same, {0}},
    [KT_OP_ADD]       = {kt_infer_pair, {.either = true}},
    [KT_OP_SUB]       = {kt_infer_pair, {.either = true}},
    [KT_OP_MUL]       = {kt_infer_pair, {.either = true}},
    [KT_OP_DIV]       = {kt_infer_pair, {.either = true}},
    [KT_OP_CONCAT]    = {kt_infer_concat, {0}},
    [KT_OP_RESHAPE]   = {kt_infer_reshape, {0}},
    [KT_OP_TRANSPOSE] = {kt_infer_transpose, {0}},
    [KT_OP_SLICE]     = {kt_infer_slice, {0}},
    [KT_OP_PAD]       = {kt_infer_pad, {0}},
    [KT_OP_RESIZE]    = {kt_infer_resize, {0}},
    [KT_OP_MAXPOOL]   = {kt_infer_pool, {0}},
    [KT_OP_AVGPOOL]   = {kt_infer_pool, {0}},
    [KT_OP_RMAX]      = {kt_infer_reduce, {0}},
    [KT_OP_RMEAN]     = {kt_infer_reduce, {0}},
    [KT_OP_RSUM]      = {kt_infer_reduce, {0}},
    [KT_OP_SOFTMAX]   = {kt_infer_same, {0}},
    [KT_OP_L2NORM]    = {kt_infer_same, {0}},
    [KT_OP_LAYERNORM] = {kt_infer_layer_norm, {.constant = 6}},
    [KT_OP_NOISYOR]   = {kt_infer_tags, {.constant = 2}},
    [KT_OP_MAXOF]     = {kt_infer_tags, {.constant = 6}},
    [KT_OP_BAND]      = {kt_infer_band, {0}},
    [KT_OP_HISTOGRAM] = {kt_infer_histogram, {0}},
};

kt_op_roles_t
kt_op_roles(kt_op_t op)
{
    return rules[op].roles;
}

int64_t
kt_shape_count(const kt_shape_of_t *shape)
{
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++)
        count *= shape->dims[i];
    return count;
}

// Ranks and elements are within the limits.
static bool
shape_fits(const kt_shape_of_t *shape)
{
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dims[i] < 1 || shape->dims[i] > KT_COUNT_MAX / count)
            return false;
        count *= shape->dims[i];
    }
    return shape->rank >= 1 && shape->rank <= KT_GRAPH_RANK;
}

const char *
kt_infer_node(const kt_graph_node_t *node, kt_shape_of_t *shapes)
{
    kt_infer_t call = {.attrs = &node->attrs, .n_in = node->n_in, .n_out = node->n_out};
    for (int i = 0; i < node->n_in; i++)
        call.in[i] = &shapes[node->in[i]];
    for (int i = 0; i < node->n_out; i++) {
        call.out[i]  = &shapes[node->out[i]];
        *call.out[i] = (kt_shape_of_t){0};
    }
    const char *reason = rules[node->op].infer(&call);
    for (int i = 0; i < node->n_out && !reason; i++)
        if (!shape_fits(call.out[i]))
            reason = "its output has an empty dimension, or 2^31 elements or more";
    return reason;
}

void
kt_graph_smallest(const kt_graph_t *self, int64_t sizes[KT_FREE_DIMS])
{
    for (size_t i = 0; i < KT_FREE_DIMS; i++) {
        const kt_free_dim_t *dim = &self->free[i];
        sizes[i] = i < self->n_free ? (dim->min + dim->multiple - 1) / dim->multiple * dim->multiple : 1;
    }
}

kt_err_t
kt_graph_input_shapes(const kt_graph_t *self, const int64_t sizes[KT_FREE_DIMS], kt_shape_of_t *shapes,
                      char why[KT_KTM_WHY])
{
    for (size_t i = 0; i < self->n_free; i++) {
        const kt_free_dim_t *dim = &self->free[i];
        if (sizes[i] < dim->min || sizes[i] > dim->max || sizes[i] % dim->multiple)
            return kt_text_explain(why, KT_KTM_WHY, KT_EINVAL, "%s = %lld is not a multiple of %lld from %lld to %lld",
                                   dim->name, (long long)sizes[i], (long long)dim->multiple, (long long)dim->min,
                                   (long long)dim->max);
    }
    for (size_t i = 0; i < self->n_inputs; i++) {
        const kt_declared_shape_t *declared = &self->declared[i];
        kt_shape_of_t             *shape    = &shapes[self->inputs[i]];
        *shape                              = declared->shape;
        for (int d = 0; d < shape->rank; d++)
            if (declared->free[d] >= 0)
                shape->dims[d] = sizes[declared->free[d]];
        if (!shape_fits(shape))
            return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "input %s has 2^31 elements or more",
                                   self->values[self->inputs[i]].name);
    }
    return KT_OK;
}

kt_err_t
kt_graph_shapes(const kt_graph_t *self, const int64_t sizes[KT_FREE_DIMS], kt_shape_of_t *shapes, char why[KT_KTM_WHY])
{
    memset(shapes, 0, self->n_values * sizeof *shapes);  // also of values that fusion has removed
    kt_err_t err = kt_graph_input_shapes(self, sizes, shapes, why);
    for (size_t i = 0; i < self->n_values && !err; i++) {
        const kt_ktm_tensor_t *constant = self->values[i].constant;
        if (!constant)
            continue;
        shapes[i].rank = constant->rank;
        memcpy(shapes[i].dims, constant->dims, sizeof constant->dims);
    }
    for (size_t i = 0; i < self->n_nodes && !err; i++) {
        const kt_graph_node_t *node   = &self->nodes[i];
        const char            *reason = kt_infer_node(node, shapes);
        if (reason)
            err = kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "node %zu (%s, out %s): %s", i, kt_op_name(node->op),
                                  self->values[node->out[0]].name, reason);
    }
    return err;
}
