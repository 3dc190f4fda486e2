// Convolutions: oneDNN, channels last, with the elementwise nodes that follow; depthwise over time by an own kernel.
#include "models/backend/cpu/dnn.h"

#include <stdlib.h>
#include <string.h>

typedef struct conv {
    const kt_graph_node_t *node;
    const float           *w, *bias;
    int                    spatial;
    dnnl_dims_t            x, y, weights, bias_dims, stride, dilation, before, after;
    int                    weight_rank;
} conv_t;

static const dnnl_format_tag_t LAST_TAGS[]  = {dnnl_nwc, dnnl_nhwc, dnnl_ndhwc};
static const dnnl_format_tag_t PLAIN_TAGS[] = {dnnl_abc, dnnl_abcd, dnnl_abcde, dnnl_abcdef};

static void
space_drop(conv_t *c, int from, int count)
{
    int64_t *const lists[] = {c->x + 2,  c->y + 2, c->weights + c->weight_rank - c->spatial, c->stride, c->dilation,
                              c->before, c->after};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        memmove(lists[i] + from, lists[i] + from + count, (size_t)(c->spatial - from - count) * sizeof(int64_t));
    c->spatial -= count;
    c->weight_rank -= count;
}

// With channels last, neighbouring dimensions over which the kernel does not reach are one dimension: a 3 x 1 x 1
// kernel over T, H, W is 3 x 1 over T, H W; a 1 x 3 x 3 kernel is 3 x 3 over H, W of N T pictures. oneDNN is faster at
// these.
static void
space_simplify(conv_t *c)
{
    bool idle[3];
    for (int i = 0; i < c->spatial; i++)
        idle[i] =
            c->weights[c->weight_rank - c->spatial + i] == 1 && c->stride[i] == 1 && !c->before[i] && !c->after[i];
    if (c->spatial != 3)
        return;
    if (idle[1] && idle[2]) {
        c->x[4] *= c->x[3];
        c->y[4] *= c->y[3];
        space_drop(c, 1, 1);
    } else if (idle[0]) {
        c->x[0] *= c->x[2];
        c->y[0] *= c->y[2];
        space_drop(c, 0, 1);
    }
}

static conv_t
conv_of(const kt_builder_t *b, const kt_graph_node_t *node)
{
    const kt_shape_of_t *x = &b->shapes[node->in[0]], *y = &b->shapes[node->out[0]], *w = &b->shapes[node->in[1]];
    const kt_op_attrs_t *attrs = &node->attrs;
    conv_t               c     = {.node = node, .spatial = x->rank - 2, .weight_rank = w->rank};
    c.w                        = kt_constant_in(b, node, 1);
    c.bias                     = kt_constant_in(b, node, 2);
    c.bias_dims[0]             = y->dims[1];
    memcpy(c.x, x->dims, sizeof x->dims);
    memcpy(c.y, y->dims, sizeof y->dims);
    memcpy(c.weights, w->dims, sizeof w->dims);
    if (attrs->groups > 1) {
        memmove(c.weights + 1, c.weights, sizeof w->dims);
        c.weights[0] = attrs->groups;
        c.weights[1] /= attrs->groups;
        c.weight_rank++;
    }
    for (int i = 0; i < c.spatial; i++) {
        c.stride[i]   = attrs->stride[i];
        c.dilation[i] = attrs->dilation[i] - 1;
        c.before[i]   = attrs->before[i];
        c.after[i]    = attrs->after[i];
    }
    space_simplify(&c);
    return c;
}

// What oneDNN computes together with the convolution: a chain of elementwise nodes, and, behind a convolution of one
// position, a depthwise one of 3 x 3 with its own chain: the wide map between the two stays in the cache.
typedef struct fused {
    int                    n;
    kt_chain_item_t        items[2 * KT_CHAIN];
    int                    sum;        // value that is added, and whose buffer takes the result; -1: none
    int                    out;        // value that is computed
    const kt_graph_node_t *depthwise;  // NULL: none
} fused_t;

enum { POSTS = 3 };

static bool
sum_fits(kt_builder_t *b, const kt_chain_item_t *item, size_t floats)
{
    return item->op.kind == KT_EW_ADD && item->op.operand == KT_EW_FULL && kt_lies_in(b, item->operand, KT_LAST) &&
           kt_may_overwrite(b, b->values[item->operand].at[KT_LAST], floats);
}

