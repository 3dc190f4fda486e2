// The header's graph as tables. Each node is checked against the values before it, so that a graph that was parsed has
// an order, and its shapes are known for the smallest sizes.
#include "common/text.h"
#include "models/format/members.h"
#include "models/graph/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_MAX = 65536 };

typedef struct parser {
    kt_graph_t     *graph;
    const kt_ktm_t *file;
    kt_shape_of_t  *shapes;  // of the values so far, for the smallest sizes
    char           *why;
} parser_t;

#define REFUSE(...) kt_text_explain(self->why, KT_KTM_WHY, KT_EMODEL, __VA_ARGS__)

static kt_err_t
parse_free(parser_t *self)
{
    static const char *const known[] = {"min", "max", "multiple", NULL};
    const json_t            *free    = kt_json_get(kt_ktm_header(self->file), "free");
    kt_graph_t              *graph   = self->graph;
    const char              *key;
    graph->free[graph->n_free++] = (kt_free_dim_t){.name = "N", .min = 1, .max = N_MAX, .multiple = 1};
    for (size_t i = 0; (key = kt_json_key(free, i)); i++) {
        const json_t *limits = kt_json_get(free, key);
        if (graph->n_free == KT_FREE_DIMS)
            return REFUSE("free: more than %d dimensions", KT_FREE_DIMS - 1);
        kt_free_dim_t *dim = &graph->free[graph->n_free++];
        *dim               = (kt_free_dim_t){.min      = kt_json_i64(limits, "min", 0),
                                             .max      = kt_json_i64(limits, "max", 0),
                                             .multiple = kt_json_get(limits, "multiple") ? kt_json_i64(limits, "multiple", 0) : 1};
        if (!*key || strcmp(key, "N") == 0 || !kt_text_copy(dim->name, sizeof dim->name, key))
            return REFUSE("free: %s is not a name of a free dimension", key);
        if (kt_json_kind(limits) != KT_JSON_OBJECT || kt_members_unknown(limits, known))
            return REFUSE("free: %s is not an object of min, max and multiple", key);
        if (dim->min < 1 || dim->min > dim->max || dim->max > KT_COUNT_MAX || dim->multiple < 1 ||
            dim->multiple > dim->max || (dim->min + dim->multiple - 1) / dim->multiple * dim->multiple > dim->max)
            return REFUSE("free: no multiple of %s's multiple is from min to max", key);
    }
    return KT_OK;
}

static int
find_free(const kt_graph_t *graph, const char *name)
{
    for (size_t i = 0; i < graph->n_free; i++)
        if (strcmp(graph->free[i].name, name) == 0)
            return (int)i;
    return -1;
}

// Adds a value; the name is the header's or the tensor's. KT_EMODEL: the name is taken.
static kt_err_t
add_value(parser_t *self, const char *name, const kt_ktm_tensor_t *constant, int node)
{
    kt_graph_t *graph = self->graph;
    if (!kt_names_add(&graph->names, name, (int)graph->n_values))
        return REFUSE("the name %s is defined twice", name);
    graph->values[graph->n_values] = (kt_graph_value_t){name, constant, node, -1};
    if (constant) {
        self->shapes[graph->n_values].rank = constant->rank;
        memcpy(self->shapes[graph->n_values].dims, constant->dims, sizeof constant->dims);
    }
    graph->n_values++;
    return KT_OK;
}

