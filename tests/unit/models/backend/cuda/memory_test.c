// The plan of the device memory: what is needed at the same time does not overlap.
#include "models/backend/cuda/memory.h"
#include "tests/unit/models/backend/cpu/net.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const net_text_t NETS[] = {
#define NET(label, body, ...) {.name = #label, .graph = body, .tensors = {__VA_ARGS__}},
#include "tests/unit/models/backend/cpu/cases.def"
#undef NET
};

static bool
reads(const kt_graph_t *graph, const kt_cuda_step_t *step, int value)
{
    if (step->is_conv)
        return step->x == value || step->residual == value;
    const kt_graph_node_t *node = kt_graph_node(graph, (size_t)step->node);
    for (int i = 0; i < node->n_in; i++)
        if (node->in[i] == value)
            return true;
    return false;
}

static bool
writes(const kt_graph_t *graph, const kt_cuda_step_t *step, int value)
{
    if (step->is_conv)
        return step->y == value;
    const kt_graph_node_t *node = kt_graph_node(graph, (size_t)step->node);
    for (int i = 0; i < node->n_out; i++)
        if (node->out[i] == value)
            return true;
    return false;
}

// Whether the bytes of `value` hold it at every step from its definition to its last read: no other value that is
// written in between lies there.
static void
check_value(const net_t *net, const kt_shape_of_t *shapes, const kt_cuda_steps_t *steps, const kt_cuda_memory_t *memory,
            int value)
{
    const size_t begin = memory->offset[value], end = begin + (size_t)kt_shape_count(&shapes[value]) * sizeof(float);
    size_t       first = 0, last = 0;
    for (size_t i = 0; i < steps->n; i++) {
        first = writes(net->graph, &steps->at[i], value) ? i : first;
        last  = reads(net->graph, &steps->at[i], value) ? i : last;
    }
    cr_expect_leq(end, memory->bytes);
    for (size_t i = first; i <= last; i++)
        for (size_t other = 0; other < kt_graph_values(net->graph); other++)
            if ((int)other != value && memory->offset[other] != SIZE_MAX &&
                writes(net->graph, &steps->at[i], (int)other))
                cr_expect(memory->offset[other] >= end ||
                              memory->offset[other] + (size_t)kt_shape_count(&shapes[other]) * sizeof(float) <= begin,
                          "value %zu of step %zu lies over value %d", other, i, value);
}

Test(cuda_memory, no_value_is_overwritten_before_its_last_read)
{
    for (size_t k = 0; k < sizeof NETS / sizeof *NETS; k++) {
        char             why[KT_KTM_WHY];
        net_t            net;
        kt_cuda_steps_t  steps  = {0};
        kt_cuda_memory_t memory = {0};
        net_init(&net, &NETS[k], 1);
        kt_shape_of_t *shapes = calloc(kt_graph_values(net.graph), sizeof *shapes);
        cr_assert_eq(kt_graph_shapes(net.graph, net.sizes, shapes, why), KT_OK, "%s", why);
        cr_assert_eq(kt_cuda_steps_new(&steps, net.graph, shapes), KT_OK);
        cr_assert_eq(kt_cuda_memory_new(&memory, net.graph, shapes, &steps), KT_OK);
        for (size_t i = 0; i < kt_graph_values(net.graph); i++)
            if (memory.offset[i] != SIZE_MAX)
                check_value(&net, shapes, &steps, &memory, (int)i);
        kt_cuda_memory_fini(&memory);
        kt_cuda_steps_fini(&steps);
        free(shapes);
        net_fini(&net);
    }
}
