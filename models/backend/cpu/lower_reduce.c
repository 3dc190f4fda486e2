// Pooling, reductions and normalisation of rows.
#include "models/backend/cpu/build.h"

#include <stdlib.h>

typedef struct pool {
    kt_pool_t kernel;
    size_t    items, in_floats, out_floats;
} pool_t;

static kt_err_t
pool_run(const kt_cpu_step_t *self, const kt_cpu_run_t *run)
{
    const pool_t *p = self->data;
    for (size_t i = 0; i < p->items; i++)
        run->exec->fast->pool(&p->kernel, kt_cpu_at(run, self->places[0]) + i * p->out_floats,
                              kt_cpu_at(run, self->places[1]) + i * p->in_floats);
    return KT_OK;
}

// Reads the input and defines the output in this layout, then appends the step, which owns its data.
static kt_err_t
step_of_one(kt_builder_t *b, const kt_graph_node_t *node, kt_layout_t from, kt_layout_t to, kt_cpu_step_t *step)
{
    kt_err_t err   = step->data ? kt_read(b, node->in[0], from, &step->places[1]) : KT_ENOMEM;
    step->n_places = 2;
    if (err == KT_OK)
        err = kt_define_new(b, node->out[0], to, &step->places[0]);
    if (err == KT_OK)
        return kt_step(b, step);
    free(step->data);
    return err;
}

kt_err_t
kt_lower_pool(kt_builder_t *b, int n)
{
    const kt_graph_node_t *node = kt_graph_node(b->graph, (size_t)n);
    const kt_shape_of_t   *x = &b->shapes[node->in[0]], *y = &b->shapes[node->out[0]];
    pool_t                *p = malloc(sizeof *p);
    if (p) {
        *p = (pool_t){.kernel = {.in          = {1, 1, 1},
                                 .out         = {1, 1, 1},
                                 .kernel      = {1, 1, 1},
                                 .stride      = {1, 1, 1},
                                 .channels    = x->dims[1],
                                 .max         = node->op == KT_OP_MAXPOOL,
                                 .include_pad = node->attrs.include_pad},
                      .items  = (size_t)x->dims[0]};
        for (int i = 0; i < x->rank - 2; i++) {
            const int to         = 5 - x->rank + i;
            p->kernel.in[to]     = (int)x->dims[2 + i];
            p->kernel.out[to]    = (int)y->dims[2 + i];
            p->kernel.kernel[to] = (int)node->attrs.kernel[i];
            p->kernel.stride[to] = (int)node->attrs.stride[i];
            p->kernel.before[to] = (int)node->attrs.before[i];
        }
        p->in_floats  = kt_floats(x) / p->items;
        p->out_floats = kt_floats(y) / p->items;
    }
    return step_of_one(b, node, KT_LAST, KT_LAST, &(kt_cpu_step_t){.name = "pool", .run = pool_run, .data = p});
}

typedef struct reduce {
    kt_op_t op;
    size_t  outer, count, inner;
} reduce_t;

static kt_err_t
reduce_run(const kt_cpu_step_t *self, const kt_cpu_run_t *run)
{
    const reduce_t *r = self->data;
    float          *y = kt_cpu_at(run, self->places[0]);
    const float    *x = kt_cpu_at(run, self->places[1]);
    if (r->op == KT_OP_RMAX)
        run->exec->fast->reduce_max(y, x, r->outer, r->count, r->inner);
    else
        run->exec->fast->reduce_sum(y, x, r->outer, r->count, r->inner, r->op == KT_OP_RMEAN ? 1 / (float)r->count : 1);
    return KT_OK;
}

// The reduced dimensions as one, if they are neighbours in this layout.
static bool
reduced_range(const kt_shape_of_t *x, kt_layout_t layout, const kt_op_attrs_t *attrs, reduce_t *out)
{
    bool    reduced[KT_GRAPH_RANK] = {false};
    int64_t dims[KT_GRAPH_RANK];
    int     first = -1, last = -1;
    kt_dims_in(x, layout, dims);
    for (int i = 0; i < attrs->n_list; i++)
        reduced[kt_axis_in(x, layout, (int)attrs->list[i])] = true;
    for (int i = 0; i < x->rank; i++)
        if (reduced[i] && dims[i] > 1) {
            first = first < 0 ? i : first;
            last  = i;
        }
    for (int i = first; i >= 0 && i <= last; i++)
        if (!reduced[i] && dims[i] > 1)
            return false;
    if (first < 0)
        first = last = 0;
    out->outer = kt_product(dims, 0, first);
    out->count = reduced[first] ? kt_product(dims, first, last + 1) : 1;
    out->inner = kt_product(dims, reduced[first] ? last + 1 : first, x->rank);
    return true;
}

