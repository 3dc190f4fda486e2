// The walk over the nodes: each is lowered by the function of its operator, or else by the plain-C function.
#include "common/assert.h"
#include "models/backend/cpu/build.h"
#include "models/backend/cpu/plan_arena.h"

#include <stdlib.h>
#include <string.h>

static kt_lower_fn *const LOWER[KT_OPS] = {
    [KT_OP_CONV]      = kt_lower_conv,
    [KT_OP_DECONV]    = kt_lower_deconv,
    [KT_OP_DENSE]     = kt_lower_dense,
    [KT_OP_MATMUL]    = kt_lower_matmul,
    [KT_OP_LSTM]      = kt_lower_lstm,
    [KT_OP_SCALE]     = kt_lower_elementwise,
    [KT_OP_PRELU]     = kt_lower_elementwise,
    [KT_OP_RELU]      = kt_lower_elementwise,
    [KT_OP_CLIP]      = kt_lower_elementwise,
    [KT_OP_SIGMOID]   = kt_lower_elementwise,
    [KT_OP_TANH]      = kt_lower_elementwise,
    [KT_OP_SILU]      = kt_lower_elementwise,
    [KT_OP_GELU]      = kt_lower_elementwise,
    [KT_OP_HSIGMOID]  = kt_lower_elementwise,
    [KT_OP_HSWISH]    = kt_lower_elementwise,
    [KT_OP_EXP]       = kt_lower_elementwise,
    [KT_OP_LOG]       = kt_lower_elementwise,
    [KT_OP_SQRT]      = kt_lower_elementwise,
    [KT_OP_POW]       = kt_lower_elementwise,
    [KT_OP_AFFINE]    = kt_lower_elementwise,
    [KT_OP_ADD]       = kt_lower_elementwise,
    [KT_OP_SUB]       = kt_lower_elementwise,
    [KT_OP_MUL]       = kt_lower_elementwise,
    [KT_OP_DIV]       = kt_lower_elementwise,
    [KT_OP_CONCAT]    = kt_lower_concat,
    [KT_OP_RESHAPE]   = kt_lower_reshape,
    [KT_OP_TRANSPOSE] = kt_lower_transpose,
    [KT_OP_SLICE]     = kt_lower_slice,
    [KT_OP_PAD]       = kt_lower_pad,
    [KT_OP_RESIZE]    = kt_lower_resize,
    [KT_OP_MAXPOOL]   = kt_lower_pool,
    [KT_OP_AVGPOOL]   = kt_lower_pool,
    [KT_OP_RMAX]      = kt_lower_reduce,
    [KT_OP_RMEAN]     = kt_lower_reduce,
    [KT_OP_RSUM]      = kt_lower_reduce,
    [KT_OP_SOFTMAX]   = kt_lower_softmax,
    [KT_OP_L2NORM]    = kt_lower_l2,
    [KT_OP_LAYERNORM] = kt_lower_layer_norm,
};

bool
kt_cpu_supports(const kt_graph_node_t *node)
{
    return LOWER[node->op] != NULL;
}

static void
values_count(kt_builder_t *b)
{
    const size_t n = kt_graph_values(b->graph);
    const int   *outputs;
    for (size_t i = 0; i < n; i++)
        b->values[i] = (kt_cpu_value_t){.at = {{-1, 0}, {-1, 0}}, .user = -1};
    for (size_t i = 0; i < kt_graph_nodes(b->graph); i++) {
        const kt_graph_node_t *node = kt_graph_node(b->graph, i);
        for (int k = 0; k < node->n_in; k++) {
            kt_cpu_value_t *value = &b->values[node->in[k]];
            value->user           = value->reads++ ? -1 : (int)i;
        }
    }
    const size_t n_outputs = kt_graph_outputs(b->graph, &outputs);
    for (size_t i = 0; i < n_outputs; i++) {
        b->values[outputs[i]].reads++;
        b->values[outputs[i]].user = -1;
    }
}

