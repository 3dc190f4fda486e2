#include "models/graph/tensor.h"

#include <string.h>

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
kt_tensor_floats(const kt_ktm_tensor_t *tensor, float *out)
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