static kt_err_t
parse_input(parser_t *self, const json_t *json)
{
    static const char *const known[]  = {"name", "shape", NULL};
    kt_graph_t              *graph    = self->graph;
    const char              *name     = kt_members_name(kt_json_get(json, "name"));
    const json_t            *shape    = kt_json_get(json, "shape");
    size_t                   rank     = kt_json_count(shape);
    kt_declared_shape_t     *declared = &graph->declared[graph->n_inputs];
    if (!name || kt_members_unknown(json, known))
        return REFUSE("graph: an input is not an object of name and shape");
    if (kt_json_kind(shape) != KT_JSON_ARRAY || rank < 1 || rank > KT_GRAPH_RANK)
        return REFUSE("input %s: shape is not an array of 1 to %d dimensions", name, KT_GRAPH_RANK);
    declared->shape.rank = (int)rank;
    for (size_t i = 0; i < rank; i++) {
        const char *text  = kt_json_string(kt_json_at(shape, i));
        int64_t     size  = 0;
        declared->free[i] = text ? find_free(graph, text) : -1;
        if (text ? declared->free[i] < 0 : !kt_json_integer(kt_json_at(shape, i), &size) || size < 1)
            return REFUSE("input %s: dimension %zu is not an integer from 1 or the name of a free dimension", name, i);
        if ((declared->free[i] == 0) != (i == 0))
            return REFUSE("input %s: its first dimension, and no other, must be N", name);
        declared->shape.dims[i] = size;
    }
    graph->inputs[graph->n_inputs++] = (int)graph->n_values;
    return add_value(self, name, NULL, -1);
}

static kt_err_t
parse_inputs(parser_t *self, const json_t *json)
{
    kt_err_t err;
    size_t   n = kt_json_count(json);
    if (kt_json_kind(json) != KT_JSON_ARRAY || n < 1 || n > KT_GRAPH_INPUTS)
        return REFUSE("graph: inputs is not an array of 1 to %d", KT_GRAPH_INPUTS);
    for (size_t i = 0; i < n; i++)
        if ((err = parse_input(self, kt_json_at(json, i))))
            return err;
    for (size_t i = 0; i < kt_ktm_tensors(self->file); i++)
        if ((err = add_value(self, kt_ktm_tensor(self->file, i)->name, kt_ktm_tensor(self->file, i), -1)))
            return err;
    int64_t smallest[KT_FREE_DIMS];
    kt_graph_smallest(self->graph, smallest);
    return kt_graph_input_shapes(self->graph, smallest, self->shapes, self->why);
}

static kt_err_t
parse_node_inputs(parser_t *self, const json_t *json, kt_graph_node_t *node)
{
    const kt_op_row_t *op       = &kt_op_rows[node->op];
    kt_op_roles_t      roles    = kt_op_roles(node->op);
    size_t             n        = kt_json_count(json);
    bool               computed = false;
    if (kt_json_kind(json) != KT_JSON_ARRAY || n < (size_t)op->least || n > (size_t)op->most)
        return REFUSE("in is not an array of %d to %d names", op->least, op->most);
    for (size_t i = 0; i < n; i++) {
        const char *name  = kt_members_name(kt_json_at(json, i));
        int         value = name ? kt_names_find(&self->graph->names, name) : -1;
        if (value < 0)
            return REFUSE("in[%zu]: %s is not defined before its use", i, name ? name : "it");
        bool constant = self->graph->values[value].constant != NULL, must = roles.constant >> i & 1;
        if (constant != must && !(roles.either && constant))
            return REFUSE("in[%zu]: %s %s a tensor of the file", i, name, must ? "must be" : "must not be");
        computed    = computed || !constant;
        node->in[i] = value;
        node->n_in  = (int)i + 1;
    }
    return computed ? KT_OK : REFUSE("all of its inputs are tensors of the file");
}

static kt_err_t
parse_node_body(parser_t *self, const json_t *json, kt_graph_node_t *node)
{
    const json_t *out   = kt_json_get(json, "out");
    int           index = (int)(node - self->graph->nodes);
    kt_err_t      err   = parse_node_inputs(self, kt_json_get(json, "in"), node);
    if (err || (err = kt_attrs_read(json, node->op, self->shapes[node->in[0]].rank, &node->attrs, self->why)))
        return err;
    if (kt_json_kind(out) != KT_JSON_ARRAY || kt_json_count(out) != (size_t)kt_op_rows[node->op].outputs)
        return REFUSE("out is not an array of %d names", kt_op_rows[node->op].outputs);
    for (size_t i = 0; i < kt_json_count(out); i++) {
        const char *name = kt_members_name(kt_json_at(out, i));
        node->out[i]     = (int)self->graph->n_values;
        if (!name)
            return REFUSE("out[%zu] is not a name of 1 to 63 bytes", i);
        if ((err = add_value(self, name, NULL, index)))
            return err;
        node->n_out = (int)i + 1;
    }
    const char *reason = kt_infer_node(node, self->shapes);
    return reason ? REFUSE("%s", reason) : KT_OK;
}

