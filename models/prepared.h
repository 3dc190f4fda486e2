// kt_prepared -- the prepared executors of one graph: one per set of sizes, at most KT_MODEL_SIZES; the least recently
// used one is dropped. One that runs is kept until its run ends. Any thread.
#pragma once

#include "models/backend/backend.h"

typedef struct kt_prepared       kt_prepared_t;
typedef struct kt_prepared_entry kt_prepared_entry_t;

struct kt_prepared_entry {
    kt_exec_t *exec;
    // Elements of each input and output for the sizes that were prepared.
    size_t   inputs[KT_GRAPH_INPUTS], outputs[KT_GRAPH_OUTPUTS];
    int64_t  sizes[KT_FREE_DIMS];
    int      holders;  // the table and the runs
    uint64_t used;     // number of its last use
};

// The graph must outlive it. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_prepared_new(kt_prepared_t **self_p, const kt_graph_t *graph, const kt_backend_t *backend,
                                     const kt_exec_opts_t *opts);
void                 kt_prepared_destroy(kt_prepared_t **self_p);  // when none is held
// Finds or prepares the executor for these sizes; release it. Blocks while another thread prepares one. Errors of
// kt_backend_t.prepare.
KT_MUST_USE kt_err_t kt_prepared_hold(kt_prepared_t *self, const int64_t sizes[KT_FREE_DIMS], kt_prepared_entry_t **out,
                                      char why[KT_KTM_WHY]);
void                 kt_prepared_release(kt_prepared_t *self, kt_prepared_entry_t **entry_p);
bool                 kt_prepared_int8(kt_prepared_t *self);   // an executor that is there computes in 8 bits
size_t               kt_prepared_count(kt_prepared_t *self);  // for tests
