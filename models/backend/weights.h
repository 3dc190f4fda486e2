// kt_weights -- the tensors of a graph as float32: those that are float32 already lie in the mapped file, others are
// converted once. Constant after new; any thread. The graph must outlive it.
#pragma once

#include "models/graph/graph.h"

typedef struct kt_weights kt_weights_t;

KT_MUST_USE kt_err_t kt_weights_new(kt_weights_t **self_p, const kt_graph_t *graph);  // KT_ENOMEM
void                 kt_weights_destroy(kt_weights_t **self_p);
// The tensor of this value, dense; NULL: it is computed, or no node reads it.
const float *kt_weights_at(const kt_weights_t *self, int value);
size_t       kt_weights_bytes(const kt_weights_t *self);  // that were converted
