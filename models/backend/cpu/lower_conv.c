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

// The longest chain of elementwise nodes that oneDNN computes together with the convolution. (Not a depthwise
// convolution behind one of 1 x 1: with channels last, oneDNN 2.6.3 fuses the two wrongly.)
typedef struct fused {
    int             n;
    kt_chain_item_t items[KT_CHAIN];
    int             sum;  // value that is added, and whose buffer takes the result; -1: none
    int             out;  // value that is computed
} fused_t;

enum { POSTS = 3 };

static bool
sum_fits(kt_builder_t *b, const kt_chain_item_t *item, size_t floats)
{
    return item->op.kind == KT_EW_ADD && item->op.operand == KT_EW_FULL && kt_lies_in(b, item->operand, KT_LAST) &&
           kt_may_overwrite(b, b->values[item->operand].at[KT_LAST], floats);
}

static fused_t
fuse(kt_builder_t *b, int out, int most, dnnl_post_ops_t post)
{
    fused_t f = {.sum = -1, .out = out};
    while (f.n < most && kt_chain_next(b, f.out, KT_LAST, &f.items[f.n])) {
        const kt_chain_item_t *item = &f.items[f.n];
        const bool             adds = item->operand >= 0;
        if (adds && (f.sum >= 0 || !sum_fits(b, item, kt_floats(&b->shapes[f.out]))))
            break;
        if (!kt_dnn_post(post, &item->op))
            break;
        if (adds)
            f.sum = item->operand;
        f.out = kt_graph_node(b->graph, (size_t)item->node)->out[0];
        f.n++;
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
    kt_err_t err  = KT_EOPERATOR;
    int      most = POSTS;
    do {
        dnnl_post_ops_t post;
        if (dnnl_post_ops_create(&post) != dnnl_success)
            return KT_ENOMEM;
        *f  = fuse(b, c->node->out[0], most, post);
        err = conv_describe(b, c, post, pd);
        dnnl_post_ops_destroy(post);
        most = f->n - 1;
    } while (err == KT_EOPERATOR && most >= 0);
    return err;
}

static kt_err_t
conv_step(kt_builder_t *b, const conv_t *c)
{
    dnnl_primitive_desc_t pd;
    dnnl_memory_desc_t    plain_w, plain_bias;
    fused_t               f;
    kt_err_t              err = conv_choose(b, c, &f, &pd);
    if (err != KT_OK)
        return err;
    (void)dnnl_memory_desc_init_by_tag(&plain_w, c->weight_rank, c->weights, dnnl_f32, PLAIN_TAGS[c->weight_rank - 3]);
    (void)dnnl_memory_desc_init_by_tag(&plain_bias, 1, c->bias_dims, dnnl_f32, dnnl_a);
    const kt_dnn_operand_t operands[] = {{DNNL_ARG_DST, 0, NULL, NULL},
                                         {DNNL_ARG_SRC, 1, NULL, NULL},
                                         {DNNL_ARG_WEIGHTS, -1, c->w, &plain_w},
                                         {DNNL_ARG_BIAS, -1, c->bias, &plain_bias}};
    kt_cpu_step_t          step       = {.name = "conv", .n_places = 2};
    err                               = kt_read(b, c->node->in[0], KT_LAST, &step.places[1]);
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
    err = kt_dnn_step(b, pd, operands, c->bias ? 4 : 3, &step);
    for (int i = 0; i < f.n && err == KT_OK; i++)
        kt_take(b, f.items[i].node);
    return err;
}

static conv_t
conv_3x3(const int64_t size[4])
{
    return (conv_t){.spatial     = 2,
                    .weight_rank = 4,
                    .x           = {1, size[0], size[2], size[3]},
                    .y           = {1, size[1], size[2], size[3]},
                    .weights     = {size[1], size[0], 3, 3},
                    .stride      = {1, 1},
                    .before      = {1, 1},
                    .after       = {1, 1}};
}

bool
kt_has_conv_3x3(kt_builder_t *b, const int64_t size[4])
{
    const conv_t          c  = conv_3x3(size);
    dnnl_primitive_desc_t pd = NULL;
    if (conv_describe(b, &c, NULL, &pd) != KT_OK)
        return false;
    dnnl_primitive_desc_destroy(pd);
    return true;
}

kt_err_t
kt_step_conv_3x3(kt_builder_t *b, const int64_t size[4], const float *w, kt_place_t out, kt_place_t in)
{
    const conv_t          c    = conv_3x3(size);
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
