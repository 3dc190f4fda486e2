// Shapes of the elementwise operators and of those that move or reduce values.
#include "models/graph/inside.h"

#include <stddef.h>

const char *
kt_infer_same(const kt_infer_t *call)
{
    *call->out[0] = *call->in[0];
    return NULL;
}

// Dimensions are compared from the last one; a missing one counts as 1.
const char *
kt_infer_pair(const kt_infer_t *call)
{
    const kt_shape_of_t *a = call->in[0], *b = call->in[1];
    kt_shape_of_t       *out = call->out[0];
    out->rank                = a->rank > b->rank ? a->rank : b->rank;
    for (int i = 1; i <= out->rank; i++) {
        int64_t of_a = i <= a->rank ? a->dims[a->rank - i] : 1, of_b = i <= b->rank ? b->dims[b->rank - i] : 1;
        if (of_a != of_b && of_a != 1 && of_b != 1)
            return "a dimension of its inputs differs, and is 1 in neither";
        out->dims[out->rank - i] = of_a == 1 ? of_b : of_a;
    }
    return NULL;
}

const char *
kt_infer_concat(const kt_infer_t *call)
{
    int            axis = call->attrs->axis;
    kt_shape_of_t *out  = call->out[0];
    *out                = *call->in[0];
    for (int i = 1; i < call->n_in; i++) {
        const kt_shape_of_t *in   = call->in[i];
        bool                 same = in->rank == out->rank;
        for (int d = 0; d < out->rank && same; d++)
            same = d == axis || in->dims[d] == out->dims[d];
        if (!same)
            return "its inputs differ in another dimension than the axis";
        out->dims[axis] += in->dims[axis];
    }
    return NULL;
}

const char *
kt_infer_reshape(const kt_infer_t *call)
{
    const kt_op_attrs_t *attrs = call->attrs;
    const kt_shape_of_t *x     = call->in[0];
    kt_shape_of_t       *out   = call->out[0];
    int                  left  = -1;
    int64_t              count = kt_shape_count(x), product = 1;
    out->rank = attrs->n_list;
    for (int i = 0; i < out->rank; i++) {
        int64_t size = attrs->list[i];
        if (size == 0 && i >= x->rank)
            return "shape: a 0 is at a place that the input does not have";
        if (size == -1 && left >= 0)
            return "shape has more than one -1";
        if (size == -1) {
            left = i;
            continue;
        }
        out->dims[i] = size ? size : x->dims[i];
        if (out->dims[i] > count / product)
            return "shape has more elements than the input";
        product *= out->dims[i];
    }
    if (left >= 0)
        out->dims[left] = count / product;
    return count % product || (left < 0 && product != count) ? "shape does not have as many elements as the input"
                                                             : NULL;
}

const char *
kt_infer_transpose(const kt_infer_t *call)
{
    const kt_op_attrs_t *attrs = call->attrs;
    const kt_shape_of_t *x     = call->in[0];
    unsigned             seen  = 0;
    if (attrs->n_list != x->rank || attrs->list[0] != 0)
        return "order does not have one entry per dimension, of which the first is 0 (N)";
    call->out[0]->rank = x->rank;
    for (int i = 0; i < x->rank; i++) {
        if (attrs->list[i] >= x->rank || seen >> attrs->list[i] & 1)
            return "order names a dimension twice, or one that is not there";
        seen |= 1u << attrs->list[i];
        call->out[0]->dims[i] = x->dims[attrs->list[i]];
    }
    return NULL;
}

void
kt_slice_range(const kt_op_attrs_t *attrs, int64_t size, int64_t *begin, int64_t *end)
{
    int64_t from = attrs->begin < 0 ? attrs->begin + size : attrs->begin;
    int64_t to   = attrs->end < 0 ? attrs->end + size : attrs->end;
    *begin       = from < 0 ? 0 : from > size ? size : from;
    *end         = to < 0 ? 0 : to > size ? size : to;
}

const char *
kt_infer_slice(const kt_infer_t *call)
{
    int     axis = call->attrs->axis;
    int64_t begin, end;
    *call->out[0] = *call->in[0];
    kt_slice_range(call->attrs, call->in[0]->dims[axis], &begin, &end);
    call->out[0]->dims[axis] = end - begin;
    return end > begin ? NULL : "begin is not before end";
}

const char *
kt_infer_pad(const kt_infer_t *call)
{
    const kt_op_attrs_t *attrs = call->attrs;
    int64_t              size  = call->in[0]->dims[attrs->axis];
    *call->out[0]              = *call->in[0];
    call->out[0]->dims[attrs->axis] += attrs->begin + attrs->end;
    return attrs->reflect && (attrs->begin >= size || attrs->end >= size)
               ? "a reflected border is not smaller than the input"
               : NULL;
}

const char *
kt_infer_resize(const kt_infer_t *call)
{
    const kt_op_attrs_t *attrs = call->attrs;
    const kt_shape_of_t *x     = call->in[0];
    *call->out[0]              = *x;
    if (x->rank < 3 || x->rank > 5 || attrs->n_list != x->rank - 2)
        return "factor does not have one entry per spatial dimension";
    for (int i = 0; i < attrs->n_list; i++)
        call->out[0]->dims[2 + i] *= attrs->list[i];
    return NULL;
}

const char *
kt_infer_reduce(const kt_infer_t *call)
{
    const kt_op_attrs_t *attrs = call->attrs;
    const kt_shape_of_t *x     = call->in[0];
    kt_shape_of_t       *out   = call->out[0];
    unsigned             axes  = 0;
    for (int i = 0; i < attrs->n_list; i++) {
        if (axes >> attrs->list[i] & 1)
            return "axes names a dimension twice";
        axes |= 1u << attrs->list[i];
    }
    for (int i = 0; i < x->rank; i++)
        if (attrs->keep || !(axes >> i & 1))
            out->dims[out->rank++] = axes >> i & 1 ? 1 : x->dims[i];
    return NULL;
}

const char *
kt_infer_band(const kt_infer_t *call)
{
    const kt_shape_of_t *x = call->in[0];
    if (x->rank != 3 || x->dims[1] != x->dims[2])
        return "x is not [N, T, T]";
    *call->out[0] = (kt_shape_of_t){3, {x->dims[0], x->dims[1], 2 * (int64_t)call->attrs->width + 1}};
    return NULL;
}

const char *
kt_infer_histogram(const kt_infer_t *call)
{
    const kt_shape_of_t *x = call->in[0];
    if (x->rank != 5 || x->dims[1] != 3)
        return "x is not [N, 3, T, H, W]";
    *call->out[0] = (kt_shape_of_t){3, {x->dims[0], x->dims[2], 512}};
    return NULL;
}
