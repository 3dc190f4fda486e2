#include "models/backend/backend.h"
#include "tests/unit/models/graph/graph_fixture.h"
#include "tests/unit/models/graph/random_graph.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const float weights[24] = {1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
static const float factor[4] = {0.5f, -2, 3, 0.1f}, shift[4] = {1, 0.25f, -3, 0}, bias[4] = {7, 8, 9, 10};

// Output of the graph for an input of small values; [count] floats, to free.
static float *
compute(const kt_graph_t *graph, size_t *count)
{
    const int64_t  sizes[KT_FREE_DIMS] = {1, 1, 1, 1};
    char           why[KT_KTM_WHY]     = "";
    kt_exec_t     *exec                = NULL;
    const int     *in, *out;
    kt_shape_of_t *shapes = calloc(kt_graph_values(graph), sizeof *shapes);
    cr_assert_eq(kt_graph_shapes(graph, sizes, shapes, why), KT_OK, "%s", why);
    (void)kt_graph_inputs(graph, &in);
    (void)kt_graph_outputs(graph, &out);
    size_t n = (size_t)kt_shape_count(&shapes[in[0]]);
    *count   = (size_t)kt_shape_count(&shapes[out[0]]);
    cr_assert_eq(kt_backend_ref.prepare(&exec, graph, sizes, NULL, why), KT_OK, "%s", why);
    float *x = calloc(n, sizeof *x), *y = calloc(*count, sizeof *y);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((int)(i * 7 % 11) - 5) / 4;
    void  *arena = aligned_alloc(64, exec->arena_bytes + 64);
    float *other = calloc(*count, sizeof *other);  // of graphs with two outputs of the same shape
    cr_assert_eq(kt_exec_run(exec, arena, (const float *[]){x}, (float *[]){y, other}), KT_OK);
    free(other);
    free(arena);
    free(x);
    free(shapes);
    kt_exec_destroy(&exec);
    return y;
}

// The fused graph has this many nodes and gives the same result up to the rounding of weights.
static void
expect_same(const ktm_text_t *text, int nodes)
{
    graph_fixture_t fixture;
    kt_graph_t     *fused = NULL;
    size_t          n, m;
    graph_open(&fixture, text);
    cr_assert_eq(fixture.err, KT_OK, "%s: %s", fixture.why, text->graph);
    cr_assert_eq(kt_graph_fuse(&fused, fixture.graph), KT_OK);
    if (nodes >= 0)
        cr_expect_eq(kt_graph_nodes(fused), (size_t)nodes, "%zu nodes: %s", kt_graph_nodes(fused), text->graph);
    float *wanted = compute(fixture.graph, &n), *got = compute(fused, &m);
    cr_assert_eq(n, m);
    for (size_t i = 0; i < n; i++)
        cr_expect(fabsf(wanted[i] - got[i]) <= 2e-6f * fmaxf(1, fabsf(wanted[i])), "%g, not %g: %s", (double)got[i],
                  (double)wanted[i], text->graph);
    free(wanted);
    free(got);
    kt_graph_destroy(&fused);
    graph_close(&fixture);
}

static void
expect_fused(const char *graph, int nodes)
{
    ktm_text_t text = {.graph   = graph,
                       .tensors = {{"w", KT_KTM_F32, 3, {4, 2, 3}, weights, NULL},
                                   {"g", KT_KTM_F32, 3, {4, 2, 3}, weights, NULL},
                                   {"d", KT_KTM_F32, 2, {4, 6}, weights, NULL},
                                   {"s", KT_KTM_F32, 1, {4}, factor, NULL},
                                   {"t", KT_KTM_F32, 1, {4}, shift, NULL},
                                   {"b", KT_KTM_F32, 1, {4}, bias, NULL}}};
    expect_same(&text, nodes);
}

#define GRAPH(shape, nodes) "{'inputs':[{'name':'x','shape':['N'," shape "]}],'nodes':[" nodes "],'outputs':['y']}"
#define SCALE_AY "{'op':'scale','in':['a','s','t'],'out':['y']}"

Test(fuse, a_scale_becomes_part_of_the_convolution_before_it)
{
    expect_fused(GRAPH("2,5", "{'op':'conv','in':['x','w','b'],'out':['a']}," SCALE_AY), 1);
    expect_fused(GRAPH("2,5", "{'op':'conv','in':['x','w'],'out':['a']}," SCALE_AY), 1);
    expect_fused(GRAPH("4,5", "{'op':'conv','in':['x','w'],'out':['a'],'groups':2}," SCALE_AY), 1);
    expect_fused(GRAPH("4,5", "{'op':'deconv','in':['x','g','b'],'out':['a'],'groups':2}," SCALE_AY), 1);
    expect_fused(GRAPH("6", "{'op':'dense','in':['x','d','b'],'out':['a']}," SCALE_AY), 1);
    expect_fused(GRAPH("3,6", "{'op':'dense','in':['x','d'],'out':['a']},"
                              "{'op':'scale','in':['a','s','t'],'out':['y'],'axis':-1}"),
                 1);
}

