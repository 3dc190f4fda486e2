// Nodes that run by the plain-C function.
#include "models/backend/cpu/build.h"
#include "models/backend/ref/ref.h"

static kt_err_t
ref_run(const kt_cpu_step_t *self, const kt_cpu_run_t *run)
{
    const kt_graph_node_t *node = self->data;
    const float           *in[KT_NODE_INPUTS];
    float                 *out[KT_NODE_OUTPUTS];
    for (int i = 0; i < node->n_out; i++)
        out[i] = kt_cpu_at(run, self->places[i]);
    for (int i = 0; i < node->n_in; i++)
        in[i] = kt_cpu_at(run, self->places[node->n_out + i]);
    kt_ref_node(node, run->exec->shapes, in, out);
    return KT_OK;
}

static void
ref_drop(void *data)
{
    (void)data;  // the graph's node
}

kt_err_t
kt_lower_ref(kt_builder_t *b, int n)
{
    const kt_graph_node_t *node = kt_graph_node(b->graph, (size_t)n);
    kt_cpu_step_t          step = {.name     = kt_op_name(node->op),
                                   .run      = ref_run,
                                   .drop     = ref_drop,
                                   .data     = (void *)(uintptr_t)node,
                                   .n_places = node->n_out + node->n_in};
    kt_err_t               err  = KT_OK;
    for (int i = 0; i < node->n_in && err == KT_OK; i++)
        err = kt_read(b, node->in[i], KT_PLAIN, &step.places[node->n_out + i]);
    for (int i = 0; i < node->n_out && err == KT_OK; i++)
        err = kt_define_new(b, node->out[i], KT_PLAIN, &step.places[i]);
    return err == KT_OK ? kt_step(b, &step) : err;
}
