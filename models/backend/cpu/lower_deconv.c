// The transposed convolution whose windows do not overlap (stride = kernel): one product of matrices, whose result is
// put in its places. Others run by the plain-C function.
#include "models/backend/cpu/dnn.h"

#include <stdlib.h>
#include <string.h>

typedef struct shuffle {
    size_t  items, outputs;
    int64_t in[2], kernel[2];
} shuffle_t;

// x [N][H][W][kh][kw][O] -> y [N][H kh][W kw][O]
static kt_err_t
shuffle_run(const kt_cpu_step_t *self, const kt_cpu_run_t *run)
{
    const shuffle_t *s     = self->data;
    const size_t     width = (size_t)s->kernel[1] * s->outputs, row = (size_t)s->in[1] * width;
    const float     *x = kt_cpu_at(run, self->places[1]);
    float           *y = kt_cpu_at(run, self->places[0]);
    for (size_t h = 0; h < s->items * (size_t)s->in[0]; h++)
        for (size_t w = 0; w < (size_t)s->in[1]; w++)
            for (size_t k = 0; k < (size_t)s->kernel[0]; k++, x += width)
                memcpy(y + (h * (size_t)s->kernel[0] + k) * row + w * width, x, width * sizeof *y);
    return KT_OK;
}

// [kh kw O][C] from [C][O][kh][kw], and the bias once for each place of the kernel.
static kt_err_t
weights_turn(kt_builder_t *b, const kt_graph_node_t *node, const float **w, const float **bias)
{
    const kt_shape_of_t *shape = &b->shapes[node->in[1]];
    const int64_t        c = shape->dims[0], o = shape->dims[1], k = (int64_t)kt_product(shape->dims, 2, shape->rank);
    const float         *given  = kt_constant_in(b, node, 2);
    const kt_permute_t   turn   = {3, {k, o, c}, {1, k, o * k}};
    float               *turned = kt_build_floats(b, kt_floats(shape)), *repeated = kt_build_floats(b, (size_t)(k * o));
    if (!turned || !repeated)
        return KT_ENOMEM;
    kt_permute(&turn, turned, kt_constant_in(b, node, 1));
    for (int64_t i = 0; given && i < k * o; i++)
        repeated[i] = given[i % o];
    *w    = turned;
    *bias = given ? repeated : NULL;
    return KT_OK;
}

kt_err_t
kt_lower_deconv(kt_builder_t *b, int n)
{
    const kt_graph_node_t *node = kt_graph_node(b->graph, (size_t)n);
    const kt_shape_of_t   *x = &b->shapes[node->in[0]], *w = &b->shapes[node->in[1]];
    const kt_op_attrs_t   *attrs = &node->attrs;
    shuffle_t              s     = {(size_t)x->dims[0], (size_t)w->dims[1], {1, 1}, {1, 1}};
    if (x->rank > 4 || attrs->groups != 1)
        return KT_EOPERATOR;
    for (int i = 0; i < x->rank - 2; i++) {
        const int to = i + 4 - x->rank;
        s.in[to]     = x->dims[2 + i];
        s.kernel[to] = w->dims[2 + i];
        if (attrs->stride[i] != s.kernel[to] || attrs->before[i] || attrs->after[i])
            return KT_EOPERATOR;
    }
    const size_t    places = (size_t)(s.kernel[0] * s.kernel[1]), pixels = s.items * (size_t)(s.in[0] * s.in[1]);
    const float    *turned, *bias;
    kt_place_t      between, from, to;
    kt_chain_item_t item;
    const bool      fused = kt_dense_takes(b, node->out[0], KT_LAST, &item);
    kt_err_t        err   = weights_turn(b, node, &turned, &bias);
    if (err == KT_OK)
        err = kt_read(b, node->in[0], KT_LAST, &from);
    if (err == KT_OK)
        err = kt_buffer_new(b, pixels * places * s.outputs, &between);
    if (err == KT_OK)
        err = kt_step_dense(b, (const int64_t[]){(int64_t)pixels, x->dims[1], (int64_t)(places * s.outputs)}, turned,
                            bias, fused ? &item.op : NULL, between, from);
    if (err != KT_OK)
        return err;
    err = kt_define_new(b, fused ? kt_graph_node(b->graph, (size_t)item.node)->out[0] : node->out[0], KT_LAST, &to);
    shuffle_t *data = malloc(sizeof *data);
    if (err != KT_OK || !data) {
        free(data);
        return err != KT_OK ? err : KT_ENOMEM;
    }
    *data = s;
    err   = kt_step(b, &(kt_cpu_step_t){
                           .name = "shuffle", .run = shuffle_run, .data = data, .n_places = 2, .places = {to, between}});
    if (err == KT_OK && fused)
        kt_take(b, item.node);
    return err;
}
