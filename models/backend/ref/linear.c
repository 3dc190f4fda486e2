#include "models/backend/ref/inside.h"

#include <math.h>
#include <string.h>

static double
dot(const float *a, const float *b, int64_t n, double sum)
{
    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

void
kt_ref_dense(const kt_ref_call_t *call)
{
    int64_t outputs = call->in_shape[1]->dims[0], depth = call->in_shape[1]->dims[1];
    int64_t rows = kt_shape_count(call->in_shape[0]) / depth;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t m = 0; m < outputs; m++)
            call->out[0][i * outputs + m] = (float)dot(call->in[0] + i * depth, call->in[1] + m * depth, depth,
                                                       call->n_in > 2 ? (double)call->in[2][m] : 0);
}

void
kt_ref_matmul(const kt_ref_call_t *call)
{
    const kt_shape_of_t *a = call->in_shape[0], *out = call->out_shape[0];
    int64_t              rows = a->dims[a->rank - 2], depth = a->dims[a->rank - 1], columns = out->dims[a->rank - 1];
    int64_t              batches = kt_shape_count(a) / (rows * depth);
    int64_t per_row = call->attrs->transpose ? 1 : columns, per_column = call->attrs->transpose ? depth : 1;
    float  *to = call->out[0];
    for (int64_t n = 0; n < batches; n++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t p = 0; p < columns; p++) {
                const float *x   = call->in[0] + (n * rows + i) * depth;
                const float *y   = call->in[1] + n * depth * columns + p * per_column;
                double       sum = 0;
                for (int64_t k = 0; k < depth; k++)
                    sum += (double)x[k] * (double)y[k * per_row];
                *to++ = (float)sum;
            }
}

static double
sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

// One unit of one step: c is updated; returns h.
static float
lstm_unit(const kt_ref_call_t *call, const float *x, const float *h, int64_t unit, float *c)
{
    int64_t inputs = call->in_shape[1]->dims[1], size = call->in_shape[2]->dims[1];
    double  gates[4];  // i, f, g, o
    for (int64_t k = 0; k < 4; k++) {
        int64_t row = k * size + unit;
        gates[k]    = dot(call->in[2] + row * size, h, size,
                          dot(call->in[1] + row * inputs, x, inputs, (double)call->in[3][row]));
    }
    double state = sigmoid(gates[1]) * (double)*c + sigmoid(gates[0]) * tanh(gates[2]);
    *c           = (float)state;
    return (float)(sigmoid(gates[3]) * tanh(state));
}

void
kt_ref_lstm(const kt_ref_call_t *call)
{
    const kt_shape_of_t *x     = call->in_shape[0];
    int64_t              steps = x->dims[1], inputs = x->dims[2], size = call->in_shape[2]->dims[1];
    float               *y = call->out[0], *c = call->out[2];
    for (int64_t n = 0; n < x->dims[0]; n++, c += size) {
        const float *h = call->in[4] + n * size;
        memcpy(c, call->in[5] + n * size, (size_t)size * sizeof *c);
        for (int64_t t = 0; t < steps; t++, h = y, y += size)
            for (int64_t unit = 0; unit < size; unit++)
                y[unit] = lstm_unit(call, call->in[0] + (n * steps + t) * inputs, h, unit, &c[unit]);
        memcpy(call->out[1] + n * size, h, (size_t)size * sizeof *h);
    }
}

void
kt_ref_noisy_or(const kt_ref_call_t *call)
{
    int64_t items = call->in_shape[0]->dims[0], outputs = call->in_shape[1]->dims[0],
            depth = call->in_shape[1]->dims[1];
    for (int64_t n = 0; n < items; n++)
        for (int64_t m = 0; m < outputs; m++) {
            const float *x = call->in[0] + n * depth, *w = call->in[1] + m * depth;
            double       none = 1;
            for (int64_t k = 0; k < depth; k++)
                none *= 1 - (double)w[k] * (double)x[k];
            call->out[0][n * outputs + m] = (float)(1 - none);
        }
}

void
kt_ref_max_of(const kt_ref_call_t *call)
{
    int64_t items = call->in_shape[0]->dims[0], outputs = call->in_shape[1]->dims[0],
            depth = call->in_shape[1]->dims[1];
    for (int64_t n = 0; n < items; n++)
        for (int64_t m = 0; m < outputs; m++) {
            const float *x = call->in[0] + n * depth, *w = call->in[1] + m * depth;
            float        most = call->n_in > 2 ? call->in[2][m] : 0;
            for (int64_t k = 0; k < depth; k++)
                most = w[k] * x[k] > most ? w[k] * x[k] : most;
            call->out[0][n * outputs + m] = most;
        }
}
