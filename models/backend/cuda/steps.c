#include "models/backend/cuda/steps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct builder {
    const kt_graph_t    *graph;
    const kt_shape_of_t *shapes;
    int                 *reads, *reader;  // [values]: how often it is read, an output once more; the last reader
    bool                *taken;           // [nodes]: part of an earlier step
} builder_t;

static void
count_reads(builder_t *self)
{
    const int *outputs;
    for (size_t i = 0; i < kt_graph_nodes(self->graph); i++) {
        const kt_graph_node_t *node = kt_graph_node(self->graph, i);
        for (int k = 0; k < node->n_in; k++) {
            self->reads[node->in[k]]++;
            self->reader[node->in[k]] = (int)i;
        }
    }
    for (size_t i = 0, n = kt_graph_outputs(self->graph, &outputs); i < n; i++)
        self->reads[outputs[i]]++;
}

// The spatial values at the end of cuDNN's dimensions, of which two is the least number.
static void
place(int64_t *to, int spatial, const int64_t *from, int given, int64_t missing)
{
    for (int i = 0; i < spatial; i++)
        to[i] = i < spatial - given ? missing : from[i - (spatial - given)];
}

// Of CONV and DECONV.
static void
describe_conv(const builder_t *self, const kt_graph_node_t *node, kt_cudnn_op_t *op)
{
    const kt_shape_of_t *x = &self->shapes[node->in[0]], *w = &self->shapes[node->in[1]],
                        *y = &self->shapes[node->out[0]];
    const int given        = x->rank - 2;
    op->spatial            = given < 2 ? 2 : given;
    memcpy(op->x, x->dims, 2 * sizeof *op->x);
    memcpy(op->w, w->dims, 2 * sizeof *op->w);
    memcpy(op->y, y->dims, 2 * sizeof *op->y);
    place(op->x + 2, op->spatial, x->dims + 2, given, 1);
    place(op->w + 2, op->spatial, w->dims + 2, given, 1);
    place(op->y + 2, op->spatial, y->dims + 2, given, 1);
    place(op->stride, op->spatial, node->attrs.stride, given, 1);
    place(op->before, op->spatial, node->attrs.before, given, 0);
    place(op->after, op->spatial, node->attrs.after, given, 0);
    op->transposed = node->op == KT_OP_DECONV;
    place(op->dilation, op->spatial, node->attrs.dilation, op->transposed ? 0 : given, 1);
}

static void
describe_dense(const builder_t *self, const kt_graph_node_t *node, kt_cudnn_op_t *op)
{
    const kt_shape_of_t *w    = &self->shapes[node->in[1]];
    const int64_t        rows = kt_shape_count(&self->shapes[node->in[0]]) / w->dims[1];
    *op                       = (kt_cudnn_op_t){.spatial  = 2,
                                                .x        = {rows, w->dims[1], 1, 1},
                                                .w        = {w->dims[0], w->dims[1], 1, 1},
                                                .y        = {rows, w->dims[0], 1, 1},
                                                .stride   = {1, 1},
                                                .dilation = {1, 1}};
}

static bool
same_shape(const kt_shape_of_t *a, const kt_shape_of_t *b)
{
    return a->rank == b->rank && memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0;
}

// The only node that reads the step's result; NULL: there are several, it is an output of the graph, or another step
// has the node.
static const kt_graph_node_t *
only_reader(const builder_t *self, const kt_cuda_step_t *step)
{
    const int reader = self->reader[step->y];
    return self->reads[step->y] == 1 && !self->taken[reader] ? kt_graph_node(self->graph, (size_t)reader) : NULL;
}

static void
take_reader(builder_t *self, kt_cuda_step_t *step, const kt_graph_node_t *node)
{
    self->taken[self->reader[step->y]] = true;
    step->y                            = node->out[0];
    step->n_nodes++;
}

