// Reductions, normalisation and histograms.
#include "models/backend/ref/inside.h"

#include <math.h>
#include <string.h>

// The dimensions that are kept, and those that are reduced, with their strides in the input.
typedef struct part {
    int     rank;
    int64_t count, dims[KT_GRAPH_RANK], strides[KT_GRAPH_RANK];
} part_t;

static void
part_add(part_t *part, int64_t size, int64_t stride)
{
    part->dims[part->rank]      = size;
    part->strides[part->rank++] = stride;
    part->count *= size;
}

static float
reduce_at(const kt_ref_call_t *call, const float *x, const part_t *part)
{
    double  sum     = 0;
    float   most    = -INFINITY;
    int     last    = part->rank - 1;
    int64_t columns = part->dims[last], stride = part->strides[last];
    for (int64_t row = 0; row < part->count / columns; row++) {
        const float *from = x + kt_ref_offset(row, last, part->dims, part->strides);
        for (int64_t i = 0; i < columns; i++) {
            sum += (double)from[i * stride];
            most = from[i * stride] > most ? from[i * stride] : most;
        }
    }
    if (call->op == KT_OP_RMAX)
        return most;
    return (float)(call->op == KT_OP_RMEAN ? sum / (double)part->count : sum);
}

void
kt_ref_reduce(const kt_ref_call_t *call)
{
    const kt_shape_of_t *x    = call->in_shape[0];
    part_t               kept = {.count = 1}, reduced = {.count = 1};
    int64_t              strides[KT_GRAPH_RANK];
    kt_ref_strides(x, strides);
    for (int i = 0; i < x->rank; i++) {
        bool is_reduced = false;
        for (int k = 0; k < call->attrs->n_list; k++)
            is_reduced = is_reduced || call->attrs->list[k] == i;
        part_add(is_reduced ? &reduced : &kept, x->dims[i], strides[i]);
    }
    for (int64_t i = 0; i < kept.count; i++)
        call->out[0][i] = reduce_at(call, call->in[0] + kt_ref_offset(i, kept.rank, kept.dims, kept.strides), &reduced);
}

static void
softmax_at(const float *x, float *out, int64_t n, int64_t stride)
{
    double most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++)
        most = (double)x[i * stride] > most ? (double)x[i * stride] : most;
    for (int64_t i = 0; i < n; i++)
        sum += exp((double)x[i * stride] - most);
    for (int64_t i = 0; i < n; i++)
        out[i * stride] = (float)(exp((double)x[i * stride] - most) / sum);
}

static void
l2_at(const float *x, float *out, int64_t n, int64_t stride, double epsilon)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i * stride] * (double)x[i * stride];
    double norm = sqrt(sum) > epsilon ? sqrt(sum) : epsilon;
    for (int64_t i = 0; i < n; i++)
        out[i * stride] = (float)((double)x[i * stride] / norm);
}

void
kt_ref_softmax(const kt_ref_call_t *call)
{
    kt_ref_axis_t axis = kt_ref_axis(call->in_shape[0], call->attrs->axis);
    for (int64_t i = 0; i < axis.outer * axis.inner; i++) {
        int64_t at = i / axis.inner * axis.size * axis.inner + i % axis.inner;
        softmax_at(call->in[0] + at, call->out[0] + at, axis.size, axis.inner);
    }
}

void
kt_ref_l2_normalise(const kt_ref_call_t *call)
{
    kt_ref_axis_t axis = kt_ref_axis(call->in_shape[0], call->attrs->axis);
    for (int64_t i = 0; i < axis.outer * axis.inner; i++) {
        int64_t at = i / axis.inner * axis.size * axis.inner + i % axis.inner;
        l2_at(call->in[0] + at, call->out[0] + at, axis.size, axis.inner, (double)call->attrs->epsilon);
    }
}

// (x - mean) / sqrt(variance + epsilon); the variance divides by the count.
void
kt_ref_layer_norm(const kt_ref_call_t *call)
{
    const kt_shape_of_t *shape   = call->in_shape[0];
    int64_t              columns = shape->dims[shape->rank - 1], rows = kt_shape_count(shape) / columns;
    for (int64_t row = 0; row < rows; row++) {
        const float *x   = call->in[0] + row * columns;
        float       *out = call->out[0] + row * columns;
        double       sum = 0, squares = 0;
        for (int64_t i = 0; i < columns; i++)
            sum += (double)x[i];
        double mean = sum / (double)columns;
        for (int64_t i = 0; i < columns; i++)
            squares += ((double)x[i] - mean) * ((double)x[i] - mean);
        double factor = 1 / sqrt(squares / (double)columns + (double)call->attrs->epsilon);
        for (int64_t i = 0; i < columns; i++)
            out[i] = (float)(((double)x[i] - mean) * factor * (call->n_in > 1 ? (double)call->in[1][i] : 1) +
                             (call->n_in > 2 ? (double)call->in[2][i] : 0));
    }
}

// The three upper bits of a colour of 0..255.
static int
bin_of(float value)
{
    return value >= 255 ? 7 : value > 0 ? (int)value >> 5 : 0;
}

void
kt_ref_histogram(const kt_ref_call_t *call)
{
    enum { BINS = 512 };
    const kt_shape_of_t *x      = call->in_shape[0];
    int64_t              frames = x->dims[2], pixels = x->dims[3] * x->dims[4];
    memset(call->out[0], 0, (size_t)kt_shape_count(call->out_shape[0]) * sizeof(float));
    for (int64_t i = 0; i < x->dims[0] * frames; i++) {
        const float *red   = call->in[0] + (i / frames * 3 * frames + i % frames) * pixels;
        const float *green = red + frames * pixels, *blue = green + frames * pixels;
        for (int64_t p = 0; p < pixels; p++)
            call->out[0][i * BINS + (bin_of(red[p]) << 6 | bin_of(green[p]) << 3 | bin_of(blue[p]))]++;
    }
}
