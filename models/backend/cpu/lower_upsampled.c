// A 3 x 3 convolution of a concatenation of maps, some of which a nearest resize has enlarged. An enlarged map has few
// different windows: the first and the last row of each repeated one reach into a neighbour, those between do not. The
// convolution of the small map gives a result per kind of window (2 or 3 per axis) with taps summed; one pass puts them
// in their places. Neither the enlarged maps nor the concatenation are made (PP-OCR's detector: 6 ms instead of 20).
#include "models/backend/cpu/build.h"

#include <stdlib.h>
#include <string.h>

typedef struct part {
    int     value;   // the map before it is enlarged
    int64_t factor;  // 1: not enlarged
    int64_t first;   // its first channel in the concatenation
} part_t;

typedef struct match {
    const kt_graph_node_t *conv;
    int                    n, whole;  // whole: the part that is not enlarged
    part_t                 parts[KT_UPSAMPLED_MAPS + 1];
} match_t;

static bool
conv_fits(const kt_builder_t *b, const kt_graph_node_t *conv)
{
    const kt_op_attrs_t *attrs = &conv->attrs;
    const kt_shape_of_t *w     = &b->shapes[conv->in[1]];
    if (conv->op != KT_OP_CONV || w->rank != 4 || attrs->groups != 1 || b->shapes[conv->in[0]].dims[0] != 1)
        return false;
    for (int i = 0; i < 2; i++)
        if (w->dims[2 + i] != 3 || attrs->stride[i] != 1 || attrs->dilation[i] != 1 || attrs->before[i] != 1 ||
            attrs->after[i] != 1)
            return false;
    return true;
}

// The enlargement that made the value, if nothing but the concatenation reads it.
static const kt_graph_node_t *
resize_before(const kt_builder_t *b, int value)
{
    const int made_by = kt_graph_value(b->graph, (size_t)value)->node;
    if (made_by < 0 || b->values[value].user < 0)
        return NULL;
    const kt_graph_node_t *node   = kt_graph_node(b->graph, (size_t)made_by);
    const int64_t         *factor = node->attrs.list;
    return node->op == KT_OP_RESIZE && factor[0] == factor[1] && factor[0] > 1 ? node : NULL;
}

static bool
match_of(const kt_builder_t *b, const kt_graph_node_t *concat, match_t *m)
{
    const int user  = b->values[concat->out[0]].user;
    int64_t   first = 0;
    *m              = (match_t){.whole = -1};
    if (concat->op != KT_OP_CONCAT || concat->attrs.axis != 1 || user < 0 || concat->n_in > KT_UPSAMPLED_MAPS + 1)
        return false;
    m->conv = kt_graph_node(b->graph, (size_t)user);
    if (!conv_fits(b, m->conv) || m->conv->in[0] != concat->out[0])
        return false;
    for (int i = 0; i < concat->n_in; i++) {
        const kt_graph_node_t *resize = resize_before(b, concat->in[i]);
        if (!resize && m->whole >= 0)
            return false;
        if (!resize)
            m->whole = i;
        m->parts[m->n++] =
            resize ? (part_t){resize->in[0], resize->attrs.list[0], first} : (part_t){concat->in[i], 1, first};
        first += b->shapes[concat->in[i]].dims[1];
    }
    return m->whole >= 0 && m->n > 1;
}

static int
kinds_of(const part_t *part)
{
    return part->factor == 1 ? 1 : part->factor == 2 ? 2 : 3;
}

// Inputs, outputs, height and width of the part's convolution.
static void
part_size(const kt_builder_t *b, const match_t *m, const part_t *part, int64_t size[4])
{
    const int64_t *x = b->shapes[part->value].dims;
    size[0]          = x[1];
    size[1]          = kinds_of(part) * kinds_of(part) * b->shapes[m->conv->out[0]].dims[1];
    size[2]          = x[2];
    size[3]          = x[3];
}

bool
kt_upsampled_defer(kt_builder_t *b, const kt_graph_node_t *node)
{
    const int              user   = node->op == KT_OP_RESIZE ? b->values[node->out[0]].user : -1;
    const kt_graph_node_t *concat = node->op == KT_OP_CONCAT ? node
                                    : user < 0               ? NULL
                                                             : kt_graph_node(b->graph, (size_t)user);
    match_t                m;
    if (!concat || (node->op == KT_OP_RESIZE && !resize_before(b, node->out[0])) || !match_of(b, concat, &m))
        return false;
    for (int i = 0; i < m.n; i++) {
        int64_t size[4];
        part_size(b, &m, &m.parts[i], size);
        if (!kt_has_conv_3x3(b, size))
            return false;
    }
    // The convolution reads these values later.
    kt_hold(b, node->op == KT_OP_RESIZE ? node->in[0] : m.parts[m.whole].value, 1);
    return true;
}

// Where the tap `tap` of the large map's kernel lies in that of the small one, for windows of a kind: 0 the first row
// of a repeated one, 1 the last, 2 between.
static int
small_tap(int kind, int tap)
{
    return kind == 0 ? (tap == 0 ? 0 : 1) : kind == 1 ? (tap == 2 ? 2 : 1) : 1;
}

