// Inside of models/graph.
#pragma once

#include "models/format/names.h"
#include "models/graph/graph.h"

enum { KT_COUNT_MAX = INT32_MAX, KT_OP_ATTRIBUTES = 8, KT_ATTR_TEXT = 24 };

// The declared shape of an input: a dimension that is free has its index in free, else -1.
typedef struct kt_declared_shape {
    kt_shape_of_t shape;
    int           free[KT_GRAPH_RANK];
} kt_declared_shape_t;

struct kt_graph {
    size_t              n_values, n_nodes, n_inputs, n_outputs, n_free;
    kt_graph_value_t   *values;
    kt_graph_node_t    *nodes;
    int                 inputs[KT_GRAPH_INPUTS], outputs[KT_GRAPH_OUTPUTS];
    kt_declared_shape_t declared[KT_GRAPH_INPUTS];
    kt_free_dim_t       free[KT_FREE_DIMS];
    kt_names_t          names;
    // Of a fused graph: weights of its own, and their values.
    kt_ktm_tensor_t *tensors;
    float          **weights;
    size_t           n_weights;
};

typedef struct kt_op_row {
    const char *name;
    int         least, most, outputs;
    const char *attributes;  // "stride [1..], groups 1"
    const char *meaning;
} kt_op_row_t;

extern const kt_op_row_t kt_op_rows[KT_OPS];

// One item of kt_op_row_t.attributes; moves *at behind it. false: there are no more.
typedef struct kt_attr_item {
    char name[KT_ATTR_TEXT], fallback[KT_ATTR_TEXT];
} kt_attr_item_t;
bool kt_attr_next(const char **at, kt_attr_item_t *out);

// The attributes of a JSON node whose first input has this rank; axes are made non-negative. KT_EMODEL; why: without
// the node's name.
KT_MUST_USE kt_err_t kt_attrs_read(const json_t *json, kt_op_t op, int rank, kt_op_attrs_t *out, char why[KT_KTM_WHY]);

// Parses inputs, nodes and outputs of the header (parse.c).
KT_MUST_USE kt_err_t kt_graph_parse(kt_graph_t *self, const kt_ktm_t *file, char why[KT_KTM_WHY]);
// Sets node and last_use of all values.
void kt_graph_link(kt_graph_t *self);
// Shapes of the inputs. KT_EINVAL, KT_EMODEL: too many elements.
KT_MUST_USE kt_err_t kt_graph_input_shapes(const kt_graph_t *self, const int64_t sizes[KT_FREE_DIMS],
                                           kt_shape_of_t *shapes, char why[KT_KTM_WHY]);

// Inputs of an operator that must be tensors of the file, as bits; whether the others may be.
typedef struct kt_op_roles {
    unsigned constant;
    bool     either;
} kt_op_roles_t;
kt_op_roles_t kt_op_roles(kt_op_t op);

// Shapes of a node's outputs. The reason why it does not fit, or NULL.
typedef struct kt_infer {
    const kt_op_attrs_t *attrs;
    int                  n_in, n_out;
    const kt_shape_of_t *in[KT_NODE_INPUTS];
    kt_shape_of_t       *out[KT_NODE_OUTPUTS];
} kt_infer_t;
const char *kt_infer_node(const kt_graph_node_t *node, kt_shape_of_t *shapes);
typedef const char *(*kt_infer_fn)(const kt_infer_t *call);
const char *kt_infer_conv(const kt_infer_t *call);
const char *kt_infer_deconv(const kt_infer_t *call);
const char *kt_infer_dense(const kt_infer_t *call);
const char *kt_infer_matmul(const kt_infer_t *call);
const char *kt_infer_lstm(const kt_infer_t *call);
const char *kt_infer_channel(const kt_infer_t *call);
const char *kt_infer_same(const kt_infer_t *call);
const char *kt_infer_pair(const kt_infer_t *call);
const char *kt_infer_concat(const kt_infer_t *call);
const char *kt_infer_reshape(const kt_infer_t *call);
const char *kt_infer_transpose(const kt_infer_t *call);
const char *kt_infer_slice(const kt_infer_t *call);
const char *kt_infer_pad(const kt_infer_t *call);
const char *kt_infer_resize(const kt_infer_t *call);
const char *kt_infer_pool(const kt_infer_t *call);
const char *kt_infer_reduce(const kt_infer_t *call);
const char *kt_infer_layer_norm(const kt_infer_t *call);
const char *kt_infer_tags(const kt_infer_t *call);
const char *kt_infer_band(const kt_infer_t *call);
const char *kt_infer_histogram(const kt_infer_t *call);
