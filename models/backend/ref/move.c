// Operators that move values.
#include "models/backend/ref/inside.h"

#include <string.h>

void
kt_ref_concat(const kt_ref_call_t *call)
{
    int           axis = call->attrs->axis;
    kt_ref_axis_t out  = kt_ref_axis(call->out_shape[0], axis);
    int64_t       at   = 0;
    for (int i = 0; i < call->n_in; i++) {
        int64_t row = call->in_shape[i]->dims[axis] * out.inner;
        for (int64_t k = 0; k < out.outer; k++)
            memcpy(call->out[0] + k * out.size * out.inner + at, call->in[i] + k * row, (size_t)row * sizeof(float));
        at += row;
    }
}

void
kt_ref_reshape(const kt_ref_call_t *call)
{
    if (call->out[0] != call->in[0])
        memcpy(call->out[0], call->in[0], (size_t)kt_shape_count(call->in_shape[0]) * sizeof(float));
}

void
kt_ref_transpose(const kt_ref_call_t *call)
{
    const kt_shape_of_t *out  = call->out_shape[0];
    int                  last = out->rank - 1;
    int64_t              dense[KT_GRAPH_RANK], strides[KT_GRAPH_RANK], columns = out->dims[last];
    kt_ref_strides(call->in_shape[0], dense);
    for (int i = 0; i < out->rank; i++)
        strides[i] = dense[call->attrs->list[i]];
    for (int64_t row = 0; row < kt_shape_count(out) / columns; row++) {
        const float *x = call->in[0] + kt_ref_offset(row, last, out->dims, strides);
        for (int64_t i = 0; i < columns; i++)
            call->out[0][row * columns + i] = x[i * strides[last]];
    }
}

void
kt_ref_slice(const kt_ref_call_t *call)
{
    kt_ref_axis_t axis = kt_ref_axis(call->in_shape[0], call->attrs->axis);
    int64_t       begin, end;
    kt_slice_range(call->attrs, axis.size, &begin, &end);
    int64_t row = (end - begin) * axis.inner;
    for (int64_t i = 0; i < axis.outer; i++)
        memcpy(call->out[0] + i * row, call->in[0] + (i * axis.size + begin) * axis.inner, (size_t)row * sizeof(float));
}

void
kt_ref_pad(const kt_ref_call_t *call)
{
    kt_ref_axis_t axis = kt_ref_axis(call->in_shape[0], call->attrs->axis);
    int64_t       size = call->out_shape[0]->dims[call->attrs->axis];
    size_t        row  = (size_t)axis.inner * sizeof(float);
    float        *to   = call->out[0];
    for (int64_t i = 0; i < axis.outer; i++)
        for (int64_t k = 0; k < size; k++, to += axis.inner) {
            int64_t from = k - call->attrs->begin;
            if (call->attrs->reflect)
                from = from < 0 ? -from : from >= axis.size ? 2 * (axis.size - 1) - from : from;
            if (from < 0 || from >= axis.size)
                memset(to, 0, row);
            else
                memcpy(to, call->in[0] + (i * axis.size + from) * axis.inner, row);
        }
}

void
kt_ref_resize(const kt_ref_call_t *call)
{
    const kt_shape_of_t *x       = call->in_shape[0];
    int                  spatial = x->rank - 2;
    kt_ref_space_t       in      = kt_ref_space(x->dims + 2, spatial, 1);
    kt_ref_space_t       factor  = kt_ref_space(call->attrs->list, spatial, 1);
    const float         *from    = call->in[0];
    float               *to      = call->out[0];
    for (int64_t c = 0; c < x->dims[0] * x->dims[1]; c++, from += in.n[0] * in.n[1] * in.n[2])
        for (int64_t z = 0; z < in.n[0] * factor.n[0]; z++)
            for (int64_t y = 0; y < in.n[1] * factor.n[1]; y++)
                for (int64_t i = 0; i < in.n[2] * factor.n[2]; i++)
                    *to++ = from[(z / factor.n[0] * in.n[1] + y / factor.n[1]) * in.n[2] + i / factor.n[2]];
}

void
kt_ref_band(const kt_ref_call_t *call)
{
    int64_t items = call->in_shape[0]->dims[0], size = call->in_shape[0]->dims[1], width = call->attrs->width;
    float  *to = call->out[0];
    for (int64_t n = 0; n < items; n++)
        for (int64_t t = 0; t < size; t++)
            for (int64_t at = t - width; at <= t + width; at++)
                *to++ = at < 0 || at >= size ? 0 : call->in[0][(n * size + t) * size + at];
}