static kt_err_t
parse_node(parser_t *self, const json_t *json)
{
    const char      *name  = kt_json_str(json, "op", "");
    size_t           index = self->graph->n_nodes;
    kt_graph_node_t *node  = &self->graph->nodes[index];
    char             reason[KT_KTM_WHY];
    int              op = 0;
    while (op < KT_OPS && strcmp(kt_op_rows[op].name, name) != 0)
        op++;
    if (op == KT_OPS)
        return kt_text_explain(self->why, KT_KTM_WHY, KT_EOPERATOR, "node %zu: unknown operator %s", index, name);
    node->op     = (kt_op_t)op;
    kt_err_t err = parse_node_body(self, json, node);
    self->graph->n_nodes++;
    if (!err)
        return KT_OK;
    (void)kt_text_copy(reason, sizeof reason, self->why);
    return kt_text_explain(self->why, KT_KTM_WHY, err, "node %zu (%s): %s", index, name, reason);
}

static kt_err_t
parse_outputs(parser_t *self, const json_t *json)
{
    kt_graph_t *graph = self->graph;
    size_t      n     = kt_json_count(json);
    if (kt_json_kind(json) != KT_JSON_ARRAY || n < 1 || n > KT_GRAPH_OUTPUTS)
        return REFUSE("graph: outputs is not an array of 1 to %d", KT_GRAPH_OUTPUTS);
    for (size_t i = 0; i < n; i++) {
        const char *name  = kt_members_name(kt_json_at(json, i));
        int         value = name ? kt_names_find(&graph->names, name) : -1;
        if (value < 0 || graph->values[value].node < 0)
            return REFUSE("output %s is not computed by a node", name ? name : "without a name");
        for (size_t k = 0; k < graph->n_outputs; k++)
            if (graph->outputs[k] == value)
                return REFUSE("output %s is listed twice", name);
        graph->outputs[graph->n_outputs++] = value;
    }
    return KT_OK;
}

kt_err_t
kt_graph_parse(kt_graph_t *self_, const kt_ktm_t *file, char why[KT_KTM_WHY])
{
    static const char *const known[] = {"inputs", "nodes", "outputs", NULL};
    const json_t            *json    = kt_json_get(kt_ktm_header(file), "graph");
    const json_t            *nodes   = kt_json_get(json, "nodes");
    size_t                   n       = kt_json_count(nodes);
    size_t                   values  = KT_GRAPH_INPUTS + kt_ktm_tensors(file) + n * KT_NODE_OUTPUTS;
    kt_err_t                 err     = KT_ENOMEM;
    parser_t                 parser = {self_, file, NULL, why}, *self = &parser;
    const char              *unknown = kt_members_unknown(json, known);
    if (unknown)
        return REFUSE("graph: unknown member %s", unknown);
    if (kt_json_kind(nodes) != KT_JSON_ARRAY || n < 1 || n > KT_KTM_NODES)
        return REFUSE("graph: nodes is not an array of 1 to %d", KT_KTM_NODES);
    self_->values = calloc(values, sizeof *self_->values);
    self_->nodes  = calloc(n, sizeof *self_->nodes);
    parser.shapes = calloc(values, sizeof *parser.shapes);
    if (!self_->values || !self_->nodes || !parser.shapes || kt_names_init(&self_->names, values))
        goto done;
    if ((err = parse_free(self)) || (err = parse_inputs(self, kt_json_get(json, "inputs"))))
        goto done;
    for (size_t i = 0; i < n && !err; i++)
        err = parse_node(self, kt_json_at(nodes, i));
    if (!err)
        err = parse_outputs(self, kt_json_get(json, "outputs"));
done:
    free(parser.shapes);
    return err;
}
