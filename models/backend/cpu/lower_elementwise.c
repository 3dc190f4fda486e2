// Elementwise operators. A chain of them runs as one step over pieces that stay in the first-level cache.
#include "models/backend/cpu/build.h"

#include <stdlib.h>

enum { PIECE = 1024 };  // floats

static const struct {
    bool         known;
    kt_ew_kind_t kind;
} KINDS[KT_OPS] = {
#define KIND(name) [KT_OP_##name] = {true, KT_EW_##name}
    KIND(RELU),   KIND(CLIP), KIND(SIGMOID), KIND(TANH),  KIND(SILU),  KIND(GELU),   KIND(HSIGMOID),
    KIND(HSWISH), KIND(EXP),  KIND(LOG),     KIND(SQRT),  KIND(POW),   KIND(AFFINE), KIND(ADD),
    KIND(SUB),    KIND(MUL),  KIND(DIV),     KIND(SCALE), KIND(PRELU),
#undef KIND
};

static kt_ew_op_t
unary_op(const kt_graph_node_t *node)
{
    const kt_op_attrs_t *attrs = &node->attrs;
    kt_ew_op_t           op    = {.kind = KINDS[node->op].kind, .a = attrs->alpha, .b = attrs->beta};
    if (node->op == KT_OP_CLIP) {
        op.a = attrs->low;
        op.b = attrs->high;
    }
    if (node->op == KT_OP_POW)
        op.a = attrs->exponent;
    return op;
}

// How a value of this shape meets one of shape x in this layout; NONE: in another way.
static kt_ew_operand_t
operand_of(const kt_shape_of_t *x, const kt_shape_of_t *other, kt_layout_t layout)
{
    int same = 0, channel = 0;
    int axis = layout == KT_LAST ? 1 : x->rank - 1;
    if (kt_floats(other) == 1)
        return KT_EW_SCALAR;
    for (int i = 0; i < x->rank; i++) {
        const int     from_end = x->rank - i;
        const int64_t dim      = from_end <= other->rank ? other->dims[other->rank - from_end] : 1;
        same += dim == x->dims[i];
        channel += dim == (i == axis ? x->dims[i] : 1);
    }
    if (same == x->rank && other->rank <= x->rank)
        return KT_EW_FULL;
    return channel == x->rank && other->rank <= x->rank ? KT_EW_CHANNEL : KT_EW_NONE;
}

// The node as an operation on its input `x` that lies in this layout. false: not in this layout.
static bool
item_of(kt_builder_t *b, int n, int x, kt_layout_t layout, kt_chain_item_t *out)
{
    const kt_graph_node_t *node  = kt_graph_node(b->graph, (size_t)n);
    const kt_shape_of_t   *shape = &b->shapes[x];
    *out                         = (kt_chain_item_t){.op = unary_op(node), .operand = -1, .node = n};
    if (!KINDS[node->op].known || kt_floats(&b->shapes[node->out[0]]) != kt_floats(shape) ||
        b->shapes[node->out[0]].rank != shape->rank)
        return false;
    if (node->n_in == 1)
        return true;
    if (node->op == KT_OP_SCALE || node->op == KT_OP_PRELU) {
        const bool innermost = kt_axis_in(shape, layout, node->attrs.axis) == shape->rank - 1;
        if (node->in[0] != x || (!innermost && shape->dims[node->attrs.axis] != 1))
            return false;
        out->op.operand = shape->dims[node->attrs.axis] == 1 ? KT_EW_SCALAR : KT_EW_CHANNEL;
        out->op.p       = kt_constant(b, node->in[1]);
        out->op.q       = node->op == KT_OP_SCALE ? kt_constant(b, node->in[2]) : NULL;
        return true;
    }
    out->op.swapped = node->in[0] != x;
    out->operand    = node->in[out->op.swapped ? 0 : 1];
    out->op.operand = operand_of(shape, &b->shapes[out->operand], layout);
    return out->op.operand != KT_EW_NONE;
}

static bool
is_computed(const kt_builder_t *b, int value)
{
    return kt_graph_value(b->graph, (size_t)value)->constant || kt_lies_in(b, value, KT_PLAIN) ||
           kt_lies_in(b, value, KT_LAST);
}

bool
kt_chain_next(kt_builder_t *b, int value, kt_layout_t layout, kt_chain_item_t *out)
{
    const int node = b->values[value].user;
    return node >= 0 && !b->done[node] && item_of(b, node, value, layout, out) &&
           (out->operand < 0 || is_computed(b, out->operand));
}

typedef struct chain {
    int        n;
    kt_ew_op_t ops[KT_CHAIN];
    int        place[KT_CHAIN];  // of the operand; 0: none
    size_t     floats, channels;
} chain_t;

