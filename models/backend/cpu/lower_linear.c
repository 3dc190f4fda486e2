// Products of matrices (oneDNN), and the LSTM.
#include "models/backend/cpu/dnn.h"

#include <stdlib.h>
#include <string.h>

// y [rows][outputs] = x [rows][inputs] w^T + bias, as a convolution of one position or as a matrix product: the former
// is faster for many rows.
enum { ROWS_MANY = 16 };

static kt_err_t
dense_describe(kt_builder_t *b, const int64_t size[3], bool bias, dnnl_post_ops_t post, dnnl_primitive_desc_t *pd)
{
    const dnnl_dim_t   rows = size[0], inputs = size[1], outputs = size[2];
    dnnl_memory_desc_t x, w, y, v;
    if (rows >= ROWS_MANY) {
        dnnl_convolution_desc_t desc;
        const dnnl_dims_t       one = {1}, none = {0};
        (void)dnnl_memory_desc_init_by_tag(&x, 3, (dnnl_dims_t){1, inputs, rows}, dnnl_f32, dnnl_nwc);
        (void)dnnl_memory_desc_init_by_tag(&y, 3, (dnnl_dims_t){1, outputs, rows}, dnnl_f32, dnnl_nwc);
        (void)dnnl_memory_desc_init_by_tag(&w, 3, (dnnl_dims_t){outputs, inputs, 1}, dnnl_f32, dnnl_format_tag_any);
        (void)dnnl_memory_desc_init_by_tag(&v, 1, (dnnl_dims_t){outputs}, dnnl_f32, dnnl_a);
        if (dnnl_convolution_forward_desc_init(&desc, dnnl_forward_inference, dnnl_convolution_direct, &x, &w,
                                               bias ? &v : NULL, &y, one, none, none) != dnnl_success)
            return KT_EOPERATOR;
        return kt_dnn_choose(b, &desc, post, pd);
    }
    dnnl_matmul_desc_t desc;
    (void)dnnl_memory_desc_init_by_tag(&x, 2, (dnnl_dims_t){rows, inputs}, dnnl_f32, dnnl_ab);
    (void)dnnl_memory_desc_init_by_tag(&y, 2, (dnnl_dims_t){rows, outputs}, dnnl_f32, dnnl_ab);
    (void)dnnl_memory_desc_init_by_tag(&w, 2, (dnnl_dims_t){inputs, outputs}, dnnl_f32, dnnl_format_tag_any);
    (void)dnnl_memory_desc_init_by_tag(&v, 2, (dnnl_dims_t){1, outputs}, dnnl_f32, dnnl_ab);
    if (dnnl_matmul_desc_init(&desc, &x, &w, bias ? &v : NULL, &y) != dnnl_success)
        return KT_EOPERATOR;
    return kt_dnn_choose(b, &desc, post, pd);
}

// Appends the step: places 0 and 1 of it are set. size: rows, inputs, outputs.
static kt_err_t
dense_step(kt_builder_t *b, kt_cpu_step_t *step, dnnl_primitive_desc_t pd, const int64_t size[3], const float *w,
           const float *bias)
{
    dnnl_memory_desc_t plain_w, plain_bias;
    if (size[0] >= ROWS_MANY) {
        (void)dnnl_memory_desc_init_by_tag(&plain_w, 3, (dnnl_dims_t){size[2], size[1], 1}, dnnl_f32, dnnl_abc);
        (void)dnnl_memory_desc_init_by_tag(&plain_bias, 1, (dnnl_dims_t){size[2]}, dnnl_f32, dnnl_a);
    } else {
        (void)dnnl_memory_desc_init_by_tag(&plain_w, 2, (dnnl_dims_t){size[1], size[2]}, dnnl_f32, dnnl_ba);
        (void)dnnl_memory_desc_init_by_tag(&plain_bias, 2, (dnnl_dims_t){1, size[2]}, dnnl_f32, dnnl_ab);
    }
    const kt_dnn_operand_t operands[] = {{DNNL_ARG_DST, 0, NULL, NULL},
                                         {DNNL_ARG_SRC, 1, NULL, NULL},
                                         {DNNL_ARG_WEIGHTS, -1, w, &plain_w},
                                         {DNNL_ARG_BIAS, -1, bias, &plain_bias}};
    return kt_dnn_step(b, pd, operands, bias ? 4 : 3, step);
}

