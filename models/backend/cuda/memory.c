// The largest value first, each at the lowest place where none lies that is needed at the same time.
#include "models/backend/cuda/memory.h"

#include <stdlib.h>

enum { ALIGN = 256 };

typedef struct span {
    int    value, first, last;  // steps
    size_t bytes, offset;
} span_t;

static void
extend(span_t *span, int step)
{
    if (span->bytes == 0)
        return;
    span->first = span->first < 0 || step < span->first ? step : span->first;
    span->last  = step > span->last ? step : span->last;
}

static void
mark_step(span_t *spans, const kt_graph_t *graph, const kt_cuda_step_t *step, int index)
{
    if (step->is_conv) {
        const int values[] = {step->x, step->w, step->bias, step->residual, step->y};
        for (size_t i = 0; i < sizeof values / sizeof *values; i++)
            if (values[i] >= 0)
                extend(&spans[values[i]], index);
        return;
    }
    const kt_graph_node_t *node = kt_graph_node(graph, (size_t)step->node);
    for (int i = 0; i < node->n_in; i++)
        extend(&spans[node->in[i]], index);
    for (int i = 0; i < node->n_out; i++)
        extend(&spans[node->out[i]], index);
}

// When each value is needed; bytes 0: never.
static void
mark(span_t *spans, const kt_graph_t *graph, const kt_shape_of_t *shapes, const kt_cuda_steps_t *steps)
{
    const int *values;
    for (size_t i = 0; i < kt_graph_values(graph); i++) {
        const bool   constant = kt_graph_value(graph, i)->constant != NULL;
        const size_t bytes    = constant ? 0 : (size_t)kt_shape_count(&shapes[i]) * sizeof(float);
        spans[i] = (span_t){.value = (int)i, .first = -1, .last = -1, .bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN};
    }
    for (size_t i = 0; i < steps->n; i++)
        mark_step(spans, graph, &steps->at[i], (int)i);
    for (size_t i = 0, n = kt_graph_inputs(graph, &values); i < n; i++)
        extend(&spans[values[i]], 0);
    for (size_t i = 0, n = kt_graph_outputs(graph, &values); i < n; i++)
        extend(&spans[values[i]], (int)steps->n);
    for (size_t i = 0; i < kt_graph_values(graph); i++)
        if (spans[i].first < 0)
            spans[i].bytes = 0;
}

static int
larger_first(const void *a, const void *b)
{
    const span_t *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->value - y->value;
}

// The lowest offset at which `span` meets none of those before it.
static size_t
find_place(const span_t *spans, size_t n, const span_t *span)
{
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < n; i++)
            if (spans[i].first <= span->last && spans[i].last >= span->first &&
                spans[i].offset < offset + span->bytes && spans[i].offset + spans[i].bytes > offset) {
                offset = spans[i].offset + spans[i].bytes;
                moved  = true;
            }
    }
    return offset;
}

kt_err_t
kt_cuda_memory_new(kt_cuda_memory_t *out, const kt_graph_t *graph, const kt_shape_of_t *shapes,
                   const kt_cuda_steps_t *steps)
{
    const size_t     values = kt_graph_values(graph);
    kt_cuda_memory_t memory = {.bytes = ALIGN};
    span_t          *spans  = calloc(values + 1, sizeof *spans);
    memory.offset           = calloc(values + 1, sizeof *memory.offset);
    if (!spans || !memory.offset) {
        free(spans);
        kt_cuda_memory_fini(&memory);
        return KT_ENOMEM;
    }
    mark(spans, graph, shapes, steps);
    qsort(spans, values, sizeof *spans, larger_first);
    for (size_t i = 0; i < values; i++) {
        memory.offset[spans[i].value] = SIZE_MAX;
        if (spans[i].bytes == 0)
            continue;
        spans[i].offset               = find_place(spans, i, &spans[i]);
        memory.offset[spans[i].value] = spans[i].offset;
        if (spans[i].offset + spans[i].bytes > memory.bytes)
            memory.bytes = spans[i].offset + spans[i].bytes;
    }
    free(spans);
    *out = memory;
    return KT_OK;
}

void
kt_cuda_memory_fini(kt_cuda_memory_t *self)
{
    free(self->offset);
    *self = (kt_cuda_memory_t){0};
}
