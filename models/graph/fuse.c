// Exact fusions. What follows a convolution per channel is collected in double and multiplied into its weights at the
// end, so that each weight is rounded once.
#include "models/graph/inside.h"
#include "models/graph/tensor.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

typedef struct fuser {
    const kt_graph_t *from;
    kt_graph_t       *graph;   // the result
    kt_shape_of_t    *shapes;  // for the smallest sizes
    int              *uses;    // of each value
    bool             *gone;    // of each node
    double          **factor;  // of each node: per channel factors, then shifts; NULL: none
} fuser_t;

// Channels of the output of an operator whose tensors can take factors, and their axis; 0: it cannot.
static int64_t
channels_of(const fuser_t *self, const kt_graph_node_t *node, int *axis)
{
    const kt_shape_of_t *out = &self->shapes[node->out[0]];
    switch (node->op) {
    case KT_OP_CONV:
    case KT_OP_DECONV: *axis = 1; break;
    case KT_OP_DENSE: *axis = out->rank - 1; break;
    case KT_OP_SCALE: *axis = node->attrs.axis; break;
    default: return 0;
    }
    return out->dims[*axis];
}

// Removes a node whose work an earlier one has taken over.
static void
replace_output(fuser_t *self, int into, int node)
{
    int out                         = self->graph->nodes[node].out[0];
    self->graph->nodes[into].out[0] = out;
    self->graph->values[out].node   = into;
    self->gone[node]                = true;
}

static kt_err_t
fold_factors(fuser_t *self, int into, int index)
{
    const kt_graph_node_t *node = &self->graph->nodes[index];
    int                    axis = 0;
    int64_t                n    = channels_of(self, &self->graph->nodes[into], &axis);
    if (!n || (node->op == KT_OP_SCALE && node->attrs.axis != axis))
        return KT_OK;
    double *factor = self->factor[into];
    float  *values = malloc(2 * (size_t)n * sizeof *values);
    if (!factor && (factor = malloc(2 * (size_t)n * sizeof *factor)))
        for (int64_t c = 0; c < n; c++)
            factor[c] = 1, factor[n + c] = 0;
    self->factor[into] = factor;
    if (!factor || !values) {
        free(values);
        return KT_ENOMEM;
    }
    if (node->op == KT_OP_SCALE) {
        kt_tensor_floats(self->graph->values[node->in[1]].constant, values);
        kt_tensor_floats(self->graph->values[node->in[2]].constant, values + n);
    }
    for (int64_t c = 0; c < n; c++) {
        double a      = (double)(node->op == KT_OP_SCALE ? values[c] : node->attrs.alpha);
        double b      = (double)(node->op == KT_OP_SCALE ? values[n + c] : node->attrs.beta);
        factor[c]     = factor[c] * a;
        factor[n + c] = factor[n + c] * a + b;
    }
    free(values);
    replace_output(self, into, index);
    return KT_OK;
}

static void
fold_affine(fuser_t *self, int into, int index)
{
    kt_op_attrs_t       *first  = &self->graph->nodes[into].attrs;
    const kt_op_attrs_t *second = &self->graph->nodes[index].attrs;
    first->beta                 = (float)((double)second->alpha * (double)first->beta + (double)second->beta);
    first->alpha                = (float)((double)second->alpha * (double)first->alpha);
    replace_output(self, into, index);
}

// The second shape in terms of the first one's input: what its zeros keep is what the first one gives.
static void
fold_reshape(fuser_t *self, int into, int index)
{
    kt_op_attrs_t *first = &self->graph->nodes[into].attrs, shape = self->graph->nodes[index].attrs;
    bool           left = false;
    for (int i = 0; i < shape.n_list; i++)
        left = left || shape.list[i] == -1;
    for (int i = 0; i < shape.n_list; i++) {
        if (shape.list[i])
            continue;
        shape.list[i] = first->list[i];
        if (shape.list[i] == -1 && left)
            return;
        left = left || shape.list[i] == -1;
    }
    *first = shape;
    replace_output(self, into, index);
}

static kt_err_t
fuse_node(fuser_t *self, int index)
{
    const kt_graph_node_t *node = &self->graph->nodes[index];
    int                    from = node->in[0], into = self->graph->values[from].node;
    if (into < 0 || self->uses[from] != 1)
        return KT_OK;
    kt_op_t first = self->graph->nodes[into].op;
    if (node->op == KT_OP_RESHAPE && first == KT_OP_RESHAPE)
        fold_reshape(self, into, index);
    else if (node->op == KT_OP_AFFINE && first == KT_OP_AFFINE)
        fold_affine(self, into, index);
    else if (node->op == KT_OP_SCALE || node->op == KT_OP_AFFINE)
        return fold_factors(self, into, index);
    return KT_OK;
}

// A tensor of the result; NULL: out of memory. *value: its index.
static float *
add_tensor(kt_graph_t *graph, const char *name, int rank, const int64_t *dims, int *value)
{
    kt_ktm_tensor_t *tensor = &graph->tensors[graph->n_weights];
    *tensor                 = (kt_ktm_tensor_t){.name = name, .type = KT_KTM_F32, .rank = rank, .count = 1};
    for (int i = 0; i < rank; i++) {
        tensor->dims[i] = dims[i];
        tensor->count *= (size_t)dims[i];
    }
    float *data = aligned_alloc(ALIGN, (tensor->count * sizeof *data + ALIGN - 1) / ALIGN * ALIGN);
    if (!data)
        return NULL;
    tensor->data                       = data;
    graph->weights[graph->n_weights++] = data;
    *value                             = (int)graph->n_values;
    graph->values[graph->n_values++]   = (kt_graph_value_t){name, tensor, -1, -1};
    return data;
}

