#include "models/graph/inside.h"
#include "tests/unit/models/graph/graph_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const float w[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

#define X "'inputs':[{'name':'x','shape':['N',2,4]}]"
#define Y "'outputs':['y']"
#define ONE(node) "{" X ",'nodes':[{" node ",'in':['x'],'out':['y']}]," Y "}"
#define NODES(nodes) "{" X ",'nodes':[" nodes "]," Y "}"

typedef struct row {
    const char *graph, *why;
} row_t;

static void
expect_refused(const row_t *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        graph_fixture_t fixture;
        graph_open(&fixture, &(ktm_text_t){.graph   = rows[i].graph,
                                           .free    = "{'T':{'min':1,'max':9}}",
                                           .tensors = {{"w", KT_KTM_F32, 3, {2, 2, 3}, w, NULL},
                                                       {"v", KT_KTM_F32, 2, {3, 4}, w, NULL},
                                                       {"s", KT_KTM_F32, 1, {2}, w, NULL}}});
        bool unknown = strstr(rows[i].why, "unknown operator") != NULL;
        cr_expect_eq(fixture.err, unknown ? KT_EOPERATOR : KT_EMODEL, "%s", rows[i].graph);
        cr_expect_str_eq(fixture.why, rows[i].why);
        graph_close(&fixture);
    }
}

#define EXPECT_REFUSED(...)                                                                                            \
    do {                                                                                                               \
        const row_t rows[] = {__VA_ARGS__};                                                                            \
        expect_refused(rows, sizeof rows / sizeof rows[0]);                                                            \
    } while (0)

Test(graph, a_graph_of_a_wrong_form_is_named)
{
    EXPECT_REFUSED(
        {"{}", "graph: nodes is not an array of 1 to 4096"},
        {"{" X ",'nodes':[]," Y "}", "graph: nodes is not an array of 1 to 4096"},
        {"{" X ",'nodes':{}," Y "}", "graph: nodes is not an array of 1 to 4096"},
        {"{" X ",'nodes':[1],'edges':[]," Y "}", "graph: unknown member edges"},
        {"{'nodes':[1]," Y "}", "graph: inputs is not an array of 1 to 8"},
        {"{'inputs':[1,2,3,4,5,6,7,8,9],'nodes':[1]," Y "}", "graph: inputs is not an array of 1 to 8"},
        {"{'inputs':[1],'nodes':[1]," Y "}", "graph: an input is not an object of name and shape"},
        {"{'inputs':[{'name':'x','shape':['N'],'type':'f32'}],'nodes':[1]," Y "}",
         "graph: an input is not an object of name and shape"},
        {"{'inputs':[{'name':'x','shape':[]}],'nodes':[1]," Y "}",
         "input x: shape is not an array of 1 to 6 dimensions"},
        {"{'inputs':[{'name':'x','shape':['N','Z']}],'nodes':[1]," Y "}",
         "input x: dimension 1 is not an integer from 1 or the name of a free dimension"},
        {"{'inputs':[{'name':'x','shape':['N',0]}],'nodes':[1]," Y "}",
         "input x: dimension 1 is not an integer from 1 or the name of a free dimension"},
        {"{'inputs':[{'name':'x','shape':[1,4]}],'nodes':[1]," Y "}",
         "input x: its first dimension, and no other, must be N"},
        {"{'inputs':[{'name':'x','shape':['N','N']}],'nodes':[1]," Y "}",
         "input x: its first dimension, and no other, must be N"},
        {"{'inputs':[{'name':'x','shape':['T','N']}],'nodes':[1]," Y "}",
         "input x: its first dimension, and no other, must be N"},
        {"{'inputs':[{'name':'x','shape':['N',65536,65536]}],'nodes':[1]," Y "}", "input x has 2^31 elements or more"},
        {"{'inputs':[{'name':'x','shape':['N',9223372036854775807,2]}],'nodes':[1]," Y "}",
         "input x has 2^31 elements or more"});
}