static kt_err_t
inputs_place(kt_builder_t *b)
{
    const int   *inputs;
    const size_t n   = kt_graph_inputs(b->graph, &inputs);
    kt_err_t     err = KT_OK;
    for (size_t i = 0; i < n && err == KT_OK; i++) {
        kt_place_t place;
        err = kt_buffer_new(b, kt_floats(&b->shapes[inputs[i]]), &place);
        if (err == KT_OK) {
            b->exec->buffers[place.buffer].area  = KT_AREA_INPUT;
            b->exec->buffers[place.buffer].index = (int)i;
            kt_define(b, inputs[i], KT_PLAIN, place);
        }
    }
    return err;
}

static kt_err_t
copy_run(const kt_cpu_step_t *self, const kt_cpu_run_t *run)
{
    const size_t floats = *(const size_t *)self->data;
    memcpy(kt_cpu_at(run, self->places[0]), kt_cpu_at(run, self->places[1]), floats * sizeof(float));
    return KT_OK;
}

// An output is computed where the caller wants it, if its buffer holds nothing else; otherwise it is copied there.
static kt_err_t
output_place(kt_builder_t *b, int value, int index)
{
    const size_t floats = kt_floats(&b->shapes[value]);
    kt_place_t   from, to;
    kt_err_t     err = kt_read(b, value, KT_PLAIN, &from);
    if (err != KT_OK)
        return err;
    kt_cpu_buffer_t *buffer = &b->exec->buffers[from.buffer];
    if (buffer->area == KT_AREA_ARENA && buffer->floats == floats) {
        buffer->area  = KT_AREA_OUTPUT;
        buffer->index = index;
        return KT_OK;
    }
    err = kt_buffer_new(b, floats, &to);
    if (err != KT_OK)
        return err;
    b->exec->buffers[to.buffer].area  = KT_AREA_OUTPUT;
    b->exec->buffers[to.buffer].index = index;
    size_t *data                      = malloc(sizeof *data);
    if (!data)
        return KT_ENOMEM;
    *data = floats;
    return kt_step(
        b, &(kt_cpu_step_t){.name = "copy", .run = copy_run, .data = data, .n_places = 2, .places = {to, from}});
}

static kt_err_t
nodes_lower(kt_builder_t *b)
{
    for (size_t i = 0; i < kt_graph_nodes(b->graph); i++) {
        const kt_graph_node_t *node = kt_graph_node(b->graph, i);
        kt_err_t               err  = KT_EOPERATOR;
        if (b->done[i])
            continue;
        if (LOWER[node->op])
            err = LOWER[node->op](b, (int)i);
        if (err == KT_EOPERATOR)
            err = kt_lower_ref(b, (int)i);
        if (err != KT_OK)
            return err;
        b->done[i] = true;
        kt_reads_done(b, node);
    }
    return KT_OK;
}

kt_err_t
kt_build(kt_cpu_exec_t *exec, const kt_exec_opts_t *opts, char why[KT_KTM_WHY])
{
    const kt_graph_t *graph = exec->base.graph;
    const size_t      n     = kt_graph_values(graph);
    const int        *outputs;
    kt_builder_t      b   = {.exec = exec, .graph = graph, .opts = opts};
    kt_err_t          err = KT_ENOMEM;
    b.shapes = exec->shapes = calloc(n + 1, sizeof *exec->shapes);
    b.values                = calloc(n + 1, sizeof *b.values);
    b.done                  = calloc(kt_graph_nodes(graph) + 1, sizeof *b.done);
    if (!b.shapes || !b.values || !b.done)
        goto done;
    err = kt_graph_shapes(graph, exec->base.sizes, exec->shapes, why);
    if (err != KT_OK)
        goto done;
    values_count(&b);
    err = inputs_place(&b);
    if (err == KT_OK)
        err = nodes_lower(&b);
    const size_t n_outputs = kt_graph_outputs(graph, &outputs);
    for (size_t i = 0; i < n_outputs && err == KT_OK; i++)
        err = output_place(&b, outputs[i], (int)i);
    if (err == KT_OK)
        err = kt_plan_arena(exec);
done:
    free(b.values);
    free(b.done);
    return err;
}
