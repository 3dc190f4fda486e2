#include "models/backend/weights.h"

#include "models/graph/tensor.h"

#include <stdlib.h>

enum { ALIGN = 64 };

struct kt_weights {
    size_t        n, bytes;
    const float **at;    // [values]
    float       **made;  // [values]
};

kt_err_t
kt_weights_new(kt_weights_t **self_p, const kt_graph_t *graph)
{
    kt_weights_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->n    = kt_graph_values(graph);
    self->at   = calloc(self->n, sizeof *self->at);
    self->made = calloc(self->n, sizeof *self->made);
    if (!self->at || !self->made)
        goto fail;
    for (size_t i = 0; i < self->n; i++) {
        const kt_graph_value_t *value = kt_graph_value(graph, i);
        if (!value->constant || value->last_use < 0)
            continue;
        self->at[i] = value->constant->data;
        if (value->constant->type == KT_KTM_F32)
            continue;
        size_t bytes = (value->constant->count * sizeof(float) + ALIGN - 1) / ALIGN * ALIGN;
        if (!(self->made[i] = aligned_alloc(ALIGN, bytes)))
            goto fail;
        kt_tensor_floats(value->constant, self->made[i]);
        self->at[i] = self->made[i];
        self->bytes += bytes;
    }
    *self_p = self;
    return KT_OK;
fail:
    kt_weights_destroy(&self);
    return KT_ENOMEM;
}

void
kt_weights_destroy(kt_weights_t **self_p)
{
    kt_weights_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    for (size_t i = 0; self->made && i < self->n; i++)
        free(self->made[i]);
    free(self->made);
    free(self->at);
    free(self);
}

const float *
kt_weights_at(const kt_weights_t *self, int value)
{
    return self->at[value];
}

size_t
kt_weights_bytes(const kt_weights_t *self)
{
    return self->bytes;
}