// [kinds][kinds][O][C][3][3] of the part's channels.
static float *
weights_sum(kt_builder_t *b, const match_t *m, const part_t *part, int kinds)
{
    const kt_shape_of_t *shape   = &b->shapes[m->conv->in[1]];
    const float         *w       = kt_constant_in(b, m->conv, 1);
    const int64_t        outputs = shape->dims[0], all = shape->dims[1], channels = b->shapes[part->value].dims[1];
    float               *out = kt_build_floats(b, (size_t)(kinds * kinds * outputs * channels * 9)), *at = out;
    for (int kind = 0; out && kind < kinds * kinds; kind++)
        for (int64_t o = 0; o < outputs; o++)
            for (int64_t c = 0; c < channels; c++, at += 9) {
                const float *from   = w + (o * all + part->first + c) * 9;
                double       sum[9] = {0};
                for (int tap = 0; tap < 9; tap++) {
                    const int r = part->factor == 1 ? tap / 3 : small_tap(kind / kinds, tap / 3);
                    const int s = part->factor == 1 ? tap % 3 : small_tap(kind % kinds, tap % 3);
                    sum[3 * r + s] += (double)from[tap];
                }
                for (int tap = 0; tap < 9; tap++)
                    at[tap] = (float)sum[tap];
            }
    return out;
}

static kt_err_t
gather_run(const kt_cpu_step_t *self, const kt_cpu_run_t *run)
{
    const kt_upsampled_t *given = self->data;
    kt_upsampled_t        u     = *given;
    for (int i = 0; i < u.n; i++)
        u.maps[i] = kt_cpu_at(run, self->places[2 + i]);
    run->exec->fast->upsampled(&u, kt_cpu_at(run, self->places[0]), kt_cpu_at(run, self->places[1]));
    return KT_OK;
}

// The convolutions of the parts, each into a buffer of its own: place 1 of the step for the whole one, then the others.
static kt_err_t
parts_compute(kt_builder_t *b, const match_t *m, kt_upsampled_t *u, kt_cpu_step_t *step)
{
    kt_err_t err   = KT_OK;
    step->n_places = 2;
    for (int i = 0; i < m->n && err == KT_OK; i++) {
        const part_t *part = &m->parts[i];
        const float  *w    = weights_sum(b, m, part, kinds_of(part));
        int64_t       size[4];
        kt_place_t    in, out;
        part_size(b, m, part, size);
        err = w ? kt_read(b, part->value, KT_LAST, &in) : KT_ENOMEM;
        if (err == KT_OK)
            err = kt_buffer_new(b, (size_t)(size[1] * size[2] * size[3]), &out);
        if (err == KT_OK)
            err = kt_step_conv_3x3(b, size, w, out, in);
        if (err != KT_OK)
            return err;
        if (part->factor == 1) {
            step->places[1] = out;
            continue;
        }
        u->factor[u->n]                = (int)part->factor;
        u->kinds[u->n++]               = kinds_of(part);
        step->places[step->n_places++] = out;
    }
    return err;
}

kt_err_t
kt_lower_upsampled(kt_builder_t *b, int n)
{
    const kt_graph_node_t *conv    = kt_graph_node(b->graph, (size_t)n);
    const int              made_by = kt_graph_value(b->graph, (size_t)conv->in[0])->node;
    kt_cpu_step_t          step    = {.name = "upsampled", .run = gather_run};
    kt_chain_item_t        item;
    match_t                m;
    if (kt_lies_in(b, conv->in[0], KT_PLAIN) || kt_lies_in(b, conv->in[0], KT_LAST))
        return KT_EOPERATOR;  // nothing was deferred
    if (made_by < 0 || !match_of(b, kt_graph_node(b->graph, (size_t)made_by), &m) || m.conv != conv)
        return KT_EOPERATOR;
    const kt_shape_of_t *y = &b->shapes[conv->out[0]];
    kt_upsampled_t      *u = calloc(1, sizeof *u);
    if (!u)
        return KT_ENOMEM;
    *u           = (kt_upsampled_t){.rows = (int)y->dims[2], .columns = (int)y->dims[3], .channels = (int)y->dims[1]};
    u->bias      = kt_constant_in(b, conv, 2);
    u->relu      = kt_chain_next(b, conv->out[0], KT_LAST, &item) && item.op.kind == KT_EW_RELU;
    kt_err_t err = parts_compute(b, &m, u, &step);
    if (err == KT_OK)
        err = kt_define_new(b, u->relu ? kt_graph_node(b->graph, (size_t)item.node)->out[0] : conv->out[0], KT_LAST,
                            &step.places[0]);
    if (err != KT_OK) {
        free(u);
        return err == KT_EOPERATOR ? KT_EMODEL : err;  // the concatenation was not made: there is no way back
    }
    const bool relu = u->relu;
    step.data       = u;
    err             = kt_step(b, &step);
    if (err == KT_OK && relu)
        kt_take(b, item.node);
    for (int i = 0; i < m.n; i++)
        kt_hold(b, m.parts[i].value, -1);
    return err;
}
