// A small network with random weights and inputs, prepared by a backend, for tests of executors.
#pragma once

#include "models/backend/backend.h"

enum { NET_TENSORS = 8, NET_SIZES = 3 };

typedef struct net_shape {
    const char *name;
    int         rank;
    int64_t     dims[KT_GRAPH_RANK];
} net_shape_t;

typedef struct net_text {
    const char *name;
    const char *graph, *free;      // as in ktm_build.h
    int64_t     sizes[NET_SIZES];  // of the free dimensions after N
    bool        positive;          // inputs above 0
    net_shape_t tensors[NET_TENSORS];
} net_text_t;

typedef struct net {
    kt_ktm_t   *file;
    kt_graph_t *graph;
    uint8_t    *bytes;
    float      *weights[NET_TENSORS];
    float      *in[KT_GRAPH_INPUTS];
    int64_t     sizes[KT_FREE_DIMS];
    size_t      n_in, n_out, in_floats[KT_GRAPH_INPUTS], out_floats[KT_GRAPH_OUTPUTS];
} net_t;

void net_init(net_t *self, const net_text_t *text, unsigned seed);
void net_fini(net_t *self);
// All outputs, one after another; free it. The arena holds NaN before the run.
float *net_run(const net_t *self, const kt_exec_t *exec);
// Prepares and runs. count: of the outputs' values.
float *net_compute(const net_t *self, const kt_backend_t *backend, const kt_exec_opts_t *opts, size_t *count);