Test(graph, a_name_that_is_defined_twice_or_not_at_all_is_named)
{
    EXPECT_REFUSED(
        {"{'inputs':[{'name':'x','shape':['N',4]},{'name':'x','shape':['N',4]}],'nodes':[1]," Y "}",
         "the name x is defined twice"},
        {"{'inputs':[{'name':'w','shape':['N',4]}],'nodes':[1]," Y "}", "the name w is defined twice"},
        {NODES("{'op':'relu','in':['x'],'out':['x']}"), "node 0 (relu): the name x is defined twice"},
        {NODES("{'op':'relu','in':['x'],'out':['w']}"), "node 0 (relu): the name w is defined twice"},
        {NODES("{'op':'relu','in':['x'],'out':['y']},{'op':'relu','in':['y'],'out':['y']}"),
         "node 1 (relu): the name y is defined twice"},
        {NODES("{'op':'relu','in':['z'],'out':['y']}"), "node 0 (relu): in[0]: z is not defined before its use"},
        {NODES("{'op':'relu','in':[3],'out':['y']}"), "node 0 (relu): in[0]: it is not defined before its use"},
        // A cycle.
        {NODES("{'op':'add','in':['x','y'],'out':['z']},{'op':'relu','in':['z'],'out':['y']}"),
         "node 0 (add): in[1]: y is not defined before its use"},
        {NODES("{'op':'add','in':['x','y'],'out':['y']}"), "node 0 (add): in[1]: y is not defined before its use"},
        {"{" X ",'nodes':[{'op':'relu','in':['x'],'out':['y']}],'outputs':['z']}",
         "output z is not computed by a node"},
        {"{" X ",'nodes':[{'op':'relu','in':['x'],'out':['y']}],'outputs':['x']}",
         "output x is not computed by a node"},
        {"{" X ",'nodes':[{'op':'relu','in':['x'],'out':['y']}],'outputs':['w']}",
         "output w is not computed by a node"},
        {"{" X ",'nodes':[{'op':'relu','in':['x'],'out':['y']}],'outputs':['y','y']}", "output y is listed twice"},
        {"{" X ",'nodes':[{'op':'relu','in':['x'],'out':['y']}],'outputs':[]}",
         "graph: outputs is not an array of 1 to 16"});
}

Test(graph, what_is_not_used_is_named)
{
    EXPECT_REFUSED({"{'inputs':[{'name':'x','shape':['N',4]},{'name':'z','shape':['N',4]}],'nodes':[{'op':'relu',"
                    "'in':['x'],'out':['y']}]," Y "}",
                    "input z is not used"},
                   {NODES("{'op':'relu','in':['x'],'out':['y']},{'op':'relu','in':['x'],'out':['z']}"),
                    "node 1 (relu): its output z is not used"});
}