static void
fuse_chain(kt_builder_t *b, fused_t *f, int most, bool sums, dnnl_post_ops_t post)
{
    kt_chain_item_t item;
    for (int i = 0; i < most && kt_chain_next(b, f->out, KT_LAST, &item); i++) {
        const bool adds = item.operand >= 0;
        if (adds && (!sums || f->sum >= 0 || !sum_fits(b, &item, kt_floats(&b->shapes[f->out]))))
            return;
        if (!kt_dnn_post(post, &item.op))
            return;
        if (adds)
            f->sum = item.operand;
        f->out           = kt_graph_node(b->graph, (size_t)item.node)->out[0];
        f->items[f->n++] = item;
    }
}

static bool
is_pointwise(const conv_t *c)
{
    for (int i = 0; i < c->spatial; i++)
        if (c->weights[c->weight_rank - 2 + i] != 1 || c->stride[i] != 1 || c->before[i] || c->after[i])
            return false;
    return c->spatial == 2 && c->weight_rank == 4;
}

// The node that alone reads the value, if it is a depthwise convolution of 3 x 3 as oneDNN fuses it.
static const kt_graph_node_t *
depthwise_after(const kt_builder_t *b, int value)
{
    const int              user = b->values[value].user;
    const kt_graph_node_t *node = user < 0 ? NULL : kt_graph_node(b->graph, (size_t)user);
    if (!node || node->op != KT_OP_CONV || node->in[0] != value || node->attrs.groups != b->shapes[value].dims[1])
        return NULL;
    const kt_op_attrs_t *attrs = &node->attrs;
    const int64_t       *w     = b->shapes[node->in[1]].dims;
    for (int i = 0; i < 2; i++)
        if (w[2 + i] != 3 || attrs->before[i] != 1 || attrs->after[i] != 1 || attrs->dilation[i] != 1)
            return NULL;
    return w[0] == attrs->groups && attrs->stride[0] == attrs->stride[1] && attrs->stride[0] <= 2 ? node : NULL;
}

static fused_t
fuse(kt_builder_t *b, const conv_t *c, int most, bool with_depthwise, dnnl_post_ops_t post)
{
    fused_t f = {.sum = -1, .out = c->node->out[0]};
    fuse_chain(b, &f, most, true, post);
    const kt_graph_node_t *next = with_depthwise && f.sum < 0 && is_pointwise(c) ? depthwise_after(b, f.out) : NULL;
    if (!next)
        return f;
    const dnnl_data_type_t bias   = next->n_in > 2 ? dnnl_f32 : dnnl_data_type_undef;
    const dnnl_status_t    status = next->attrs.stride[0] == 1
                                        ? dnnl_post_ops_append_dw_k3s1p1(post, dnnl_f32, bias, dnnl_f32, 0, 0, NULL)
                                        : dnnl_post_ops_append_dw_k3s2p1(post, dnnl_f32, bias, dnnl_f32, 0, 0, NULL);
    if (status == dnnl_success) {
        f.depthwise = next;
        f.out       = next->out[0];
        fuse_chain(b, &f, most, false, post);
    }
    return f;
}

static kt_err_t
conv_describe(kt_builder_t *b, const conv_t *c, dnnl_post_ops_t post, dnnl_primitive_desc_t *out)
{
    dnnl_memory_desc_t      x, y, w, bias;
    dnnl_convolution_desc_t desc;
    const int               rank = c->spatial + 2;
    if (dnnl_memory_desc_init_by_tag(&x, rank, c->x, dnnl_f32, LAST_TAGS[c->spatial - 1]) != dnnl_success ||
        dnnl_memory_desc_init_by_tag(&y, rank, c->y, dnnl_f32, LAST_TAGS[c->spatial - 1]) != dnnl_success ||
        dnnl_memory_desc_init_by_tag(&w, c->weight_rank, c->weights, dnnl_f32, dnnl_format_tag_any) != dnnl_success ||
        dnnl_memory_desc_init_by_tag(&bias, 1, c->bias_dims, dnnl_f32, dnnl_a) != dnnl_success ||
        dnnl_dilated_convolution_forward_desc_init(&desc, dnnl_forward_inference, dnnl_convolution_direct, &x, &w,
                                                   c->bias ? &bias : NULL, &y, c->stride, c->dilation, c->before,
                                                   c->after) != dnnl_success)
        return KT_EOPERATOR;
    return kt_dnn_choose(b, &desc, post, out);
}