Test(fuse, a_chain_after_a_convolution_is_folded_whole)
{
    expect_fused(GRAPH("2,5", "{'op':'conv','in':['x','w','b'],'out':['a']},"
                              "{'op':'scale','in':['a','s','t'],'out':['c']},"
                              "{'op':'affine','in':['c'],'out':['e'],'alpha':-3,'beta':0.5},"
                              "{'op':'scale','in':['e','t','s'],'out':['y']}"),
                 1);
    expect_fused(GRAPH("4,5", "{'op':'scale','in':['x','s','t'],'out':['a']},"
                              "{'op':'affine','in':['a'],'out':['c'],'alpha':-3},"
                              "{'op':'scale','in':['c','t','s'],'out':['y']}"),
                 1);
}

Test(fuse, what_another_node_reads_or_separates_is_kept)
{
    expect_fused(GRAPH("2,5", "{'op':'conv','in':['x','w'],'out':['a']},{'op':'scale','in':['a','s','t'],'out':['c']},"
                              "{'op':'add','in':['a','c'],'out':['y']}"),
                 3);
    expect_fused(GRAPH("2,5", "{'op':'conv','in':['x','w'],'out':['a']},{'op':'relu','in':['a'],'out':['c']},"
                              "{'op':'scale','in':['c','s','t'],'out':['y']}"),
                 3);
    expect_fused(GRAPH("2,6", "{'op':'conv','in':['x','w'],'out':['a']},"
                              "{'op':'scale','in':['a','s','t'],'out':['y'],'axis':2}"),
                 2);
    expect_fused("{'inputs':[{'name':'x','shape':['N',2,5]}],'nodes':[{'op':'conv','in':['x','w'],'out':['a']},"
                 "{'op':'scale','in':['a','s','t'],'out':['y']}],'outputs':['y','a']}",
                 2);
}

Test(fuse, weights_that_two_convolutions_share_are_not_changed)
{
    expect_fused(GRAPH("2,5", "{'op':'conv','in':['x','w'],'out':['a']},{'op':'conv','in':['x','w'],'out':['c']},"
                              "{'op':'scale','in':['a','s','t'],'out':['e']},{'op':'add','in':['e','c'],'out':['y']}"),
                 3);
}

Test(fuse, affine_pairs_become_one)
{
    expect_fused(GRAPH("5", "{'op':'affine','in':['x'],'out':['a'],'alpha':2,'beta':1},"
                            "{'op':'affine','in':['a'],'out':['c'],'alpha':-3,'beta':0.5},"
                            "{'op':'affine','in':['c'],'out':['y'],'alpha':0.5,'beta':4}"),
                 1);
}

Test(fuse, a_reshape_of_a_reshape_becomes_one)
{
    const struct {
        const char *first, *second;
        int         nodes;
    } rows[] = {
        {"[0,-1]", "[0,6,2]", 1},  {"[0,3,4]", "[0,0,-1]", 1},  {"[0,-1,2]", "[0,0,2,1]", 1},
        {"[0,4,0]", "[0,0,0]", 1}, {"[0,-1,2]", "[0,0,-1]", 2}, {"[0,2,-1]", "[0,-1]", 1},
    };
    char graph[512];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(graph, sizeof graph,
                 GRAPH("4,3", "{'op':'reshape','in':['x'],'out':['a'],'shape':%s},"
                              "{'op':'reshape','in':['a'],'out':['y'],'shape':%s}"),
                 rows[i].first, rows[i].second);
        expect_fused(graph, rows[i].nodes);
    }
}

Test(fuse, tensors_of_16_and_8_bits_are_folded_as_float)
{
    static const uint16_t half[4]   = {0x3C00, 0xC000, 0x3555, 0x0001};
    static const int8_t   bytes[24] = {1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12, 127, -128};
    ktm_text_t            text      = {.graph   = GRAPH("2,5", "{'op':'conv','in':['x','w'],'out':['a']}," SCALE_AY),
                                       .tensors = {{"w", KT_KTM_I8, 3, {4, 2, 3}, bytes, "q"},
                                                   {"q", KT_KTM_F32, 1, {4}, factor, NULL},
                                                   {"s", KT_KTM_F16, 1, {4}, half, NULL},
                                                   {"t", KT_KTM_F32, 1, {4}, shift, NULL}}};
    expect_same(&text, 1);
}

Test(fuse, random_graphs_give_the_same_results)
{
    for (unsigned seed = 0; seed < 200; seed++) {
        ktm_text_t text;
        random_graph(seed, 5 + (int)(seed % 40), &text);
        expect_same(&text, -1);
    }
}