Test(graph, a_node_of_a_wrong_form_is_named)
{
    EXPECT_REFUSED(
        {NODES("7"), "node 0: unknown operator "}, {ONE("'op':'fft'"), "node 0: unknown operator fft"},
        {ONE("'op':'relu','alpha':1"), "node 0 (relu): unknown attribute alpha"},
        {ONE("'op':'clip','high':'6'"), "node 0 (clip): attribute high is not of its type, length or range"},
        {ONE("'op':'clip','high':1e39"), "node 0 (clip): attribute high is not of its type, length or range"},
        {ONE("'op':'softmax','axis':1.0"), "node 0 (softmax): attribute axis is not of its type, length or range"},
        {ONE("'op':'softmax','axis':0"), "node 0 (softmax): axis is not from 1 to 2 (0 is N) or from the end"},
        {ONE("'op':'softmax','axis':-3"), "node 0 (softmax): axis is not from 1 to 2 (0 is N) or from the end"},
        {ONE("'op':'softmax','axis':3"), "node 0 (softmax): axis is not from 1 to 2 (0 is N) or from the end"},
        {ONE("'op':'reduce_max','axes':[2,0]"),
         "node 0 (reduce_max): axes is not from 1 to 2 (0 is N) or from the end"},
        {ONE("'op':'reduce_max','axes':[-1,2]"), "node 0 (reduce_max): axes names a dimension twice"},
        {ONE("'op':'reduce_max','axes':[]"), "node 0 (reduce_max): attribute axes is not of its type, length or range"},
        {ONE("'op':'reduce_max'"), "node 0 (reduce_max): attribute axes is missing"},
        {ONE("'op':'reduce_max','axes':[1],'keep':1"),
         "node 0 (reduce_max): attribute keep is not of its type, length or range"},
        {ONE("'op':'max_pool'"), "node 0 (max_pool): attribute kernel is missing"},
        {ONE("'op':'max_pool','kernel':[2,2]"),
         "node 0 (max_pool): attribute kernel is not of its type, length or range"},
        {ONE("'op':'max_pool','kernel':[0]"),
         "node 0 (max_pool): attribute kernel is not of its type, length or range"},
        {ONE("'op':'max_pool','kernel':[4294967296]"),
         "node 0 (max_pool): attribute kernel is not of its type, length or range"},
        {ONE("'op':'max_pool','kernel':[2],'pad':[1]"),
         "node 0 (max_pool): attribute pad is not of its type, length or range"},
        {ONE("'op':'max_pool','kernel':[2],'pad':[-1,0]"),
         "node 0 (max_pool): attribute pad is not of its type, length or range"},
        {ONE("'op':'band','width':1048577"), "node 0 (band): attribute width is not of its type, length or range"},
        {NODES("{'op':'relu','in':[],'out':['y']}"), "node 0 (relu): in is not an array of 1 to 1 names"},
        {NODES("{'op':'relu','in':'x','out':['y']}"), "node 0 (relu): in is not an array of 1 to 1 names"},
        {NODES("{'op':'relu','in':['x','x'],'out':['y']}"), "node 0 (relu): in is not an array of 1 to 1 names"},
        {NODES("{'op':'relu','in':['x']}"), "node 0 (relu): out is not an array of 1 names"},
        {NODES("{'op':'relu','in':['x'],'out':['y','z']}"), "node 0 (relu): out is not an array of 1 names"},
        {NODES("{'op':'relu','in':['x'],'out':['']}"), "node 0 (relu): out[0] is not a name of 1 to 63 bytes"},
        {NODES("{'op':'relu','in':['w'],'out':['y']}"), "node 0 (relu): in[0]: w must not be a tensor of the file"},
        {NODES("{'op':'add','in':['w','w'],'out':['y']}"), "node 0 (add): all of its inputs are tensors of the file"},
        {NODES("{'op':'relu','in':['x'],'out':['a']},{'op':'conv','in':['x','a'],'out':['y']}"),
         "node 1 (conv): in[1]: a must be a tensor of the file"});
}

#define BINARY(op, tail) NODES("{'op':'" op "','in':['x','w'],'out':['y']" tail "}")