// The primitive with as many fused nodes as there is a fast implementation for.
static kt_err_t
conv_choose(kt_builder_t *b, const conv_t *c, fused_t *f, dnnl_primitive_desc_t *pd)
{
    kt_err_t err            = KT_EOPERATOR;
    bool     with_depthwise = true;
    int      most           = POSTS;
    do {
        dnnl_post_ops_t post;
        if (dnnl_post_ops_create(&post) != dnnl_success)
            return KT_ENOMEM;
        *f  = fuse(b, c, most, with_depthwise, post);
        err = conv_describe(b, c, post, pd);
        dnnl_post_ops_destroy(post);
        if (!f->depthwise)
            most = f->n - 1;
        with_depthwise = false;
    } while (err == KT_EOPERATOR && most >= 0);
    return err;
}

static int
conv_operands(const kt_builder_t *b, const conv_t *c, const fused_t *f, dnnl_memory_desc_t descs[4],
              kt_dnn_operand_t operands[KT_DNN_ARGS])
{
    const int depthwise = DNNL_ARG_ATTR_POST_OP_DW;
    int       n         = 0;
    (void)dnnl_memory_desc_init_by_tag(&descs[0], c->weight_rank, c->weights, dnnl_f32, PLAIN_TAGS[c->weight_rank - 3]);
    (void)dnnl_memory_desc_init_by_tag(&descs[1], 1, c->bias_dims, dnnl_f32, dnnl_a);
    operands[n++] = (kt_dnn_operand_t){DNNL_ARG_DST, 0, NULL, NULL};
    operands[n++] = (kt_dnn_operand_t){DNNL_ARG_SRC, 1, NULL, NULL};
    operands[n++] = (kt_dnn_operand_t){DNNL_ARG_WEIGHTS, -1, c->w, &descs[0]};
    if (c->bias)
        operands[n++] = (kt_dnn_operand_t){DNNL_ARG_BIAS, -1, c->bias, &descs[1]};
    if (!f->depthwise)
        return n;
    const float      *w = kt_constant_in(b, f->depthwise, 1), *bias = kt_constant_in(b, f->depthwise, 2);
    const dnnl_dims_t dims = {c->y[1], 1, 1, 3, 3};
    (void)dnnl_memory_desc_init_by_tag(&descs[2], 5, dims, dnnl_f32, dnnl_abcde);
    (void)dnnl_memory_desc_init_by_tag(&descs[3], 1, dims, dnnl_f32, dnnl_a);
    operands[n++] = (kt_dnn_operand_t){depthwise | DNNL_ARG_WEIGHTS, -1, w, &descs[2]};
    if (bias)
        operands[n++] = (kt_dnn_operand_t){depthwise | DNNL_ARG_BIAS, -1, bias, &descs[3]};
    return n;
}

static kt_err_t
conv_step(kt_builder_t *b, const conv_t *c)
{
    kt_cpu_step_t         step = {.name = "conv", .n_places = 2};
    kt_dnn_operand_t      operands[KT_DNN_ARGS];
    dnnl_memory_desc_t    descs[4];
    dnnl_primitive_desc_t pd;
    fused_t               f;
    kt_err_t              err = conv_choose(b, c, &f, &pd);
    if (err != KT_OK)
        return err;
    err = kt_read(b, c->node->in[0], KT_LAST, &step.places[1]);
    if (err == KT_OK && f.sum >= 0) {
        step.places[0] = b->values[f.sum].at[KT_LAST];
        kt_define(b, f.out, KT_LAST, step.places[0]);
    } else if (err == KT_OK) {
        err = kt_define_new(b, f.out, KT_LAST, &step.places[0]);
    }
    if (err != KT_OK) {
        dnnl_primitive_desc_destroy(pd);
        return err;
    }
    const int n = conv_operands(b, c, &f, descs, operands);
    if (f.depthwise)
        step.name = "conv+depthwise";
    err = kt_dnn_step(b, pd, operands, n, &step);
    for (int i = 0; i < f.n && err == KT_OK; i++)
        kt_take(b, f.items[i].node);
    if (err == KT_OK && f.depthwise)
        kt_take(b, b->values[f.depthwise->in[0]].user);
    return err;
}

