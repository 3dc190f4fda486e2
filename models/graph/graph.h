// kt_graph -- the graph of a model file: values and nodes as checked tables, shapes for given sizes of its free
// dimensions, and a static memory plan. Borrowed weights: the file must outlive the graph. Constant after new; any
// thread.
#pragma once

#include "models/format/ktm.h"

typedef struct kt_graph kt_graph_t;

typedef enum kt_op {
#define KT_OP(NAME, ...) KT_OP_##NAME,
#include "models/graph/ops.def"
#undef KT_OP
    KT_OPS
} kt_op_t;

enum {
    KT_GRAPH_RANK    = KT_KTM_RANK,
    KT_NODE_INPUTS   = 16,
    KT_NODE_OUTPUTS  = 3,
    KT_GRAPH_INPUTS  = 8,
    KT_GRAPH_OUTPUTS = 16
};
enum { KT_FREE_DIMS = 4 };  // N first, then those of "free" in the header's order

typedef struct kt_shape_of {
    int     rank;
    int64_t dims[KT_GRAPH_RANK];
} kt_shape_of_t;

// A value: an input of the graph, a tensor of the file (constant), or an output of a node.
typedef struct kt_graph_value {
    const char            *name;
    const kt_ktm_tensor_t *constant;  // NULL: computed
    int                    node;      // that computes it; -1: an input or a constant
    int                    last_use;  // index of the last node that reads it; nodes: an output of the graph
} kt_graph_value_t;

// Attributes of all operators; those that an operator does not have are zero. axis and axes count from the front;
// spatial ones beyond the input's rank have their default.
typedef struct kt_op_attrs {
    int64_t stride[3], before[3], after[3], dilation[3], kernel[3], groups;
    int     axis, n_list;
    int64_t list[KT_GRAPH_RANK];  // shape, order, axes, factor
    int64_t begin, end;           // slice: as written (kt_slice_range); pad: before and after
    float   alpha, beta, low, high, epsilon, exponent;
    int     width;
    bool    transpose, keep, ceil, include_pad, reflect;
} kt_op_attrs_t;

typedef struct kt_graph_node {
    kt_op_t       op;
    int           n_in, n_out;
    int           in[KT_NODE_INPUTS], out[KT_NODE_OUTPUTS];  // values
    kt_op_attrs_t attrs;
} kt_graph_node_t;

typedef struct kt_free_dim {
    char    name[KT_KTM_NAME];
    int64_t min, max, multiple;
} kt_free_dim_t;

// Checks the whole graph, and its shapes for the smallest free dimensions. KT_EMODEL, KT_EOPERATOR (an operator that
// this version does not have), KT_ENOMEM.
KT_MUST_USE kt_err_t kt_graph_new(kt_graph_t **self_p, const kt_ktm_t *file, char why[KT_KTM_WHY]);
void                 kt_graph_destroy(kt_graph_t **self_p);

size_t                  kt_graph_nodes(const kt_graph_t *self);
const kt_graph_node_t  *kt_graph_node(const kt_graph_t *self, size_t index);
size_t                  kt_graph_values(const kt_graph_t *self);
const kt_graph_value_t *kt_graph_value(const kt_graph_t *self, size_t index);
int                     kt_graph_find(const kt_graph_t *self, const char *name);  // value; -1: none
size_t                  kt_graph_inputs(const kt_graph_t *self, const int **values);
size_t                  kt_graph_outputs(const kt_graph_t *self, const int **values);
size_t                  kt_graph_free(const kt_graph_t *self, const kt_free_dim_t **dims);  // [0] is N
const char             *kt_op_name(kt_op_t op);

// The smallest permitted size of each free dimension; 1 for those that the graph does not have.
void kt_graph_smallest(const kt_graph_t *self, int64_t sizes[KT_FREE_DIMS]);
// Shapes of all values for these sizes of the free dimensions, shapes[values]. KT_EINVAL: a size outside its limits;
// KT_EMODEL: an operator does not fit its inputs (why names the node).
KT_MUST_USE kt_err_t kt_graph_shapes(const kt_graph_t *self, const int64_t sizes[KT_FREE_DIMS], kt_shape_of_t *shapes,
                                     char why[KT_KTM_WHY]);
int64_t              kt_shape_count(const kt_shape_of_t *shape);
// begin <= i < end of a slice of a dimension of this size: negative ones count from the end, both are limited to it.
void kt_slice_range(const kt_op_attrs_t *attrs, int64_t size, int64_t *begin, int64_t *end);

// A graph with exact fusions applied: SCALE and AFFINE that follow CONV, DECONV, DENSE or SCALE directly become part of
// its weights (in double, rounded once); AFFINE of AFFINE; RESHAPE of RESHAPE. Values keep their indexes; new weights
// come after them and are owned by the result. `self` must outlive it. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_graph_fuse(kt_graph_t **out, const kt_graph_t *self);

// Static memory plan: offset of each computed value in one arena, so that values that are needed at the same time do
// not overlap; 64-byte aligned. Inputs and outputs of the graph are the caller's, and constants the file's: their
// offset is SIZE_MAX. Greedy by size. The output of a node for which kt_op_in_place holds has the offset of the node's
// first input where that is its last use: such a node must be able to work in place. KT_ENOMEM (also for 2^40 bytes or
// more).
typedef struct kt_memory_plan {
    size_t  arena_bytes;
    size_t *offset;  // [values]
} kt_memory_plan_t;
KT_MUST_USE kt_err_t kt_memory_plan_new(kt_memory_plan_t *out, const kt_graph_t *graph, const kt_shape_of_t *shapes);
void                 kt_memory_plan_fini(kt_memory_plan_t *plan);
bool                 kt_op_in_place(kt_op_t op);  // elementwise and per-channel operators, reshape
