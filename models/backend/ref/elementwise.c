#include "models/backend/ref/inside.h"

#include <math.h>

// min and max that pass a NaN on.
static double
limit(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static double
relu(double x, const kt_op_attrs_t *attrs)
{
    (void)attrs;
    return x < 0 ? 0 : x;
}

static double
clip(double x, const kt_op_attrs_t *attrs)
{
    return limit(x, (double)attrs->low, (double)attrs->high);
}

static double
sigmoid(double x, const kt_op_attrs_t *attrs)
{
    (void)attrs;
    return 1 / (1 + exp(-x));
}

static double
hyperbolic_tangent(double x, const kt_op_attrs_t *attrs)
{
    (void)attrs;
    return tanh(x);
}

static double
silu(double x, const kt_op_attrs_t *attrs)
{
    return x * sigmoid(x, attrs);
}

static double
gelu(double x, const kt_op_attrs_t *attrs)
{
    (void)attrs;
    return x * (1 + erf(x / sqrt(2))) / 2;
}

static double
hard_sigmoid(double x, const kt_op_attrs_t *attrs)
{
    return limit((double)attrs->alpha * x + (double)attrs->beta, 0, 1);
}

static double
hard_swish(double x, const kt_op_attrs_t *attrs)
{
    (void)attrs;
    return x * limit(x + 3, 0, 6) / 6;
}

static double
exponential(double x, const kt_op_attrs_t *attrs)
{
    (void)attrs;
    return exp(x);
}

static double
logarithm(double x, const kt_op_attrs_t *attrs)
{
    (void)attrs;
    return log(x);
}

static double
square_root(double x, const kt_op_attrs_t *attrs)
{
    (void)attrs;
    return sqrt(x);
}

static double
power(double x, const kt_op_attrs_t *attrs)
{
    return pow(x, (double)attrs->exponent);
}

static double
affine(double x, const kt_op_attrs_t *attrs)
{
    return (double)attrs->alpha * x + (double)attrs->beta;
}

static double (*const functions[KT_OPS])(double x, const kt_op_attrs_t *attrs) = {
    [KT_OP_RELU] = relu,        [KT_OP_CLIP] = clip,     [KT_OP_SIGMOID] = sigmoid,
    [KT_OP_SILU] = silu,        [KT_OP_GELU] = gelu,     [KT_OP_TANH] = hyperbolic_tangent,
    [KT_OP_EXP] = exponential,  [KT_OP_LOG] = logarithm, [KT_OP_HSIGMOID] = hard_sigmoid,
    [KT_OP_SQRT] = square_root, [KT_OP_POW] = power,     [KT_OP_HSWISH] = hard_swish,
    [KT_OP_AFFINE] = affine,
};

void
kt_ref_unary(const kt_ref_call_t *call)
{
    int64_t count = kt_shape_count(call->in_shape[0]);
    for (int64_t i = 0; i < count; i++)
        call->out[0][i] = (float)functions[call->op]((double)call->in[0][i], call->attrs);
}

void
kt_ref_channel(const kt_ref_call_t *call)
{
    kt_ref_axis_t axis = kt_ref_axis(call->in_shape[0], call->attrs->axis);
    const float  *x = call->in[0], *factor = call->in[1];
    float        *to = call->out[0];
    for (int64_t i = 0; i < axis.outer; i++)
        for (int64_t c = 0; c < axis.size; c++)
            for (int64_t k = 0; k < axis.inner; k++, x++)
                if (call->op == KT_OP_SCALE)
                    *to++ = (float)((double)*x * (double)factor[c] + (double)call->in[2][c]);
                else
                    *to++ = *x > 0 ? *x : factor[c] * *x;
}

static float
pair(kt_op_t op, float a, float b)
{
    switch (op) {
    case KT_OP_ADD: return a + b;
    case KT_OP_SUB: return a - b;
    case KT_OP_MUL: return a * b;
    default: return a / b;
    }
}

// Strides of an input in the dimensions of the output: 0 where it is repeated.
static void
repeat_strides(const kt_shape_of_t *in, const kt_shape_of_t *out, int64_t strides[KT_GRAPH_RANK])
{
    int64_t dense[KT_GRAPH_RANK];
    int     missing = out->rank - in->rank;
    kt_ref_strides(in, dense);
    for (int i = 0; i < out->rank; i++)
        strides[i] = i < missing || in->dims[i - missing] == 1 ? 0 : dense[i - missing];
}

void
kt_ref_pair(const kt_ref_call_t *call)
{
    const kt_shape_of_t *out  = call->out_shape[0];
    int                  last = out->rank - 1;
    int64_t              a[KT_GRAPH_RANK], b[KT_GRAPH_RANK], columns = out->dims[last];
    repeat_strides(call->in_shape[0], out, a);
    repeat_strides(call->in_shape[1], out, b);
    for (int64_t row = 0; row < kt_shape_count(out) / columns; row++) {
        const float *x = call->in[0] + kt_ref_offset(row, last, out->dims, a);
        const float *y = call->in[1] + kt_ref_offset(row, last, out->dims, b);
        for (int64_t i = 0; i < columns; i++)
            call->out[0][row * columns + i] = pair(call->op, x[i * a[last]], y[i * b[last]]);
    }
}