kt_err_t
kt_step_conv_3x3(kt_builder_t *b, const int64_t size[4], const float *w, kt_place_t out, kt_place_t in)
{
    const conv_t          c    = {.spatial     = 2,
                                  .weight_rank = 4,
                                  .x           = {1, size[0], size[2], size[3]},
                                  .y           = {1, size[1], size[2], size[3]},
                                  .weights     = {size[1], size[0], 3, 3},
                                  .stride      = {1, 1},
                                  .before      = {1, 1},
                                  .after       = {1, 1}};
    kt_cpu_step_t         step = {.name = "conv", .n_places = 2, .places = {out, in}};
    dnnl_primitive_desc_t pd   = NULL;
    dnnl_memory_desc_t    plain;
    const kt_err_t        err = conv_describe(b, &c, NULL, &pd);
    if (err != KT_OK)
        return err;
    (void)dnnl_memory_desc_init_by_tag(&plain, 4, c.weights, dnnl_f32, dnnl_abcd);
    const kt_dnn_operand_t operands[] = {
        {DNNL_ARG_DST, 0, NULL, NULL}, {DNNL_ARG_SRC, 1, NULL, NULL}, {DNNL_ARG_WEIGHTS, -1, w, &plain}};
    return kt_dnn_step(b, pd, operands, 3, &step);
}

typedef struct time_conv {
    size_t       frames, channels, items;
    int          taps, before;
    const float *w, *bias;
    bool         plus;
} time_conv_t;

static kt_err_t
time_conv_run(const kt_cpu_step_t *self, const kt_cpu_run_t *run)
{
    const time_conv_t *t = self->data;
    for (size_t i = 0; i < t->items; i++) {
        const size_t at = i * t->frames * t->channels;
        run->exec->fast->time_conv(kt_cpu_at(run, self->places[0]) + at, kt_cpu_at(run, self->places[1]) + at,
                                   t->frames, t->channels, t->w, t->taps, t->before, t->bias,
                                   t->plus ? kt_cpu_at(run, self->places[2]) + at : NULL);
    }
    return KT_OK;
}

static kt_err_t
time_conv_step(kt_builder_t *b, const conv_t *c)
{
    kt_cpu_step_t      step       = {.name = "time_conv", .run = time_conv_run, .n_places = 2};
    const kt_permute_t taps_first = {3, {1, c->weights[3], c->x[1]}, {0, 1, c->weights[3]}};
    kt_chain_item_t    add;
    kt_err_t           err  = KT_ENOMEM;
    float             *w    = kt_build_floats(b, (size_t)(c->x[1] * c->weights[3]));
    time_conv_t       *data = calloc(1, sizeof *data);
    if (!w || !data)
        goto fail;
    kt_permute(&taps_first, w, c->w);
    const bool plus =
        kt_chain_next(b, c->node->out[0], KT_LAST, &add) && add.op.kind == KT_EW_ADD && add.op.operand == KT_EW_FULL;
    *data = (time_conv_t){
        (size_t)c->x[2], (size_t)c->x[1], (size_t)c->x[0], (int)c->weights[3], (int)c->before[0], w, c->bias, plus};
    err = kt_read(b, c->node->in[0], KT_LAST, &step.places[1]);
    if (err == KT_OK && plus)
        err = kt_read(b, add.operand, KT_LAST, &step.places[step.n_places++]);
    if (err == KT_OK)
        err = kt_define_new(b, plus ? kt_graph_node(b->graph, (size_t)add.node)->out[0] : c->node->out[0], KT_LAST,
                            &step.places[0]);
    if (err != KT_OK)
        goto fail;
    step.data = data;
    err       = kt_step(b, &step);
    if (err == KT_OK && plus)
        kt_take(b, add.node);
    return err;
fail:
    free(data);
    return err;
}

kt_err_t
kt_lower_conv(kt_builder_t *b, int n)
{
    kt_err_t err = kt_lower_front(b, n);
    if (err == KT_EOPERATOR)
        err = kt_lower_upsampled(b, n);
    if (err != KT_EOPERATOR)
        return err;
    const conv_t c         = conv_of(b, kt_graph_node(b->graph, (size_t)n));
    const bool   depthwise = c.weight_rank == c.spatial + 3 && c.weights[0] == c.x[1] && c.weights[1] == 1;
    if (c.spatial == 1 && depthwise && c.stride[0] == 1 && c.dilation[0] == 0 && c.x[2] == c.y[2])
        return time_conv_step(b, &c);
    return conv_step(b, &c);
}
