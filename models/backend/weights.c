#include "models/backend/weights.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

struct kt_weights {
    size_t        n, bytes;
    const float **at;    // [values]
    float       **made;  // [values]
};

// IEEE 754 binary16 to binary32; exact. Subnormal ones: 2^-24 per unit.
static float
from_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = half >> 10 & 31u, fraction = half & 0x3FFu, bits;
    float    value;
    if (!exponent) {
        value = (float)fraction * 0x1p-24f;
        return sign ? -value : value;
    }
    bits = sign | (exponent + 112u) << 23 | fraction << 13;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void
kt_weights_convert(const kt_ktm_tensor_t *tensor, float *out)
{
    const uint16_t *halves = tensor->data;
    const int8_t   *bytes  = tensor->data;
    size_t          row    = tensor->count / (size_t)tensor->dims[0];
    switch (tensor->type) {
    case KT_KTM_F32: memcpy(out, tensor->data, tensor->count * sizeof *out); break;
    case KT_KTM_F16:
        for (size_t i = 0; i < tensor->count; i++)
            out[i] = from_half(halves[i]);
        break;
    case KT_KTM_I8:
        for (size_t i = 0; i < tensor->count; i++)
            out[i] = tensor->scale[i / row] * (float)bytes[i];
        break;
    }
}

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
        kt_weights_convert(value->constant, self->made[i]);
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
