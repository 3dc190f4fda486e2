// kt_backend_ref -- runs a graph by the plain-C functions, in the arena of the memory plan.
#include "models/backend/ref/ref.h"

#include "models/backend/backend.h"
#include "models/backend/weights.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

typedef struct ref_exec {
    kt_exec_t        exec;
    kt_shape_of_t   *shapes;
    kt_memory_plan_t plan;
    kt_weights_t    *weights;
} ref_exec_t;

static void
ref_destroy(kt_exec_t *exec)
{
    ref_exec_t *self = (ref_exec_t *)exec;
    kt_weights_destroy(&self->weights);
    kt_memory_plan_fini(&self->plan);
    free(self->shapes);
    free(self);
}

// The arena: the values of the plan, then a pointer to each value.
static kt_err_t
ref_run(const kt_exec_t *exec, void *arena, const float *const *inputs, float *const *outputs)
{
    const ref_exec_t *self  = (const ref_exec_t *)exec;
    const kt_graph_t *graph = exec->graph;
    float           **at    = (float **)((char *)arena + self->plan.arena_bytes);
    const int        *values;
    for (size_t i = 0; i < kt_graph_values(graph); i++)
        at[i] = self->plan.offset[i] == SIZE_MAX ? (float *)kt_weights_at(self->weights, (int)i)
                                                 : (float *)((char *)arena + self->plan.offset[i]);
    for (size_t i = 0, n = kt_graph_inputs(graph, &values); i < n; i++)
        at[values[i]] = (float *)inputs[i];
    for (size_t i = 0, n = kt_graph_outputs(graph, &values); i < n; i++)
        at[values[i]] = outputs[i];
    for (size_t i = 0; i < kt_graph_nodes(graph); i++) {
        const kt_graph_node_t *node = kt_graph_node(graph, i);
        const float           *in[KT_NODE_INPUTS];
        float                 *out[KT_NODE_OUTPUTS];
        for (int k = 0; k < node->n_in; k++)
            in[k] = at[node->in[k]];
        for (int k = 0; k < node->n_out; k++)
            out[k] = at[node->out[k]];
        kt_ref_node(node, self->shapes, in, out);
    }
    return KT_OK;
}

static bool
ref_supports(const kt_graph_node_t *node)
{
    (void)node;
    return true;
}

static kt_err_t
ref_prepare(kt_exec_t **out, const kt_graph_t *graph, const int64_t sizes[KT_FREE_DIMS], const kt_exec_opts_t *opts,
            char why[KT_KTM_WHY])
{
    static const kt_exec_ops_t ops    = {ref_destroy, ref_run};
    size_t                     values = kt_graph_values(graph);
    kt_err_t                   err    = KT_ENOMEM;
    ref_exec_t                *self   = calloc(1, sizeof *self);
    (void)opts;
    if (!self)
        goto fail;
    self->exec.ops   = &ops;
    self->exec.graph = graph;
    memcpy(self->exec.sizes, sizes, sizeof self->exec.sizes);
    self->shapes = calloc(values, sizeof *self->shapes);
    if (!self->shapes)
        goto fail;
    if ((err = kt_graph_shapes(graph, sizes, self->shapes, why)) ||
        (err = kt_memory_plan_new(&self->plan, graph, self->shapes)) || (err = kt_weights_new(&self->weights, graph)))
        goto fail;
    size_t pointers         = (values * sizeof(float *) + ALIGN - 1) / ALIGN * ALIGN;
    self->exec.arena_bytes  = self->plan.arena_bytes + pointers;
    self->exec.packed_bytes = kt_weights_bytes(self->weights);
    *out                    = &self->exec;
    return KT_OK;
fail:
    if (self)
        ref_destroy(&self->exec);
    return err;
}

const kt_backend_t kt_backend_ref = {.name = "ref", .supports = ref_supports, .prepare = ref_prepare};
