// Operators that move values. Where the result has the same bytes as the input, it takes its place and nothing runs.
#include "models/backend/cpu/build.h"

#include <stdlib.h>
#include <string.h>

// Copies of runs of neighbouring values: for each outer index and each piece, `floats` values between two places.
typedef struct piece {
    size_t floats, from, from_step, to, to_step;
} piece_t;

typedef struct copies {
    size_t  outer;
    int     n;
    bool    clear;  // zeros around the pieces
    size_t  clear_floats;
    piece_t pieces[KT_NODE_INPUTS];
} copies_t;

static kt_err_t
copies_run(const kt_cpu_step_t *self, const kt_cpu_run_t *run)
{
    const copies_t *c = self->data;
    float          *y = kt_cpu_at(run, self->places[0]);
    if (c->clear)
        memset(y, 0, c->clear_floats * sizeof *y);
    for (int k = 0; k < c->n; k++) {
        const piece_t *p = &c->pieces[k];
        const float   *x = kt_cpu_at(run, self->places[1 + k]) + p->from;
        for (size_t o = 0; o < c->outer; o++)
            memcpy(y + p->to + o * p->to_step, x + o * p->from_step, p->floats * sizeof *y);
    }
    return KT_OK;
}

static kt_err_t
copies_step(kt_builder_t *b, const copies_t *copies, const kt_place_t *places)
{
    kt_cpu_step_t step = {.name = "copy", .run = copies_run, .n_places = copies->n + 1};
    copies_t     *data = malloc(sizeof *data);
    if (!data)
        return KT_ENOMEM;
    *data     = *copies;
    step.data = data;
    memcpy(step.places, places, (size_t)step.n_places * sizeof *places);
    return kt_step(b, &step);
}

// The layout in which most of the inputs' values lie.
static kt_layout_t
common_layout(const kt_builder_t *b, const kt_graph_node_t *node)
{
    size_t votes[KT_LAYOUTS] = {0};
    for (int i = 0; i < node->n_in; i++)
        if (!kt_same_bytes(&b->shapes[node->in[i]]))
            votes[kt_layout_of(b, node->in[i])] += kt_floats(&b->shapes[node->in[i]]);
    if (votes[KT_PLAIN] != votes[KT_LAST])
        return votes[KT_LAST] > votes[KT_PLAIN] ? KT_LAST : KT_PLAIN;
    return b->shapes[node->in[0]].rank > 2 ? KT_LAST : KT_PLAIN;
}

kt_err_t
kt_lower_concat(kt_builder_t *b, int n)
{
    const kt_graph_node_t *node = kt_graph_node(b->graph, (size_t)n);
    if (kt_upsampled_defer(b, node))
        return KT_OK;
    const kt_shape_of_t *y      = &b->shapes[node->out[0]];
    const kt_layout_t    layout = common_layout(b, node);
    const int            axis   = kt_axis_in(y, layout, node->attrs.axis);
    copies_t             copies = {.n = node->n_in};
    kt_place_t           places[KT_NODE_INPUTS + 1];
    int64_t              dims[KT_GRAPH_RANK];
    size_t               to  = 0;
    kt_err_t             err = KT_OK;
    kt_dims_in(y, layout, dims);
    copies.outer         = kt_product(dims, 0, axis);
    const size_t to_step = kt_product(dims, axis, y->rank);
    for (int i = 0; i < node->n_in && err == KT_OK; i++) {
        kt_dims_in(&b->shapes[node->in[i]], layout, dims);
        const size_t run = kt_product(dims, axis, y->rank);
        copies.pieces[i] = (piece_t){run, 0, run, to, to_step};
        to += run;
        err = kt_read(b, node->in[i], layout, &places[1 + i]);
    }
    if (err == KT_OK)
        err = kt_define_new(b, node->out[0], layout, &places[0]);
    return err == KT_OK ? copies_step(b, &copies, places) : err;
}