// The channel that element i of a weight tensor belongs to. deconv: [C, O / groups, taps].
static int64_t
channel_of(const kt_graph_node_t *node, const kt_ktm_tensor_t *w, int64_t i)
{
    int64_t row = (int64_t)w->count / w->dims[0];
    if (node->op != KT_OP_DECONV)
        return i / row;
    int64_t depth = w->dims[0] / node->attrs.groups, taps = row / w->dims[1];
    return i / row / depth * w->dims[1] + i / taps % w->dims[1];
}

// Multiplies a node's collected factors into new weights.
static kt_err_t
apply_factors(kt_graph_t *graph, kt_graph_node_t *node, const double *factor, int64_t n)
{
    const kt_ktm_tensor_t *old      = graph->values[node->in[1]].constant;
    const kt_ktm_tensor_t *old_bias = node->n_in > 2 ? graph->values[node->in[2]].constant : NULL;
    int                    w, b;
    float                 *weights = add_tensor(graph, old->name, old->rank, old->dims, &w);
    float                 *bias    = add_tensor(graph, old_bias ? old_bias->name : old->name, 1, &n, &b);
    if (!weights || !bias)
        return KT_ENOMEM;
    kt_tensor_floats(old, weights);
    memset(bias, 0, (size_t)n * sizeof *bias);
    if (old_bias)
        kt_tensor_floats(old_bias, bias);
    for (int64_t i = 0; i < (int64_t)old->count; i++)
        weights[i] = (float)((double)weights[i] * factor[channel_of(node, old, i)]);
    for (int64_t c = 0; c < n; c++)
        bias[c] = (float)((double)bias[c] * factor[c] + factor[n + c]);
    node->in[1] = w;
    node->in[2] = b;
    node->n_in  = 3;
    return KT_OK;
}

// An empty result with room for two new tensors per node.
static kt_err_t
copy_graph(fuser_t *self)
{
    const kt_graph_t *from  = self->from;
    kt_graph_t       *graph = self->graph = calloc(1, sizeof *graph);
    size_t            extra               = 2 * from->n_nodes;
    if (!graph)
        return KT_ENOMEM;
    *graph           = *from;
    graph->names     = (kt_names_t){0};
    graph->values    = calloc(from->n_values + extra, sizeof *graph->values);
    graph->nodes     = calloc(from->n_nodes, sizeof *graph->nodes);
    graph->tensors   = calloc(extra, sizeof *graph->tensors);
    graph->weights   = calloc(extra, sizeof *graph->weights);
    graph->n_weights = 0;
    if (!graph->values || !graph->nodes || !graph->tensors || !graph->weights ||
        kt_names_init(&graph->names, from->n_values))
        return KT_ENOMEM;
    memcpy(graph->values, from->values, from->n_values * sizeof *graph->values);
    memcpy(graph->nodes, from->nodes, from->n_nodes * sizeof *graph->nodes);
    for (size_t i = 0; i < from->n_values; i++)
        (void)kt_names_add(&graph->names, from->values[i].name, (int)i);
    return KT_OK;
}

static void
count_uses(fuser_t *self)
{
    for (size_t i = 0; i < self->from->n_nodes; i++)
        for (int k = 0; k < self->from->nodes[i].n_in; k++)
            self->uses[self->from->nodes[i].in[k]]++;
    for (size_t i = 0; i < self->from->n_outputs; i++)
        self->uses[self->from->outputs[i]]++;
}

static kt_err_t
fuse_all(fuser_t *self)
{
    kt_graph_t *graph = self->graph;
    kt_err_t    err   = KT_OK;
    int         axis;
    size_t      kept = 0;
    for (size_t i = 0; i < graph->n_nodes && !err; i++)
        err = fuse_node(self, (int)i);
    for (size_t i = 0; i < graph->n_nodes && !err; i++)
        if (self->factor[i])
            err = apply_factors(graph, &graph->nodes[i], self->factor[i], channels_of(self, &graph->nodes[i], &axis));
    for (size_t i = 0; i < graph->n_nodes; i++)
        if (!self->gone[i])
            graph->nodes[kept++] = graph->nodes[i];
    graph->n_nodes = kept;
    kt_graph_link(graph);
    return err;
}

kt_err_t
kt_graph_fuse(kt_graph_t **out, const kt_graph_t *graph)
{
    size_t   nodes = graph->n_nodes;
    fuser_t  self  = {.from = graph};
    char     why[KT_KTM_WHY];
    int64_t  sizes[KT_FREE_DIMS];
    kt_err_t err = KT_ENOMEM;
    self.shapes  = calloc(graph->n_values, sizeof *self.shapes);
    self.uses    = calloc(graph->n_values, sizeof *self.uses);
    self.gone    = calloc(nodes, sizeof *self.gone);
    self.factor  = calloc(nodes, sizeof *self.factor);
    kt_graph_smallest(graph, sizes);
    if (!self.shapes || !self.uses || !self.gone || !self.factor || (err = copy_graph(&self)) ||
        (err = kt_graph_shapes(graph, sizes, self.shapes, why)))
        goto done;
    count_uses(&self);
    if ((err = fuse_all(&self)))
        goto done;
    *out       = self.graph;
    self.graph = NULL;
done:
    for (size_t i = 0; self.factor && i < nodes; i++)
        free(self.factor[i]);
    free(self.factor);
    free(self.gone);
    free(self.uses);
    free(self.shapes);
    kt_graph_destroy(&self.graph);
    return err;
}
