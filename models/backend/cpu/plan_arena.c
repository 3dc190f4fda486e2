// Offsets of the buffers in the arena: the largest first, each at the lowest place where no buffer lies that is needed
// at the same time.
#include "models/backend/cpu/plan_arena.h"

#include <stdlib.h>

static int
larger_first(const void *a, const void *b)
{
    const kt_cpu_buffer_t *x = *(kt_cpu_buffer_t *const *)a, *y = *(kt_cpu_buffer_t *const *)b;
    if (x->floats != y->floats)
        return x->floats < y->floats ? 1 : -1;
    return x < y ? -1 : x > y;
}

static size_t
bytes_of(const kt_cpu_buffer_t *buffer)
{
    return (buffer->floats * sizeof(float) + 64 + 63) / 64 * 64;  // a vector may be read past the end
}

static int
by_offset(const void *a, const void *b)
{
    const kt_cpu_buffer_t *x = *(kt_cpu_buffer_t *const *)a, *y = *(kt_cpu_buffer_t *const *)b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

kt_err_t
kt_plan_arena(kt_cpu_exec_t *exec)
{
    kt_cpu_buffer_t **order = malloc((exec->n_buffers + 1) * 2 * sizeof(*order));
    if (!order)
        return KT_ENOMEM;
    kt_cpu_buffer_t **rivals = order + exec->n_buffers + 1;
    size_t            n      = 0;
    for (size_t i = 0; i < exec->n_buffers; i++)
        if (exec->buffers[i].area == KT_AREA_ARENA && exec->buffers[i].first >= 0)
            order[n++] = &exec->buffers[i];
    qsort(order, n, sizeof(*order), larger_first);
    exec->base.arena_bytes = 64;
    for (size_t i = 0; i < n; i++) {
        size_t n_rivals = 0, offset = 0;
        for (size_t k = 0; k < i; k++)
            if (order[k]->first <= order[i]->last && order[k]->last >= order[i]->first)
                rivals[n_rivals++] = order[k];
        qsort(rivals, n_rivals, sizeof(*rivals), by_offset);
        for (size_t k = 0; k < n_rivals && rivals[k]->offset < offset + bytes_of(order[i]); k++)
            if (rivals[k]->offset + bytes_of(rivals[k]) > offset)
                offset = rivals[k]->offset + bytes_of(rivals[k]);
        order[i]->offset = offset;
        if (offset + bytes_of(order[i]) > exec->base.arena_bytes)
            exec->base.arena_bytes = offset + bytes_of(order[i]);
    }
    free(order);
    return KT_OK;
}
