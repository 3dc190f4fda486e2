// How a graph becomes steps: what is fused, in which order they run.
#include "models/backend/cuda/steps.h"
#include "tests/unit/models/ktm_build.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

typedef struct fixture {
    kt_ktm_t       *file;
    kt_graph_t     *graph;
    uint8_t        *bytes;
    kt_cuda_steps_t steps;
} fixture_t;

static void
fixture_init(fixture_t *self, const char *graph)
{
    static const float zeros[64];
    char               why[KT_KTM_WHY] = "";
    size_t             length;
    int64_t            sizes[KT_FREE_DIMS];
    const ktm_text_t   text = {.graph   = graph,
                               .free    = "{}",
                               .tensors = {{"w", KT_KTM_F32, 4, {2, 2, 3, 3}, zeros, NULL},
                                           {"v", KT_KTM_F32, 4, {2, 2, 1, 1}, zeros, NULL},
                                           {"b", KT_KTM_F32, 1, {2}, zeros, NULL},
                                           {"d", KT_KTM_F32, 2, {4, 5}, zeros, NULL}}};
    *self                   = (fixture_t){.bytes = ktm_build(&text, &length)};
    cr_assert_eq(kt_ktm_read(&self->file, self->bytes, length, why), KT_OK, "%s", why);
    cr_assert_eq(kt_graph_new(&self->graph, self->file, why), KT_OK, "%s", why);
    kt_shape_of_t *shapes = calloc(kt_graph_values(self->graph), sizeof *shapes);
    kt_graph_smallest(self->graph, sizes);
    sizes[0] = 3;
    cr_assert_eq(kt_graph_shapes(self->graph, sizes, shapes, why), KT_OK, "%s", why);
    cr_assert_eq(kt_cuda_steps_new(&self->steps, self->graph, shapes), KT_OK);
    free(shapes);
}

static void
fixture_fini(fixture_t *self)
{
    kt_cuda_steps_fini(&self->steps);
    kt_graph_destroy(&self->graph);
    kt_ktm_destroy(&self->file);
    free(self->bytes);
}

#define X "{'inputs':[{'name':'x','shape':['N',2,5,5]}],'nodes':["
#define CONV(in, out) "{'op':'conv','in':['" in "','w','b'],'out':['" out "'],'pad':[1,1,1,1]}"

Test(cuda_steps, a_residual_sum_and_its_activation_join_the_convolution)
{
    fixture_t self;
    fixture_init(&self, X CONV("x", "a") ",{'op':'add','in':['x','a'],'out':['s']},{'op':'relu','in':['s'],'out':['y']}"
                                         "],'outputs':['y']}");
    cr_assert_eq(self.steps.n, 1);
    const kt_cuda_step_t *step = &self.steps.at[0];
    cr_expect(step->op.residual && step->op.limited && step->op.bias && isinf(step->op.high));
    cr_expect_eq(step->residual, kt_graph_find(self.graph, "x"));
    cr_expect_eq(step->y, kt_graph_find(self.graph, "y"));
    cr_expect_eq(step->n_nodes, 3);
    fixture_fini(&self);
}

Test(cuda_steps, of_two_convolutions_of_a_sum_one_takes_it_and_runs_last)
{
    fixture_t self;
    fixture_init(&self, X CONV("x", "a") ",{'op':'conv','in':['x','v'],'out':['c']},{'op':'add','in':['a','c'],'out':["
                                         "'s']},{'op':'clip','in':['s'],'out':['y']}],'outputs':['y']}");
    cr_assert_eq(self.steps.n, 2);
    cr_expect_eq(self.steps.at[0].y, kt_graph_find(self.graph, "c"));
    cr_expect(!self.steps.at[0].op.bias && !self.steps.at[0].op.residual);
    cr_expect_eq(self.steps.at[1].residual, kt_graph_find(self.graph, "c"));
    cr_expect_float_eq(self.steps.at[1].op.high, 6, 0);
    fixture_fini(&self);
}

Test(cuda_steps, a_result_that_others_read_too_is_not_fused)
{
    fixture_t self;
    fixture_init(&self, X CONV("x", "a") ",{'op':'relu','in':['a'],'out':['y']}],'outputs':['y','a']}");
    cr_expect_eq(self.steps.n, 2);
    cr_expect(!self.steps.at[0].op.limited);
    fixture_fini(&self);
    fixture_init(&self, X CONV("x", "a") ",{'op':'clip','in':['a'],'out':['y'],'low':-1}],'outputs':['y']}");
    cr_expect_eq(self.steps.n, 2, "a limit below zero");
    fixture_fini(&self);
}

Test(cuda_steps, a_bias_of_zeros_stands_in_where_an_activation_needs_one)
{
    fixture_t self;
    fixture_init(&self,
                 X "{'op':'conv','in':['x','v'],'out':['a']},{'op':'relu','in':['a'],'out':['y']}],'outputs':['y']}");
    cr_assert_eq(self.steps.n, 1);
    cr_expect(self.steps.at[0].op.bias && self.steps.at[0].bias < 0);
    fixture_fini(&self);
}

Test(cuda_steps, a_dense_layer_is_a_convolution_of_one_place)
{
    fixture_t self;
    fixture_init(&self, X "{'op':'dense','in':['x','d'],'out':['y']}],'outputs':['y']}");
    const kt_cudnn_op_t *op = &self.steps.at[0].op;
    cr_expect(self.steps.at[0].is_conv && op->spatial == 2);
    cr_expect_eq(op->x[0], 3 * 2 * 5);
    cr_expect_eq(op->x[1], 5);
    cr_expect_eq(op->y[1], 4);
    fixture_fini(&self);
}
