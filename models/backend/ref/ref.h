// The definition of every operator in plain C: sums in double in a fixed order, results rounded once. Other backends
// run by these functions the nodes that they do not support, and are tested against them. Any thread; nothing is
// allocated.
#pragma once

#include "models/graph/graph.h"

// Runs one node. shapes: of all values of the graph; in, out: of the node, dense float32. Where kt_op_in_place holds,
// out[0] may be in[0].
void kt_ref_node(const kt_graph_node_t *node, const kt_shape_of_t *shapes, const float *const *in, float *const *out);
