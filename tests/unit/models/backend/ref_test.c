#include "models/backend/backend.h"
#include "models/backend/ref/ref.h"
#include "models/backend/weights.h"
#include "tests/unit/models/graph/graph_fixture.h"
#include "tests/unit/models/graph/random_graph.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

// The graph node by node, each value in memory of its own. Returns the output's; free it.
static float *
run_apart(const kt_graph_t *graph, const kt_shape_of_t *shapes, const float *x, size_t *count)
{
    size_t        n       = kt_graph_values(graph);
    kt_weights_t *weights = NULL;
    float       **at      = calloc(n, sizeof *at), *y;
    const int    *values;
    cr_assert_eq(kt_weights_new(&weights, graph), KT_OK);
    for (size_t i = 0; i < n; i++)
        at[i] = calloc((size_t)kt_shape_count(&shapes[i]), sizeof **at);
    for (size_t i = 0; i < n; i++)
        if (kt_graph_value(graph, i)->constant && kt_weights_at(weights, (int)i))
            memcpy(at[i], kt_weights_at(weights, (int)i), (size_t)kt_shape_count(&shapes[i]) * sizeof **at);
    (void)kt_graph_inputs(graph, &values);
    memcpy(at[values[0]], x, (size_t)kt_shape_count(&shapes[values[0]]) * sizeof *x);
    for (size_t i = 0; i < kt_graph_nodes(graph); i++) {
        const kt_graph_node_t *node = kt_graph_node(graph, i);
        const float           *in[KT_NODE_INPUTS];
        for (int k = 0; k < node->n_in; k++)
            in[k] = at[node->in[k]];
        kt_ref_node(node, shapes, in, (float *[]){at[node->out[0]]});
    }
    (void)kt_graph_outputs(graph, &values);
    *count        = (size_t)kt_shape_count(&shapes[values[0]]);
    y             = at[values[0]];
    at[values[0]] = NULL;
    for (size_t i = 0; i < n; i++)
        free(at[i]);
    free(at);
    kt_weights_destroy(&weights);
    return y;
}

Test(ref, an_arena_gives_the_bytes_that_memory_of_each_value_gives)
{
    const int64_t sizes[KT_FREE_DIMS] = {1};
    for (unsigned seed = 0; seed < 200; seed++) {
        graph_fixture_t fixture;
        ktm_text_t      text;
        kt_exec_t      *exec = NULL;
        size_t          count;
        float           x[RANDOM_GRAPH_INPUT], y[RANDOM_GRAPH_INPUT];
        random_graph(seed, 5 + (int)(seed % 40), &text);
        graph_open(&fixture, &text);
        kt_shape_of_t *shapes = calloc(kt_graph_values(fixture.graph), sizeof *shapes);
        cr_assert_eq(kt_graph_shapes(fixture.graph, sizes, shapes, fixture.why), KT_OK);
        cr_assert_eq(kt_backend_ref.prepare(&exec, fixture.graph, sizes, NULL, fixture.why), KT_OK);
        for (size_t i = 0; i < RANDOM_GRAPH_INPUT; i++)
            x[i] = (float)((int)(i * 7 % 11) - 5) / 4;
        void *arena = aligned_alloc(64, exec->arena_bytes);
        cr_assert_eq(kt_exec_run(exec, arena, (const float *[]){x}, (float *[]){y}), KT_OK);
        float *wanted = run_apart(fixture.graph, shapes, x, &count);
        cr_assert_eq(count, RANDOM_GRAPH_INPUT);
        cr_assert_arr_eq(y, wanted, sizeof y, "%s", text.graph);
        free(wanted);
        free(arena);
        free(shapes);
        kt_exec_destroy(&exec);
        graph_close(&fixture);
    }
}

Test(ref, wrong_sizes_are_refused)
{
    graph_fixture_t fixture;
    kt_exec_t      *exec = NULL;
    graph_open(&fixture, &(ktm_text_t){0});
    cr_assert_eq(kt_backend_ref.prepare(&exec, fixture.graph, (int64_t[]){0, 1, 1, 1}, NULL, fixture.why), KT_EINVAL);
    cr_assert_null(exec);
    graph_close(&fixture);
}