Test(graph, a_shape_that_does_not_fit_is_named)
{
    EXPECT_REFUSED(
        {NODES("{'op':'conv','in':['x','v'],'out':['y']}"), "node 0 (conv): w does not have as many dimensions as x"},
        {BINARY("conv", ",'groups':2"), "node 0 (conv): w does not fit the channels of x and the groups"},
        {BINARY("conv", ",'dilation':[2]"), "node 0 (conv): the kernel is larger than the padded input"},
        {BINARY("conv", ",'dilation':[2147483647]"), "node 0 (conv): the kernel is larger than the padded input"},
        {BINARY("conv", ",'pad':[2147483647,2147483647]"),
         "node 0 (conv): its output has an empty dimension, or 2^31 elements or more"},
        {NODES("{'op':'conv','in':['x','w','v'],'out':['y']}"), "node 0 (conv): b does not have one value per output"},
        {BINARY("deconv", ",'pad':[3,3]"),
         "node 0 (deconv): its output has an empty dimension, or 2^31 elements or more"},
        {BINARY("deconv", ",'stride':[2147483647]"),
         "node 0 (deconv): its output has an empty dimension, or 2^31 elements or more"},
        {BINARY("dense", ""), "node 0 (dense): w is not [M, K], where K is the last dimension of x"},
        {BINARY("add", ""), "node 0 (add): a dimension of its inputs differs, and is 1 in neither"},
        {NODES("{'op':'scale','in':['x','s','s'],'out':['y'],'axis':2}"),
         "node 0 (scale): a tensor does not have one value per index of the axis"},
        {NODES("{'op':'matmul','in':['x','x'],'out':['y']}"), "node 0 (matmul): a and b have no common dimension K"},
        {NODES("{'op':'reshape','in':['x'],'out':['a'],'shape':[0,4,2]},{'op':'concat','in':['x','a'],'out':['y'],"
               "'axis':2}"),
         "node 1 (concat): its inputs differ in another dimension than the axis"},
        {ONE("'op':'reshape','shape':[0,-1,-1]"), "node 0 (reshape): shape has more than one -1"},
        {ONE("'op':'reshape','shape':[0,3,-1]"), "node 0 (reshape): shape does not have as many elements as the input"},
        {ONE("'op':'reshape','shape':[0,2,2]"), "node 0 (reshape): shape does not have as many elements as the input"},
        {ONE("'op':'reshape','shape':[0,2147483647,2147483647,2147483647]"),
         "node 0 (reshape): shape has more elements than the input"},
        {ONE("'op':'reshape','shape':[0,2,4,0]"),
         "node 0 (reshape): shape: a 0 is at a place that the input does not have"},
        {ONE("'op':'transpose','order':[1,0,2]"),
         "node 0 (transpose): order does not have one entry per dimension, of which the first is 0 (N)"},
        {ONE("'op':'transpose','order':[0,1]"),
         "node 0 (transpose): order does not have one entry per dimension, of which the first is 0 (N)"},
        {ONE("'op':'transpose','order':[0,1,1]"),
         "node 0 (transpose): order names a dimension twice, or one that is not there"},
        {ONE("'op':'transpose','order':[0,1,3]"),
         "node 0 (transpose): order names a dimension twice, or one that is not there"},
        {ONE("'op':'slice','begin':2"), "node 0 (slice): begin is not before end"},
        {ONE("'op':'pad','axis':2,'after':4,'reflect':true"),
         "node 0 (pad): a reflected border is not smaller than the input"},
        {ONE("'op':'resize','factor':[2,2]"), "node 0 (resize): factor does not have one entry per spatial dimension"},
        {ONE("'op':'resize','factor':[2147483647]"),
         "node 0 (resize): its output has an empty dimension, or 2^31 elements or more"},
        {ONE("'op':'max_pool','kernel':[5]"), "node 0 (max_pool): the kernel is larger than the padded input"},
        {ONE("'op':'max_pool','kernel':[2],'pad':[2,0]"), "node 0 (max_pool): pad is not smaller than the kernel"},
        {ONE("'op':'band'"), "node 0 (band): x is not [N, T, T]"},
        {ONE("'op':'histogram'"), "node 0 (histogram): x is not [N, 3, T, H, W]"},
        {NODES("{'op':'noisy_or','in':['x','v'],'out':['y']}"), "node 0 (noisy_or): x and w are not [N, K] and [M, K]"},
        {NODES("{'op':'reshape','in':['x'],'out':['a'],'shape':[0,8]},{'op':'max_pool','in':['a'],'out':['y'],"
               "'kernel':[]}"),
         "node 1 (max_pool): its input has 2 dimensions, not 3 to 5"});
}

Test(graph, an_output_has_n_first_and_nowhere_else)
{
    EXPECT_REFUSED({ONE("'op':'reshape','shape':[1,-1]"), "output y: its first dimension, and no other, must be N"},
                   {ONE("'op':'reshape','shape':[-1,1]"), "output y: its first dimension, and no other, must be N"},
                   {ONE("'op':'reshape','shape':[1,2,4]"),
                    "node 0 (reshape, out y): shape does not have as many elements as the input"});
}