static kt_err_t
chain_run(const kt_cpu_step_t *self, const kt_cpu_run_t *run)
{
    const chain_t *chain    = self->data;
    const size_t   channels = chain->channels, rows = channels < PIECE ? PIECE / channels : 1;
    float         *y = kt_cpu_at(run, self->places[0]);
    const float   *x = kt_cpu_at(run, self->places[1]);
    kt_ew_op_t     ops[KT_CHAIN];
    for (int k = 0; k < chain->n; k++) {
        ops[k] = chain->ops[k];
        if (chain->place[k])
            ops[k].p = kt_cpu_at(run, self->places[chain->place[k]]);
    }
    for (size_t i = 0; i < chain->floats; i += rows * channels) {
        const size_t left = chain->floats - i, n = left < rows * channels ? left : rows * channels;
        for (int k = 0; k < chain->n; k++)
            run->exec->fast->elementwise(&ops[k], y + i, k ? y + i : x + i, n, channels, i);
    }
    return KT_OK;
}

// The operand is read in the layout of x; one per channel or of one value is the same in both.
static kt_err_t
operand_read(kt_builder_t *b, const kt_chain_item_t *item, kt_layout_t layout, kt_place_t *out)
{
    const bool plain = item->op.operand != KT_EW_FULL && !kt_lies_in(b, item->operand, KT_LAST);
    return kt_read(b, item->operand, plain ? KT_PLAIN : layout, out);
}

static kt_err_t
chain_step(kt_builder_t *b, const kt_chain_item_t *items, int n, int x, kt_layout_t layout)
{
    kt_cpu_step_t step = {.name = "elementwise", .run = chain_run, .n_places = 2};
    const int     y    = kt_graph_node(b->graph, (size_t)items[n - 1].node)->out[0];
    int64_t       dims[KT_GRAPH_RANK];
    chain_t      *chain = calloc(1, sizeof *chain);
    if (!chain)
        return KT_ENOMEM;
    step.data = chain;
    kt_dims_in(&b->shapes[x], layout, dims);
    chain->n        = n;
    chain->floats   = kt_floats(&b->shapes[x]);
    chain->channels = b->shapes[x].rank ? (size_t)dims[b->shapes[x].rank - 1] : 1;
    kt_err_t err    = kt_read(b, x, layout, &step.places[1]);
    for (int k = 0; k < n && err == KT_OK; k++) {
        chain->ops[k] = items[k].op;
        if (items[k].operand < 0)
            continue;
        chain->place[k] = step.n_places;
        err             = operand_read(b, &items[k], layout, &step.places[step.n_places++]);
    }
    // In place only if no later operation reads the same buffer as its operand.
    bool in_place = err == KT_OK && kt_may_overwrite(b, step.places[1], chain->floats);
    if (in_place) {
        step.places[0] = step.places[1];
        kt_define(b, y, layout, step.places[0]);
    } else if (err == KT_OK) {
        err = kt_define_new(b, y, layout, &step.places[0]);
    }
    if (err != KT_OK) {
        free(chain);
        return err;
    }
    return kt_step(b, &step);
}

// The input that the others are applied to, and a layout in which the node can be computed: that in which it lies, if
// possible.
static bool
first_item(kt_builder_t *b, int n, int *x, kt_layout_t *layout, kt_chain_item_t *out)
{
    const kt_graph_node_t *node = kt_graph_node(b->graph, (size_t)n);
    for (int input = 0; input < (node->n_in < 2 ? 1 : 2); input++) {
        *x = node->in[input];
        if (kt_graph_value(b->graph, (size_t)*x)->constant && input == 0 && node->n_in == 2)
            continue;  // the other way round
        const kt_layout_t at_hand = kt_same_bytes(&b->shapes[*x]) ? KT_LAST : kt_layout_of(b, *x);
        const kt_layout_t other   = at_hand == KT_PLAIN ? KT_LAST : KT_PLAIN;
        for (int attempt = 0; attempt < (b->shapes[*x].rank > 2 ? 2 : 1); attempt++) {
            *layout = attempt ? other : at_hand;
            if (item_of(b, n, *x, *layout, out))
                return true;
        }
    }
    return false;
}

kt_err_t
kt_lower_elementwise(kt_builder_t *b, int n)
{
    kt_chain_item_t items[KT_CHAIN];
    kt_layout_t     layout;
    int             x, count = 1;
    if (!first_item(b, n, &x, &layout, &items[0]))
        return KT_EOPERATOR;
    while (count < KT_CHAIN &&
           kt_chain_next(b, kt_graph_node(b->graph, (size_t)items[count - 1].node)->out[0], layout, &items[count]))
        count++;
    kt_err_t err = chain_step(b, items, count, x, layout);
    for (int i = 1; i < count && err == KT_OK; i++)
        kt_take(b, items[i].node);
    return err;
}