kt_err_t
kt_lower_reduce(kt_builder_t *b, int n)
{
    const kt_graph_node_t *node          = kt_graph_node(b->graph, (size_t)n);
    const kt_shape_of_t   *x             = &b->shapes[node->in[0]];
    const kt_layout_t      from          = kt_layout_of(b, node->in[0]);
    reduce_t               r             = {.op = node->op};
    bool                   channels_stay = x->rank > 2;
    for (int i = 0; i < node->attrs.n_list; i++)
        if (node->attrs.list[i] < 1 || x->rank < 2)
            return KT_EOPERATOR;
        else if (node->attrs.list[i] == 1)
            channels_stay = false;
    if (!reduced_range(x, from, &node->attrs, &r))
        return KT_EOPERATOR;
    // Without the channels, what is left of N, spatial is in the order of the dimensions; with `keep`, too.
    const kt_layout_t to   = from == KT_LAST && channels_stay ? KT_LAST : KT_PLAIN;
    reduce_t         *data = malloc(sizeof *data);
    if (data)
        *data = r;
    return step_of_one(b, node, from, to, &(kt_cpu_step_t){.name = "reduce", .run = reduce_run, .data = data});
}

typedef struct rows {
    size_t       rows, n;
    float        epsilon;
    const float *scale, *shift;
} rows_t;

static rows_t *
rows_new(const kt_shape_of_t *x, size_t n, float epsilon)
{
    rows_t *r = malloc(sizeof *r);
    if (r)
        *r = (rows_t){.rows = kt_floats(x) / n, .n = n, .epsilon = epsilon};
    return r;
}

static kt_err_t
softmax_run(const kt_cpu_step_t *self, const kt_cpu_run_t *run)
{
    const rows_t *r = self->data;
    run->exec->fast->softmax(kt_cpu_at(run, self->places[0]), kt_cpu_at(run, self->places[1]), r->rows, r->n);
    return KT_OK;
}

static kt_err_t
l2_run(const kt_cpu_step_t *self, const kt_cpu_run_t *run)
{
    const rows_t *r = self->data;
    run->exec->fast->l2_normalise(kt_cpu_at(run, self->places[0]), kt_cpu_at(run, self->places[1]), r->rows, r->n,
                                  r->epsilon);
    return KT_OK;
}

static kt_err_t
layer_norm_run(const kt_cpu_step_t *self, const kt_cpu_run_t *run)
{
    const rows_t *r = self->data;
    run->exec->fast->layer_norm(kt_cpu_at(run, self->places[0]), kt_cpu_at(run, self->places[1]), r->rows, r->n,
                                r->scale, r->shift, r->epsilon);
    return KT_OK;
}

// Rows along `axis`, which must be the innermost in one of the layouts.
static kt_err_t
rows_lower(kt_builder_t *b, int n, kt_cpu_step_t step)
{
    const kt_graph_node_t *node   = kt_graph_node(b->graph, (size_t)n);
    const kt_shape_of_t   *x      = &b->shapes[node->in[0]];
    const int              axis   = node->attrs.axis;
    const kt_layout_t      layout = axis == x->rank - 1 ? KT_PLAIN : KT_LAST;
    if (axis != x->rank - 1 && axis != 1)
        return KT_EOPERATOR;
    step.data = rows_new(x, (size_t)x->dims[axis], node->attrs.epsilon);
    return step_of_one(b, node, layout, layout, &step);
}

kt_err_t
kt_lower_softmax(kt_builder_t *b, int n)
{
    return rows_lower(b, n, (kt_cpu_step_t){.name = "softmax", .run = softmax_run});
}

kt_err_t
kt_lower_l2(kt_builder_t *b, int n)
{
    return rows_lower(b, n, (kt_cpu_step_t){.name = "l2_normalise", .run = l2_run});
}

kt_err_t
kt_lower_layer_norm(kt_builder_t *b, int n)
{
    const kt_graph_node_t *node = kt_graph_node(b->graph, (size_t)n);
    const kt_shape_of_t   *x    = &b->shapes[node->in[0]];
    rows_t                *r    = rows_new(x, (size_t)x->dims[x->rank - 1], node->attrs.epsilon);
    if (node->n_in == 2) {
        free(r);
        return KT_EOPERATOR;
    }
    if (r) {
        r->scale = kt_constant_in(b, node, 1);
        r->shift = kt_constant_in(b, node, 2);
    }
    return step_of_one(b, node, KT_PLAIN, KT_PLAIN,
                       &(kt_cpu_step_t){.name = "layer_norm", .run = layer_norm_run, .data = r});
}
