// Builder of a CPU executor: walks the nodes once, gives each computed value a place, and appends steps. Single thread.
#pragma once

#include "models/backend/cpu/exec.h"

typedef struct kt_cpu_value {
    kt_place_t at[KT_LAYOUTS];
    int        reads;  // that are still to come; an output of the graph has one more
    int        user;   // the only node that reads it; -1: none or several
} kt_cpu_value_t;

typedef struct kt_builder {
    kt_cpu_exec_t        *exec;
    const kt_graph_t     *graph;
    const kt_exec_opts_t *opts;
    const kt_shape_of_t  *shapes;  // of exec
    kt_cpu_value_t       *values;
    bool                 *done;  // nodes that are part of an earlier step
} kt_builder_t;

// What a lowering function returns: KT_OK, an error, or KT_EOPERATOR: the plain-C function takes this node.
typedef kt_err_t kt_lower_fn(kt_builder_t *b, int node);

KT_MUST_USE kt_err_t kt_build(kt_cpu_exec_t *exec, const kt_exec_opts_t *opts, char why[KT_KTM_WHY]);

// Dimensions in the order of memory.
void kt_dims_in(const kt_shape_of_t *shape, kt_layout_t layout, int64_t dims[KT_GRAPH_RANK]);
int  kt_axis_in(const kt_shape_of_t *shape, kt_layout_t layout, int axis);
bool kt_same_bytes(const kt_shape_of_t *shape);  // in both layouts
// Product of dims[from] to dims[to - 1].
size_t kt_product(const int64_t *dims, int from, int to);
size_t kt_floats(const kt_shape_of_t *shape);

// A new buffer in the arena. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_buffer_new(kt_builder_t *b, size_t floats, kt_place_t *out);
// Memory that lives as long as the executor; counted as packed. NULL: none left.
float *kt_build_floats(kt_builder_t *b, size_t floats);
// A tensor of the file in float32; NULL: the value is computed, or the node leaves this input out.
const float *kt_constant(const kt_builder_t *b, int value);
const float *kt_constant_in(const kt_builder_t *b, const kt_graph_node_t *node, int input);

// A layout in which the value already lies; PLAIN if both.
kt_layout_t kt_layout_of(const kt_builder_t *b, int value);
bool        kt_lies_in(const kt_builder_t *b, int value, kt_layout_t layout);
// The value in this layout, converted if needed. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_read(kt_builder_t *b, int value, kt_layout_t layout, kt_place_t *out);
// Tells that `node` reads no more: after its steps were appended.
void kt_reads_done(kt_builder_t *b, const kt_graph_node_t *node);
// Delays (1) or no longer delays (-1) the end of a value's use.
void kt_hold(kt_builder_t *b, int value, int change);
// The place's buffer may be overwritten by the step that reads it last.
bool kt_may_overwrite(const kt_builder_t *b, kt_place_t place, size_t floats);
// The value now lies at the place.
void                 kt_define(kt_builder_t *b, int value, kt_layout_t layout, kt_place_t place);
KT_MUST_USE kt_err_t kt_define_new(kt_builder_t *b, int value, kt_layout_t layout, kt_place_t *out);

// Appends a step, which owns its data (freed on an error, too). drop NULL: free().
KT_MUST_USE kt_err_t kt_step(kt_builder_t *b, const kt_cpu_step_t *step);

// The node is part of another step, which was appended.
void kt_take(kt_builder_t *b, int node);

// Chains of elementwise nodes that only the next node reads.
enum { KT_CHAIN = 8 };
typedef struct kt_chain_item {
    kt_ew_op_t op;
    int        operand;  // value; -1: none
    int        node;
} kt_chain_item_t;
// The elementwise node that alone reads `value` (lying in this layout); false: there is none that can be computed now.
bool kt_chain_next(kt_builder_t *b, int value, kt_layout_t layout, kt_chain_item_t *out);

// Copies with another order of dimensions: y, of these dimensions, from x with these strides.
typedef struct kt_permute {
    int     rank;
    int64_t dims[KT_GRAPH_RANK], strides[KT_GRAPH_RANK];
} kt_permute_t;
void     kt_permute(const kt_permute_t *p, float *y, const float *x);
kt_err_t kt_step_permute(kt_builder_t *b, const kt_permute_t *permute, kt_place_t out, kt_place_t in);

// out [rows][outputs] = op(in [rows][inputs] w^T + bias); size: rows, inputs, outputs; w [outputs][inputs] lives as
// long as the executor, as does bias; bias and op may be NULL. KT_EOPERATOR: nothing was appended.
kt_err_t kt_step_dense(kt_builder_t *b, const int64_t size[3], const float *w, const float *bias, const kt_ew_op_t *op,
                       kt_place_t out, kt_place_t in);
// The elementwise node that alone reads the product `value`, if it can be its op.
bool kt_dense_takes(kt_builder_t *b, int value, kt_layout_t layout, kt_chain_item_t *item);
// The same for a convolution of 3 x 3 with a border of 1; size: inputs, outputs, height, width; channels last.
kt_err_t kt_step_conv_3x3(kt_builder_t *b, const int64_t size[4], const float *w, kt_place_t out, kt_place_t in);
bool     kt_has_conv_3x3(kt_builder_t *b, const int64_t size[4]);
// true: the node is computed later, together with a convolution (lower_upsampled.c).
bool kt_upsampled_defer(kt_builder_t *b, const kt_graph_node_t *node);

kt_lower_fn kt_lower_upsampled, kt_lower_conv, kt_lower_front, kt_lower_deconv, kt_lower_dense, kt_lower_matmul,
    kt_lower_lstm, kt_lower_elementwise, kt_lower_concat, kt_lower_reshape, kt_lower_transpose, kt_lower_slice,
    kt_lower_pad, kt_lower_resize, kt_lower_pool, kt_lower_reduce, kt_lower_softmax, kt_lower_l2, kt_lower_layer_norm,
    kt_lower_ref;
