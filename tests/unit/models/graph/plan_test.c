#include "models/graph/graph.h"
#include "tests/unit/models/graph/graph_fixture.h"
#include "tests/unit/models/graph/random_graph.h"

#include <criterion/criterion.h>
#include <stdlib.h>

typedef struct fixture {
    graph_fixture_t  base;
    kt_shape_of_t   *shapes;
    kt_memory_plan_t plan;
} fixture_t;

static void
plan_open(fixture_t *self, const ktm_text_t *text)
{
    graph_open(&self->base, text);
    cr_assert_eq(self->base.err, KT_OK, "%s: %s", self->base.why, text->graph);
    self->shapes = calloc(kt_graph_values(self->base.graph), sizeof *self->shapes);
    cr_assert_eq(kt_graph_shapes(self->base.graph, (int64_t[]){1, 1, 1, 1}, self->shapes, self->base.why), KT_OK);
    cr_assert_eq(kt_memory_plan_new(&self->plan, self->base.graph, self->shapes), KT_OK);
}

static void
plan_close(fixture_t *self)
{
    kt_memory_plan_fini(&self->plan);
    kt_memory_plan_fini(&self->plan);  // idempotent
    free(self->shapes);
    graph_close(&self->base);
}

static size_t
bytes_of(const fixture_t *self, size_t value)
{
    return (size_t)kt_shape_count(&self->shapes[value]) * sizeof(float);
}

static size_t
offset_of(const fixture_t *self, const char *name)
{
    return self->plan.offset[kt_graph_find(self->base.graph, name)];
}

// Whether v is made in the place of u.
static bool
takes_place(const fixture_t *self, size_t u, size_t v)
{
    const kt_graph_value_t *from = kt_graph_value(self->base.graph, u), *to = kt_graph_value(self->base.graph, v);
    const kt_graph_node_t  *node = kt_graph_node(self->base.graph, (size_t)to->node);
    return kt_op_in_place(node->op) && node->in[0] == (int)u && from->last_use == to->node &&
           self->plan.offset[u] == self->plan.offset[v] && bytes_of(self, u) == bytes_of(self, v);
}

static void
expect_apart(const fixture_t *self)
{
    const kt_graph_t *graph = self->base.graph;
    size_t            n     = kt_graph_values(graph);
    for (size_t u = 0; u < n; u++) {
        const kt_graph_value_t *a       = kt_graph_value(graph, u);
        bool                    outside = a->node < 0 || a->last_use == (int)kt_graph_nodes(graph);
        cr_assert_eq(self->plan.offset[u] == SIZE_MAX, outside, "%s", a->name);
        if (outside)
            continue;
        cr_assert_eq(self->plan.offset[u] % 64, 0);
        cr_assert_leq(self->plan.offset[u] + bytes_of(self, u), self->plan.arena_bytes);
        for (size_t v = u + 1; v < n; v++) {
            const kt_graph_value_t *b = kt_graph_value(graph, v);
            if (self->plan.offset[v] == SIZE_MAX)
                continue;
            bool together = a->node <= b->last_use && b->node <= a->last_use;
            bool overlap  = self->plan.offset[u] < self->plan.offset[v] + bytes_of(self, v) &&
                           self->plan.offset[v] < self->plan.offset[u] + bytes_of(self, u);
            cr_assert(!together || !overlap || takes_place(self, u, v), "%s and %s", a->name, b->name);
        }
    }
}

Test(plan, values_that_live_together_never_overlap)
{
    for (unsigned seed = 0; seed < 300; seed++) {
        fixture_t  fixture;
        ktm_text_t text;
        random_graph(seed, 5 + (int)(seed % 40), &text);
        plan_open(&fixture, &text);
        expect_apart(&fixture);
        plan_close(&fixture);
    }
}

Test(plan, a_chain_of_elementwise_nodes_stays_in_one_place)
{
    fixture_t fixture;
    plan_open(&fixture,
              &(ktm_text_t){.graph = "{'inputs':[{'name':'x','shape':['N',100]}],'nodes':["
                                     "{'op':'softmax','in':['x'],'out':['a']},"
                                     "{'op':'relu','in':['a'],'out':['b']},"
                                     "{'op':'reshape','in':['b'],'out':['c'],'shape':[0,4,25]},"
                                     "{'op':'exp','in':['c'],'out':['d']},"
                                     "{'op':'reduce_sum','in':['d'],'out':['y'],'axes':[2]}],'outputs':['y']}"});
    cr_assert_eq(fixture.plan.arena_bytes, 448);
    cr_assert_eq(offset_of(&fixture, "d"), 0);
    cr_assert_eq(offset_of(&fixture, "x"), SIZE_MAX);
    cr_assert_eq(offset_of(&fixture, "y"), SIZE_MAX);
    plan_close(&fixture);
}

Test(plan, a_value_that_is_read_again_is_not_overwritten)
{
    fixture_t fixture;
    plan_open(&fixture, &(ktm_text_t){.graph = "{'inputs':[{'name':'x','shape':['N',16]}],'nodes':["
                                               "{'op':'softmax','in':['x'],'out':['a']},"
                                               "{'op':'relu','in':['a'],'out':['b']},"
                                               "{'op':'add','in':['b','a'],'out':['c']},"
                                               "{'op':'softmax','in':['c'],'out':['y']}],'outputs':['y']}"});
    cr_assert_neq(offset_of(&fixture, "a"), offset_of(&fixture, "b"));
    cr_assert_eq(offset_of(&fixture, "c"), offset_of(&fixture, "b"));
    cr_assert_eq(fixture.plan.arena_bytes, 128);
    plan_close(&fixture);
}

Test(plan, an_operand_that_is_repeated_is_not_the_place_of_the_result)
{
    fixture_t fixture;
    plan_open(&fixture, &(ktm_text_t){.graph = "{'inputs':[{'name':'x','shape':['N',16]}],'nodes':["
                                               "{'op':'reduce_sum','in':['x'],'out':['a'],'axes':[1],'keep':true},"
                                               "{'op':'softmax','in':['x'],'out':['b']},"
                                               "{'op':'sub','in':['a','b'],'out':['c']},"
                                               "{'op':'softmax','in':['c'],'out':['y']}],'outputs':['y']}"});
    cr_assert_neq(offset_of(&fixture, "a"), offset_of(&fixture, "c"));
    expect_apart(&fixture);
    plan_close(&fixture);
}

Test(plan, memory_that_is_free_again_is_used_again)
{
    fixture_t fixture;  // two values of 400 bytes live at any time
    plan_open(&fixture, &(ktm_text_t){.graph = "{'inputs':[{'name':'x','shape':['N',100]}],'nodes':["
                                               "{'op':'softmax','in':['x'],'out':['a']},"
                                               "{'op':'softmax','in':['a'],'out':['b']},"
                                               "{'op':'softmax','in':['b'],'out':['c']},"
                                               "{'op':'softmax','in':['c'],'out':['d']},"
                                               "{'op':'softmax','in':['d'],'out':['y']}],'outputs':['y']}"});
    cr_assert_eq(fixture.plan.arena_bytes, 2 * 448);
    plan_close(&fixture);
}