kt_err_t
kt_step_dense(kt_builder_t *b, const int64_t size[3], const float *w, const float *bias, const kt_ew_op_t *op,
              kt_place_t out, kt_place_t in)
{
    kt_cpu_step_t         step = {.name = "dense", .n_places = 2, .places = {out, in}};
    dnnl_primitive_desc_t pd   = NULL;
    dnnl_post_ops_t       post;
    if (dnnl_post_ops_create(&post) != dnnl_success)
        return KT_ENOMEM;
    kt_err_t err = !op || kt_dnn_post(post, op) ? KT_OK : KT_EOPERATOR;
    if (err == KT_OK)
        err = dense_describe(b, size, bias, post, &pd);
    dnnl_post_ops_destroy(post);
    return err == KT_OK ? dense_step(b, &step, pd, size, w, bias) : err;
}

bool
kt_dense_takes(kt_builder_t *b, int value, kt_layout_t layout, kt_chain_item_t *item)
{
    dnnl_post_ops_t post;
    if (!kt_chain_next(b, value, layout, item) || item->operand >= 0 || dnnl_post_ops_create(&post) != dnnl_success)
        return false;
    const bool known = kt_dnn_post(post, &item->op);
    dnnl_post_ops_destroy(post);
    return known;
}

kt_err_t
kt_lower_dense(kt_builder_t *b, int n)
{
    const kt_graph_node_t *node    = kt_graph_node(b->graph, (size_t)n);
    const kt_shape_of_t   *w       = &b->shapes[node->in[1]];
    const int64_t          size[3] = {(int64_t)kt_floats(&b->shapes[node->in[0]]) / w->dims[1], w->dims[1], w->dims[0]};
    kt_chain_item_t        item;
    const bool             fused = kt_dense_takes(b, node->out[0], KT_PLAIN, &item);
    const int              y     = fused ? kt_graph_node(b->graph, (size_t)item.node)->out[0] : node->out[0];
    kt_place_t             in, out;
    kt_err_t               err = kt_read(b, node->in[0], KT_PLAIN, &in);
    if (err == KT_OK)
        err = kt_buffer_new(b, kt_floats(&b->shapes[y]), &out);
    if (err == KT_OK)
        err = kt_step_dense(b, size, kt_constant_in(b, node, 1), kt_constant_in(b, node, 2), fused ? &item.op : NULL,
                            out, in);
    if (err != KT_OK)
        return err;
    kt_define(b, y, KT_PLAIN, out);
    if (fused)
        kt_take(b, item.node);
    return KT_OK;
}

kt_err_t
kt_lower_matmul(kt_builder_t *b, int n)
{
    const kt_graph_node_t *node = kt_graph_node(b->graph, (size_t)n);
    const kt_shape_of_t   *x = &b->shapes[node->in[0]], *y = &b->shapes[node->out[0]];
    const int              r     = x->rank;
    const dnnl_dim_t       batch = (dnnl_dim_t)kt_product(x->dims, 0, r - 2);
    dnnl_memory_desc_t     desc_x, desc_w, desc_y;
    dnnl_matmul_desc_t     desc;
    dnnl_primitive_desc_t  pd   = NULL;
    kt_cpu_step_t          step = {.name = "matmul", .n_places = 3};
    const dnnl_dims_t      w    = {batch, x->dims[r - 1], y->dims[r - 1]};
    (void)dnnl_memory_desc_init_by_tag(&desc_x, 3, (dnnl_dims_t){batch, x->dims[r - 2], x->dims[r - 1]}, dnnl_f32,
                                       dnnl_abc);
    (void)dnnl_memory_desc_init_by_tag(&desc_y, 3, (dnnl_dims_t){batch, y->dims[r - 2], y->dims[r - 1]}, dnnl_f32,
                                       dnnl_abc);
    (void)dnnl_memory_desc_init_by_tag(&desc_w, 3, w, dnnl_f32, node->attrs.transpose ? dnnl_acb : dnnl_abc);
    if (dnnl_matmul_desc_init(&desc, &desc_x, &desc_w, NULL, &desc_y) != dnnl_success)
        return KT_EOPERATOR;
    kt_err_t err = kt_dnn_choose(b, &desc, NULL, &pd);
    if (err != KT_OK)
        return err;
    for (int i = 0; i < 2 && err == KT_OK; i++)
        err = kt_read(b, node->in[i], KT_PLAIN, &step.places[1 + i]);
    if (err == KT_OK)
        err = kt_define_new(b, node->out[0], KT_PLAIN, &step.places[0]);
    if (err != KT_OK) {
        dnnl_primitive_desc_destroy(pd);
        return err;
    }
    const kt_dnn_operand_t operands[] = {
        {DNNL_ARG_DST, 0, NULL, NULL}, {DNNL_ARG_SRC, 1, NULL, NULL}, {DNNL_ARG_WEIGHTS, 2, NULL, NULL}};
    return kt_dnn_step(b, pd, operands, 3, &step);
}

