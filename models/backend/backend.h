// kt_exec -- a graph prepared for one backend and one set of sizes. Prepared once (weights packed, memory planned) and
// shared: constant after new, any number of threads run it, each with an arena of its own. Backends: ref (plain C, the
// definition of every operator), cpu (oneDNN), cuda (cuDNN).
#pragma once

#include "models/graph/graph.h"

typedef struct kt_exec    kt_exec_t;
typedef struct kt_backend kt_backend_t;

typedef struct kt_exec_opts {
    const char *isa;  // cpu: "ref", "base", "avx2", "avx512"; NULL, "" or "auto": the best (KITHARA_ISA).
                      // cuda: "own": without cuDNN, by kernels of our own alone
    // cpu: convolutions of one channel, reduced to a maximum, in 8 bits where AVX-512 VNNI is there. On 20 real tracks
    // musicnn's tags moved by at most .0093 (one patch) and .0039 (mean of six).
    bool        int8;
    bool        tf32;   // cuda: allows TensorFloat-32
    const char *plans;  // cuda: folder of stored plans, as `kithara models plan` writes it; NULL: plans are made anew
} kt_exec_opts_t;

typedef struct kt_exec_ops {
    void (*destroy)(kt_exec_t *self);
    // arena: 64-byte aligned. inputs, outputs: in the graph's order, dense float32, aligned as such. KT_ENOMEM; cuda:
    // KT_EDEVICE.
    kt_err_t (*run)(const kt_exec_t *self, void *arena, const float *const *inputs, float *const *outputs);
} kt_exec_ops_t;

// First member of each backend's own struct.
struct kt_exec {
    const kt_exec_ops_t *ops;
    const kt_graph_t    *graph;
    size_t               arena_bytes;   // of one run; 64-byte aligned
    size_t               packed_bytes;  // weights that were copied
    bool                 int8;          // some nodes compute in 8 bits
    int64_t              sizes[KT_FREE_DIMS];
};

struct kt_backend {
    const char *name;
    bool (*supports)(const kt_graph_node_t *node);  // else the node runs by the plain-C function
    // The graph must outlive the result. KT_ENOMEM, KT_EINVAL (sizes, isa), KT_EMODEL, KT_EDEVICE.
    kt_err_t (*prepare)(kt_exec_t **out, const kt_graph_t *graph, const int64_t sizes[KT_FREE_DIMS],
                        const kt_exec_opts_t *opts, char why[KT_KTM_WHY]);
    bool batched;  // runs N items at once; else each item is run alone, prepared for N = 1
};

extern const kt_backend_t kt_backend_ref;   // models/backend/ref
extern const kt_backend_t kt_backend_cpu;   // models/backend/cpu
extern const kt_backend_t kt_backend_cuda;  // models/backend/cuda; prepare: KT_EDEVICE without a GPU or cuDNN

KT_MUST_USE kt_err_t kt_exec_run(const kt_exec_t *self, void *arena, const float *const *inputs, float *const *outputs);
void                 kt_exec_destroy(kt_exec_t **self_p);
