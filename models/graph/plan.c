// The static memory plan. Values that share memory by working in place form a group, which lives from the first node
// that writes it to the last that reads it. Groups are placed from the largest to the smallest, each at the lowest
// offset where it meets none that lives at the same time.
#include "models/graph/inside.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };
#define ARENA_MAX ((size_t)1 << 40)

typedef struct group {
    size_t bytes, offset;
    int    first, last;  // nodes; both included
} group_t;

typedef struct planner {
    const kt_graph_t *graph;
    group_t          *groups;  // [values]; the index is that of the group's first value
    int              *root;    // [values]: group; -1: not in the arena
    int              *order;   // groups: first those not placed yet, by size; then the placed ones, by offset
    size_t            n_groups;
} planner_t;

bool
kt_op_in_place(kt_op_t op)
{
    return (op >= KT_OP_SCALE && op <= KT_OP_DIV) || op == KT_OP_RESHAPE;
}

static bool
is_outside(const kt_graph_t *graph, int value)
{
    const kt_graph_value_t *facts = &graph->values[value];
    return facts->node < 0 || facts->last_use == (int)graph->n_nodes;
}

// The group whose place the first output of the node may take; -1: none.
static int
group_to_take(const planner_t *self, const kt_graph_node_t *node, int index, const kt_shape_of_t *shapes)
{
    int from = node->in[0];
    if (!kt_op_in_place(node->op) || self->root[from] < 0 || self->graph->values[from].last_use != index ||
        kt_shape_count(&shapes[from]) != kt_shape_count(&shapes[node->out[0]]))
        return -1;
    return self->root[from];
}

static void
make_groups(planner_t *self, const kt_shape_of_t *shapes)
{
    const kt_graph_t *graph = self->graph;
    for (size_t i = 0; i < graph->n_values; i++)
        self->root[i] = -1;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const kt_graph_node_t *node = &graph->nodes[i];
        for (int k = 0; k < node->n_out; k++) {
            int value = node->out[k], last = graph->values[value].last_use;
            if (is_outside(graph, value))
                continue;
            last              = last < (int)i ? (int)i : last;  // not read at all: while it is written
            int group         = k == 0 ? group_to_take(self, node, (int)i, shapes) : -1;
            self->root[value] = group < 0 ? value : group;
            if (group >= 0) {
                self->groups[group].last = last;
                continue;
            }
            size_t bytes                  = (size_t)kt_shape_count(&shapes[value]) * sizeof(float);
            self->groups[value]           = (group_t){(bytes + ALIGN - 1) / ALIGN * ALIGN, 0, (int)i, last};
            self->order[self->n_groups++] = value;
        }
    }
}

static int
compare_sizes(const void *a, const void *b, void *groups)
{
    const group_t *x = (group_t *)groups + *(const int *)a, *y = (group_t *)groups + *(const int *)b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return *(const int *)a - *(const int *)b;
}

// Offset for order[n]: order[0 .. n - 1] are placed and sorted by offset.
static void
place(planner_t *self, size_t n, size_t *arena)
{
    int      index = self->order[n];
    group_t *group = &self->groups[index];
    size_t   at    = 0;
    for (size_t i = 0; i < n; i++) {
        const group_t *other = &self->groups[self->order[i]];
        if (other->first > group->last || other->last < group->first)
            continue;
        if (other->offset >= at && other->offset - at >= group->bytes)
            break;
        at = other->offset + other->bytes > at ? other->offset + other->bytes : at;
    }
    group->offset = at;
    *arena        = at + group->bytes > *arena ? at + group->bytes : *arena;
    size_t to     = n;
    for (; to > 0 && self->groups[self->order[to - 1]].offset > at; to--)
        self->order[to] = self->order[to - 1];
    self->order[to] = index;
}

kt_err_t
kt_memory_plan_new(kt_memory_plan_t *out, const kt_graph_t *graph, const kt_shape_of_t *shapes)
{
    size_t    n    = graph->n_values;
    kt_err_t  err  = KT_ENOMEM;
    planner_t self = {.graph = graph};
    *out           = (kt_memory_plan_t){.offset = malloc(n * sizeof *out->offset)};
    self.groups    = calloc(n, sizeof *self.groups);
    self.root      = malloc(n * sizeof *self.root);
    self.order     = malloc(n * sizeof *self.order);
    if (!out->offset || !self.groups || !self.root || !self.order)
        goto done;
    make_groups(&self, shapes);
    qsort_r(self.order, self.n_groups, sizeof *self.order, compare_sizes, self.groups);
    for (size_t i = 0; i < self.n_groups && out->arena_bytes < ARENA_MAX; i++)
        place(&self, i, &out->arena_bytes);
    if (out->arena_bytes >= ARENA_MAX)
        goto done;
    err = KT_OK;
    for (size_t i = 0; i < n; i++)
        out->offset[i] = self.root[i] < 0 ? SIZE_MAX : self.groups[self.root[i]].offset;
done:
    free(self.groups);
    free(self.root);
    free(self.order);
    if (err)
        kt_memory_plan_fini(out);
    return err;
}

void
kt_memory_plan_fini(kt_memory_plan_t *plan)
{
    free(plan->offset);
    *plan = (kt_memory_plan_t){0};
}
