// Elementwise operations. In place or not: an element depends only on the same element.
#include "models/backend/cpu/fast/fast_kernels.h"
#include "models/backend/cpu/fast/vec.h"

#define EACH(value)                                                                                                    \
    do {                                                                                                               \
        _Pragma("GCC ivdep") for (size_t k = 0; k < n; k++)                                                            \
        {                                                                                                              \
            const float v = x[k];                                                                                      \
            y[k]          = (value);                                                                                   \
        }                                                                                                              \
    } while (0)

static void
unary(const kt_ew_op_t *op, float *y, const float *x, size_t n)
{
    const float a = op->a, b = op->b;
    switch (op->kind) {
    case KT_EW_RELU: EACH(v > 0 ? v : 0); break;
    case KT_EW_CLIP: EACH(f_clip(v, a, b)); break;
    case KT_EW_SIGMOID: EACH(f_sigmoid(v)); break;
    case KT_EW_TANH: EACH(f_tanh(v)); break;
    case KT_EW_SILU: EACH(v * f_sigmoid(v)); break;
    case KT_EW_GELU: EACH(0.5F * v * (1 + erff(v * 0.70710678118654752F))); break;
    case KT_EW_HSIGMOID: EACH(f_clip(a * v + b, 0, 1)); break;
    case KT_EW_HSWISH: EACH(v * f_clip(v + 3, 0, 6) / 6); break;
    case KT_EW_EXP: EACH(f_exp(v)); break;
    case KT_EW_LOG: EACH(logf(v)); break;
    case KT_EW_SQRT: EACH(sqrtf(v)); break;
    case KT_EW_POW: EACH(powf(v, a)); break;
    default: EACH(a * v + b); break;  // KT_EW_AFFINE
    }
}

// The second operand is p[k * step]: step 0 is a scalar.
#define BINARY(step)                                                                                                   \
    switch (op->kind) {                                                                                                \
    case KT_EW_ADD: EACH(v + p[k * (step)]); break;                                                                    \
    case KT_EW_MUL: EACH(v *p[k * (step)]); break;                                                                     \
    case KT_EW_SCALE: EACH(v *p[k * (step)] + q[k * (step)]); break;                                                   \
    case KT_EW_PRELU: EACH(v > 0 ? v : v * p[k * (step)]); break;                                                      \
    case KT_EW_SUB:                                                                                                    \
        if (op->swapped)                                                                                               \
            EACH(p[k * (step)] - v);                                                                                   \
        else                                                                                                           \
            EACH(v - p[k * (step)]);                                                                                   \
        break;                                                                                                         \
    default:                                                                                                           \
        if (op->swapped)                                                                                               \
            EACH(p[k * (step)] / v);                                                                                   \
        else                                                                                                           \
            EACH(v / p[k * (step)]);                                                                                   \
        break;                                                                                                         \
    }

static void
with_each(const kt_ew_op_t *op, float *y, const float *x, size_t n, const float *p, const float *q)
{
    BINARY(1)
}

static void
with_scalar(const kt_ew_op_t *op, float *y, const float *x, size_t n)
{
    const float p_0 = op->p[0], q_0 = op->q ? op->q[0] : 0, *p = &p_0, *q = &q_0;
    BINARY(0)
}

void
KT_NAME(kt_fast_elementwise)(const kt_ew_op_t *op, float *y, const float *x, size_t n, size_t channels, size_t i)
{
    switch (op->operand) {
    case KT_EW_NONE: unary(op, y, x, n); break;
    case KT_EW_SCALAR: with_scalar(op, y, x, n); break;
    case KT_EW_FULL: with_each(op, y, x, n, op->p + i, op->q); break;
    case KT_EW_CHANNEL:
        for (size_t row = 0; row < n; row += channels)
            with_each(op, y + row, x + row, channels, op->p, op->q);
        break;
    }
}