static void
fuse_residual(builder_t *self, kt_cuda_step_t *step)
{
    const kt_graph_node_t *node = only_reader(self, step);
    if (!node || node->op != KT_OP_ADD)
        return;
    const int other = node->in[0] == step->y ? node->in[1] : node->in[0];
    if (!same_shape(&self->shapes[other], &self->shapes[step->y]))
        return;
    step->residual    = other;
    step->op.residual = true;
    take_reader(self, step, node);
}

static void
fuse_activation(builder_t *self, kt_cuda_step_t *step)
{
    const kt_graph_node_t *node = only_reader(self, step);
    if (!node || (node->op != KT_OP_RELU &&
                  !(node->op == KT_OP_CLIP && !(node->attrs.low < 0 || node->attrs.low > 0) && node->attrs.high > 0)))
        return;
    step->op.limited = true;
    step->op.high    = node->op == KT_OP_RELU ? INFINITY : node->attrs.high;
    take_reader(self, step, node);
}

// The step that ends at this node, or begins with it.
static void
make_step(builder_t *self, int index, kt_cuda_step_t *step)
{
    const kt_graph_node_t *node = kt_graph_node(self->graph, (size_t)index);
    *step = (kt_cuda_step_t){.node = index, .n_nodes = 1, .x = -1, .w = -1, .bias = -1, .residual = -1, .y = -1};
    if (node->op != KT_OP_CONV && node->op != KT_OP_DECONV && node->op != KT_OP_DENSE)
        return;
    step->is_conv = true;
    (node->op == KT_OP_DENSE ? describe_dense : describe_conv)(self, node, &step->op);
    step->x    = node->in[0];
    step->w    = node->in[1];
    step->y    = node->out[0];
    step->bias = node->n_in > 2 ? node->in[2] : -1;
    if (step->op.transposed)
        return;
    fuse_residual(self, step);
    fuse_activation(self, step);
    step->op.bias = step->bias >= 0 || step->op.residual || step->op.limited;
}

static int
last_node(const kt_graph_t *graph, const kt_cuda_step_t *step)
{
    return step->is_conv ? kt_graph_value(graph, (size_t)step->y)->node : step->node;
}

// Moves a step to its place: a fused one runs where its last node stood, when the residual is there.
static void
insert_step(kt_cuda_steps_t *steps, const kt_graph_t *graph, const kt_cuda_step_t *step)
{
    size_t at = steps->n++;
    for (; at > 0 && last_node(graph, &steps->at[at - 1]) > last_node(graph, step); at--)
        steps->at[at] = steps->at[at - 1];
    steps->at[at] = *step;
}

kt_err_t
kt_cuda_steps_new(kt_cuda_steps_t *out, const kt_graph_t *graph, const kt_shape_of_t *shapes)
{
    const size_t    nodes = kt_graph_nodes(graph), values = kt_graph_values(graph);
    builder_t       self  = {.graph = graph, .shapes = shapes};
    kt_cuda_steps_t steps = {0};
    kt_err_t        err   = KT_ENOMEM;
    self.reads            = calloc(values + 1, sizeof *self.reads);
    self.reader           = calloc(values + 1, sizeof *self.reader);
    self.taken            = calloc(nodes + 1, sizeof *self.taken);
    steps.at              = calloc(nodes + 1, sizeof *steps.at);
    if (!self.reads || !self.reader || !self.taken || !steps.at)
        goto done;
    count_reads(&self);
    for (size_t i = 0; i < nodes; i++)
        if (!self.taken[i]) {
            kt_cuda_step_t step;
            make_step(&self, (int)i, &step);
            insert_step(&steps, graph, &step);
        }
    *out     = steps;
    steps.at = NULL;
    err      = KT_OK;
done:
    free(steps.at);
    free(self.taken);
    free(self.reader);
    free(self.reads);
    return err;
}

void
kt_cuda_steps_fini(kt_cuda_steps_t *self)
{
    free(self->at);
    *self = (kt_cuda_steps_t){0};
}