typedef struct lstm {
    size_t       items, frames, hidden;
    const float *r;
} lstm_t;

enum { LSTM_OUTS = 3, LSTM_GATES = 3, LSTM_H, LSTM_C, LSTM_WORK, LSTM_PLACES };

static kt_err_t
lstm_run(const kt_cpu_step_t *self, const kt_cpu_run_t *run)
{
    const lstm_t *lstm = self->data;
    const size_t  n = lstm->hidden, state = lstm->items * n;
    float        *at[LSTM_PLACES];
    for (int i = 0; i < LSTM_PLACES; i++)
        at[i] = kt_cpu_at(run, self->places[i]);
    memmove(at[1], at[LSTM_H], state * sizeof(float));
    memmove(at[2], at[LSTM_C], state * sizeof(float));
    for (size_t i = 0; i < lstm->items; i++)
        run->exec->fast->lstm(at[0] + i * lstm->frames * n, at[LSTM_GATES] + 4 * i * lstm->frames * n, lstm->frames, n,
                              lstm->r, at[1] + i * n, at[2] + i * n, at[LSTM_WORK]);
    return KT_OK;
}

// [blocks][hidden][block] of the columns of r^T.
static float *
recurrent_pack(kt_builder_t *b, const float *r, size_t hidden)
{
    const size_t block = (size_t)b->exec->fast->lstm_block, columns = 4 * hidden;
    float       *out = kt_build_floats(b, (columns + block - 1) / block * block * hidden);
    for (size_t j = 0; out && j < columns; j++)
        for (size_t k = 0; k < hidden; k++)
            out[(j / block * hidden + k) * block + j % block] = r[j * hidden + k];
    return out;
}

kt_err_t
kt_lower_lstm(kt_builder_t *b, int n)
{
    const kt_graph_node_t *node = kt_graph_node(b->graph, (size_t)n);
    const kt_shape_of_t   *x = &b->shapes[node->in[0]], *y = &b->shapes[node->out[0]];
    const size_t           hidden = (size_t)y->dims[2], block = (size_t)b->exec->fast->lstm_block;
    const int64_t          size[3] = {x->dims[0] * x->dims[1], x->dims[2], (int64_t)(4 * hidden)};
    kt_cpu_step_t          step    = {.name = "lstm", .run = lstm_run, .n_places = LSTM_PLACES};
    kt_place_t             in;
    kt_err_t               err = kt_read(b, node->in[0], KT_PLAIN, &in);
    if (err == KT_OK)
        err = kt_buffer_new(b, (size_t)(size[0] * size[2]), &step.places[LSTM_GATES]);
    if (err == KT_OK)
        err = kt_step_dense(b, size, kt_constant_in(b, node, 1), kt_constant_in(b, node, 3), NULL,
                            step.places[LSTM_GATES], in);
    if (err != KT_OK)
        return err;
    lstm_t *data = malloc(sizeof *data);
    err          = KT_ENOMEM;
    if (!data)
        goto fail;
    *data =
        (lstm_t){(size_t)x->dims[0], (size_t)x->dims[1], hidden, recurrent_pack(b, kt_constant_in(b, node, 2), hidden)};
    if (!data->r)
        goto fail;
    err = kt_buffer_new(b, (4 * hidden + block - 1) / block * block, &step.places[LSTM_WORK]);
    for (int i = 0; i < 2 && err == KT_OK; i++)
        err = kt_read(b, node->in[4 + i], KT_PLAIN, &step.places[LSTM_H + i]);
    for (int i = 0; i < LSTM_OUTS && err == KT_OK; i++)
        err = kt_define_new(b, node->out[i], KT_PLAIN, &step.places[i]);
    if (err != KT_OK)
        goto fail;
    step.data = data;
    return kt_step(b, &step);
fail:
    free(data);
    return err;
}