Test(graph, a_wrong_free_dimension_is_named)
{
    const row_t rows[] = {
        {"{'N':{'min':1,'max':2}}", "free: N is not a name of a free dimension"},
        {"{'':{'min':1,'max':2}}", "free:  is not a name of a free dimension"},
        {"{'T':5}", "free: T is not an object of min, max and multiple"},
        {"{'T':{'min':1,'max':2,'step':1}}", "free: T is not an object of min, max and multiple"},
        {"{'T':{'min':1}}", "free: no multiple of T's multiple is from min to max"},
        {"{'T':{'max':1}}", "free: no multiple of T's multiple is from min to max"},
        {"{'T':{'min':0,'max':2}}", "free: no multiple of T's multiple is from min to max"},
        {"{'T':{'min':3,'max':2}}", "free: no multiple of T's multiple is from min to max"},
        {"{'T':{'min':5,'max':7,'multiple':4}}", "free: no multiple of T's multiple is from min to max"},
        {"{'T':{'min':1,'max':2147483648}}", "free: no multiple of T's multiple is from min to max"},
        {"{'T':{'min':9223372036854775807,'max':2}}", "free: no multiple of T's multiple is from min to max"},
        {"{'T':{'min':1,'max':2,'multiple':9223372036854775807}}",
         "free: no multiple of T's multiple is from min to max"},
        {"{'T':{'min':1,'max':2,'multiple':1.5}}", "free: no multiple of T's multiple is from min to max"},
        {"{'A':{'min':1,'max':2},'B':{'min':1,'max':2},'C':{'min':1,'max':2},'D':{'min':1,'max':2}}",
         "free: more than 3 dimensions"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        graph_fixture_t fixture;
        graph_open(&fixture, &(ktm_text_t){.free = rows[i].graph});
        cr_expect_eq(fixture.err, KT_EMODEL, "%s", rows[i].graph);
        cr_expect_str_eq(fixture.why, rows[i].why);
        graph_close(&fixture);
    }
}

Test(graph, tables_name_values_nodes_and_their_last_use)
{
    graph_fixture_t fixture;
    const int      *values;
    graph_open(&fixture, &(ktm_text_t){.graph = "{" X ",'nodes':[{'op':'conv','in':['x','w'],'out':['a'],'pad':[1,2]},"
                                                "{'op':'relu','in':['a'],'out':['y']},"
                                                "{'op':'max_pool','in':['a'],'out':['z'],'kernel':[2]},"
                                                "{'op':'softmax','in':['z'],'out':['u']}],'outputs':['u','y']}",
                                       .tensors = {{"w", KT_KTM_F32, 3, {2, 2, 3}, w, NULL},
                                                   {"v", KT_KTM_F32, 2, {3, 4}, w, NULL}}});
    cr_assert_eq(fixture.err, KT_OK, "%s", fixture.why);
    const kt_graph_t *graph = fixture.graph;
    cr_assert_eq(kt_graph_nodes(graph), 4);
    cr_assert_eq(kt_graph_values(graph), 7);
    cr_assert_eq(kt_graph_inputs(graph, &values), 1);
    cr_assert_eq(values[0], kt_graph_find(graph, "x"));
    cr_assert_eq(kt_graph_outputs(graph, &values), 2);
    cr_assert_eq(values[1], kt_graph_find(graph, "y"));
    cr_assert_eq(kt_graph_find(graph, "none"), -1);
    const kt_graph_value_t *a = kt_graph_value(graph, (size_t)kt_graph_find(graph, "a"));
    const kt_graph_value_t *y = kt_graph_value(graph, (size_t)kt_graph_find(graph, "y"));
    const kt_graph_value_t *v = kt_graph_value(graph, (size_t)kt_graph_find(graph, "v"));
    cr_assert(a->node == 0 && a->last_use == 2 && !a->constant);
    cr_assert(y->node == 1 && y->last_use == 4);
    cr_assert(v->node == -1 && v->last_use == -1 && v->constant == kt_ktm_find(fixture.file, "v"));
    const kt_graph_node_t *conv = kt_graph_node(graph, 0), *pool = kt_graph_node(graph, 2);
    cr_assert(conv->op == KT_OP_CONV && conv->n_in == 2 && conv->n_out == 1 && conv->attrs.groups == 1);
    cr_assert(conv->attrs.stride[0] == 1 && conv->attrs.before[0] == 1 && conv->attrs.after[0] == 2);
    cr_assert(pool->attrs.kernel[0] == 2 && pool->attrs.stride[0] == 2 && !pool->attrs.ceil);
    cr_assert_eq(kt_graph_node(graph, 3)->attrs.axis, 2);  // -1
    graph_close(&fixture);
}

Test(graph, shapes_follow_the_free_dimensions)
{
    graph_fixture_t      fixture;
    const kt_free_dim_t *dims;
    kt_shape_of_t        shapes[8];
    graph_open(&fixture, &(ktm_text_t){.graph = "{'inputs':[{'name':'x','shape':['N',1,'T','W']}],'nodes':["
                                                "{'op':'max_pool','in':['x'],'out':['a'],'kernel':[3,2]},"
                                                "{'op':'transpose','in':['a'],'out':['y'],'order':[0,2,1,3]}]," Y "}",
                                       .free  = "{'T':{'min':3,'max':100},'W':{'min':5,'max':20,'multiple':4}}"});
    cr_assert_eq(fixture.err, KT_OK, "%s", fixture.why);
    cr_assert_eq(kt_graph_free(fixture.graph, &dims), 3);
    cr_assert_str_eq(dims[0].name, "N");
    cr_assert(dims[2].min == 5 && dims[2].max == 20 && dims[2].multiple == 4);
    int64_t sizes[KT_FREE_DIMS];
    kt_graph_smallest(fixture.graph, sizes);
    cr_assert(sizes[0] == 1 && sizes[1] == 3 && sizes[2] == 8 && sizes[3] == 1);
    cr_assert_eq(kt_graph_shapes(fixture.graph, (int64_t[]){2, 10, 12, 0}, shapes, fixture.why), KT_OK);
    const kt_shape_of_t *y = &shapes[kt_graph_find(fixture.graph, "y")];
    cr_assert(y->rank == 4 && y->dims[0] == 2 && y->dims[1] == 3 && y->dims[2] == 1 && y->dims[3] == 6);
    cr_assert_eq(kt_shape_count(y), 36);
    cr_assert_eq(kt_graph_shapes(fixture.graph, (int64_t[]){1, 10, 10, 0}, shapes, fixture.why), KT_EINVAL);
    cr_assert_str_eq(fixture.why, "W = 10 is not a multiple of 4 from 5 to 20");
    cr_assert_eq(kt_graph_shapes(fixture.graph, (int64_t[]){0, 10, 8, 0}, shapes, fixture.why), KT_EINVAL);
    cr_assert_eq(kt_graph_shapes(fixture.graph, (int64_t[]){1, 101, 8, 0}, shapes, fixture.why), KT_EINVAL);
    graph_close(&fixture);
}

Test(graph, a_size_that_an_operator_cannot_take_is_named)
{
    graph_fixture_t fixture;
    kt_shape_of_t   shapes[8];
    graph_open(&fixture, &(ktm_text_t){.graph = "{'inputs':[{'name':'x','shape':['N','T']}],'nodes':["
                                                "{'op':'reshape','in':['x'],'out':['y'],'shape':[0,2,-1]}]," Y "}",
                                       .free  = "{'T':{'min':2,'max':100}}"});
    cr_assert_eq(fixture.err, KT_OK, "%s", fixture.why);
    cr_assert_eq(kt_graph_shapes(fixture.graph, (int64_t[]){1, 7, 0, 0}, shapes, fixture.why), KT_EMODEL);
    cr_assert_str_eq(fixture.why, "node 0 (reshape, out y): shape does not have as many elements as the input");
    graph_close(&fixture);
}

Test(graph, attributes_in_the_operator_table_can_be_read)
{
    for (int op = 0; op < KT_OPS; op++) {
        const char    *at = kt_op_rows[op].attributes;
        kt_attr_item_t item;
        int            n = 0;
        while (kt_attr_next(&at, &item))
            n++;
        cr_expect_leq(n, KT_OP_ATTRIBUTES);
        cr_expect(kt_op_rows[op].least >= 1 && kt_op_rows[op].most <= KT_NODE_INPUTS);
        cr_expect(kt_op_rows[op].outputs >= 1 && kt_op_rows[op].outputs <= KT_NODE_OUTPUTS);
    }
}

Test(graph, a_slice_is_limited_to_its_dimension)
{
    const struct {
        int64_t begin, end, size, from, to;
    } rows[] = {{0, INT32_MAX, 5, 0, 5}, {-2, -1, 5, 3, 4}, {-9, 9, 5, 0, 5}, {7, 9, 5, 5, 5}, {1, -9, 5, 1, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t from, to;
        kt_slice_range(&(kt_op_attrs_t){.begin = rows[i].begin, .end = rows[i].end}, rows[i].size, &from, &to);
        cr_expect(from == rows[i].from && to == rows[i].to, "row %zu", i);
    }
}