kt_err_t
kt_lower_reshape(kt_builder_t *b, int n)
{
    const kt_graph_node_t *node = kt_graph_node(b->graph, (size_t)n);
    const kt_shape_of_t   *x = &b->shapes[node->in[0]], *y = &b->shapes[node->out[0]];
    const bool             keeps  = x->rank > 2 && y->rank > 2 && x->dims[0] == y->dims[0] && x->dims[1] == y->dims[1];
    kt_layout_t            layout = keeps && !kt_same_bytes(x) ? kt_layout_of(b, node->in[0]) : KT_PLAIN;
    kt_place_t             place;
    kt_err_t               err = kt_read(b, node->in[0], layout, &place);
    if (err == KT_OK)
        kt_define(b, node->out[0], layout, place);
    return err;
}

// Strides in x, as it lies, of each dimension of y, as it is to lie.
static kt_permute_t
permutation(const kt_shape_of_t *x, kt_layout_t from, const kt_shape_of_t *y, kt_layout_t to, const int64_t *order)
{
    kt_permute_t p = {.rank = y->rank};
    int64_t      dims[KT_GRAPH_RANK], strides[KT_GRAPH_RANK];
    kt_dims_in(x, from, dims);
    int64_t step = 1;
    for (int i = x->rank - 1; i >= 0; i--) {
        strides[i] = step;
        step *= dims[i];
    }
    kt_dims_in(y, to, p.dims);
    for (int i = 0; i < y->rank; i++)
        p.strides[kt_axis_in(y, to, i)] = strides[kt_axis_in(x, from, (int)order[i])];
    return p;
}

static bool
is_identity(const kt_permute_t *p)
{
    int64_t step = 1;
    for (int i = p->rank - 1; i >= 0; i--) {
        if (p->dims[i] != 1 && p->strides[i] != step)
            return false;
        step *= p->dims[i];
    }
    return true;
}

kt_err_t
kt_lower_transpose(kt_builder_t *b, int n)
{
    const kt_graph_node_t *node = kt_graph_node(b->graph, (size_t)n);
    const kt_shape_of_t   *x = &b->shapes[node->in[0]], *y = &b->shapes[node->out[0]];
    kt_place_t             from, place;
    kt_permute_t           p;
    const kt_layout_t      at_hand = kt_layout_of(b, node->in[0]);
    kt_err_t               err     = kt_read(b, node->in[0], at_hand, &from);
    for (kt_layout_t to = KT_PLAIN; to < KT_LAYOUTS && err == KT_OK; to++) {
        p = permutation(x, at_hand, y, to, node->attrs.list);
        if (is_identity(&p)) {
            kt_define(b, node->out[0], to, from);
            return KT_OK;
        }
    }
    p = permutation(x, at_hand, y, KT_PLAIN, node->attrs.list);
    if (err == KT_OK)
        err = kt_define_new(b, node->out[0], KT_PLAIN, &place);
    return err == KT_OK ? kt_step_permute(b, &p, place, from) : err;
}

kt_err_t
kt_lower_slice(kt_builder_t *b, int n)
{
    const kt_graph_node_t *node = kt_graph_node(b->graph, (size_t)n);
    const kt_shape_of_t   *x = &b->shapes[node->in[0]], *y = &b->shapes[node->out[0]];
    const kt_layout_t      layout = kt_layout_of(b, node->in[0]);
    const int              axis   = kt_axis_in(x, layout, node->attrs.axis);
    const int64_t          size   = x->dims[node->attrs.axis];
    int64_t                dims[KT_GRAPH_RANK], from, end;
    kt_place_t             places[2];
    kt_err_t               err = kt_read(b, node->in[0], layout, &places[1]);
    if (err != KT_OK)
        return err;
    kt_slice_range(&node->attrs, size, &from, &end);
    kt_dims_in(x, layout, dims);
    const size_t inner = kt_product(dims, axis + 1, x->rank), outer = kt_product(dims, 0, axis);
    const size_t run = inner * (size_t)y->dims[node->attrs.axis];
    if (outer == 1) {
        places[1].at += inner * (size_t)from;
        kt_define(b, node->out[0], layout, places[1]);
        return KT_OK;
    }
    const copies_t copies = {
        .outer = outer, .n = 1, .pieces = {{run, inner * (size_t)from, inner * (size_t)size, 0, run}}};
    err = kt_define_new(b, node->out[0], layout, &places[0]);
    return err == KT_OK ? copies_step(b, &copies, places) : err;
}

kt_err_t
kt_lower_pad(kt_builder_t *b, int n)
{
    const kt_graph_node_t *node = kt_graph_node(b->graph, (size_t)n);
    const kt_shape_of_t   *x = &b->shapes[node->in[0]], *y = &b->shapes[node->out[0]];
    const kt_layout_t      layout = kt_layout_of(b, node->in[0]);
    const int              axis   = kt_axis_in(x, layout, node->attrs.axis);
    int64_t                dims[KT_GRAPH_RANK];
    kt_place_t             places[2];
    if (node->attrs.reflect)
        return KT_EOPERATOR;
    kt_dims_in(x, layout, dims);
    const size_t   inner = kt_product(dims, axis + 1, x->rank), run = inner * (size_t)dims[axis];
    const copies_t copies = {
        .outer        = kt_product(dims, 0, axis),
        .n            = 1,
        .clear        = true,
        .clear_floats = kt_floats(y),
        .pieces       = {{run, 0, run, inner * (size_t)node->attrs.begin, inner * (size_t)y->dims[node->attrs.axis]}}};
    kt_err_t err = kt_read(b, node->in[0], layout, &places[1]);
    if (err == KT_OK)
        err = kt_define_new(b, node->out[0], layout, &places[0]);
    return err == KT_OK ? copies_step(b, &copies, places) : err;
}

typedef struct resize {
    size_t  items, channels;
    int64_t in[3], factor[3];
} resize_t;

// y [width * factor][channels]
static void
resize_row(const resize_t *r, float *y, const float *x)
{
    for (int64_t w = 0; w < r->in[2]; w++, x += r->channels)
        for (int64_t k = 0; k < r->factor[2]; k++, y += r->channels)
            memcpy(y, x, r->channels * sizeof *y);
}

static kt_err_t
resize_run(const kt_cpu_step_t *self, const kt_cpu_run_t *run)
{
    const resize_t *r   = self->data;
    const size_t    row = (size_t)(r->in[2] * r->factor[2]) * r->channels, from = (size_t)r->in[2] * r->channels;
    const size_t    plane = row * (size_t)(r->in[1] * r->factor[1]);
    const float    *x     = kt_cpu_at(run, self->places[1]);
    float          *y     = kt_cpu_at(run, self->places[0]);
    for (size_t d = 0; d < r->items * (size_t)r->in[0]; d++) {
        const float *first = y;
        for (int64_t h = 0; h < r->in[1]; h++, x += from) {
            resize_row(r, y, x);
            for (int64_t k = 1; k < r->factor[1]; k++)
                memcpy(y + (size_t)k * row, y, row * sizeof *y);
            y += (size_t)r->factor[1] * row;
        }
        for (int64_t k = 1; k < r->factor[0]; k++, y += plane)
            memcpy(y, first, plane * sizeof *y);
    }
    return KT_OK;
}

kt_err_t
kt_lower_resize(kt_builder_t *b, int n)
{
    const kt_graph_node_t *node = kt_graph_node(b->graph, (size_t)n);
    if (kt_upsampled_defer(b, node))
        return KT_OK;
    const kt_shape_of_t *x    = &b->shapes[node->in[0]];
    kt_cpu_step_t        step = {.name = "resize", .run = resize_run, .n_places = 2};
    resize_t            *data = malloc(sizeof *data);
    if (!data)
        return KT_ENOMEM;
    *data = (resize_t){(size_t)x->dims[0], (size_t)x->dims[1], {1, 1, 1}, {1, 1, 1}};
    for (int i = 0; i < x->rank - 2; i++) {
        data->in[5 - x->rank + i]     = x->dims[2 + i];
        data->factor[5 - x->rank + i] = node->attrs.list[i];
    }
    step.data    = data;
    kt_err_t err = kt_read(b, node->in[0], KT_LAST, &step.places[1]);
    if (err == KT_OK)
        err = kt_define_new(b, node->out[0], KT_LAST, &step.places[0]);
    if (err == KT_OK)
        return kt_step(b, &step);
    free(data);
    return err;
}
