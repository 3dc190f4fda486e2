// Convolutions and pooling over one to three spatial dimensions, written for three.
#include "models/backend/ref/inside.h"

#include <math.h>

typedef struct geometry {
    kt_ref_space_t in, out, kernel, stride, before, after, dilation;
} geometry_t;

static geometry_t
geometry_of(const kt_ref_call_t *call, const int64_t *kernel)
{
    const kt_op_attrs_t *attrs   = call->attrs;
    int                  spatial = call->in_shape[0]->rank - 2;
    return (geometry_t){
        .in       = kt_ref_space(call->in_shape[0]->dims + 2, spatial, 1),
        .out      = kt_ref_space(call->out_shape[0]->dims + 2, spatial, 1),
        .kernel   = kt_ref_space(kernel, spatial, 1),
        .stride   = kt_ref_space(attrs->stride, spatial, 1),
        .before   = kt_ref_space(attrs->before, spatial, 0),
        .after    = kt_ref_space(attrs->after, spatial, 0),
        .dilation = kt_ref_space(attrs->dilation, spatial, 1),
    };
}

static int64_t
count_of(const kt_ref_space_t *space)
{
    return space->n[0] * space->n[1] * space->n[2];
}

static void
place_of(int64_t index, const kt_ref_space_t *space, int64_t place[3])
{
    place[2] = index % space->n[2];
    place[1] = index / space->n[2] % space->n[1];
    place[0] = index / space->n[2] / space->n[1];
}

// Sum over one channel's kernel at one output place; zeros outside.
static double
conv_at(const geometry_t *g, const float *x, const float *w, const int64_t place[3])
{
    double  sum = 0;
    int64_t at[3];
    for (int i = 0; i < 3; i++)
        at[i] = place[i] * g->stride.n[i] - g->before.n[i];
    for (int64_t kz = 0; kz < g->kernel.n[0]; kz++)
        for (int64_t ky = 0; ky < g->kernel.n[1]; ky++) {
            int64_t      z = at[0] + kz * g->dilation.n[0], y = at[1] + ky * g->dilation.n[1];
            const float *taps = w + (kz * g->kernel.n[1] + ky) * g->kernel.n[2];
            if (z < 0 || z >= g->in.n[0] || y < 0 || y >= g->in.n[1])
                continue;
            const float *row = x + (z * g->in.n[1] + y) * g->in.n[2];
            for (int64_t kx = 0, xx = at[2]; kx < g->kernel.n[2]; kx++, xx += g->dilation.n[2])
                if (xx >= 0 && xx < g->in.n[2])
                    sum += (double)row[xx] * (double)taps[kx];
        }
    return sum;
}

void
kt_ref_conv(const kt_ref_call_t *call)
{
    const kt_shape_of_t *x = call->in_shape[0], *w = call->in_shape[1];
    geometry_t           g       = geometry_of(call, w->dims + 2);
    int64_t              outputs = w->dims[0], depth = w->dims[1], per_group = outputs / call->attrs->groups;
    int64_t              in = count_of(&g.in), out = count_of(&g.out), taps = count_of(&g.kernel), place[3];
    float               *to = call->out[0];
    for (int64_t n = 0; n < x->dims[0]; n++)
        for (int64_t o = 0; o < outputs; o++) {
            const float *from = call->in[0] + (n * x->dims[1] + o / per_group * depth) * in;
            for (int64_t i = 0; i < out; i++) {
                double sum = call->n_in > 2 ? (double)call->in[2][o] : 0;
                place_of(i, &g.out, place);
                for (int64_t c = 0; c < depth; c++)
                    sum += conv_at(&g, from + c * in, call->in[1] + (o * depth + c) * taps, place);
                *to++ = (float)sum;
            }
        }
}

// The input place that kernel tap k adds to an output place; false: none.
static bool
deconv_source(const geometry_t *g, int axis, int64_t place, int64_t k, int64_t *source)
{
    int64_t distance = place + g->before.n[axis] - k;
    *source          = distance / g->stride.n[axis];
    return distance >= 0 && distance % g->stride.n[axis] == 0 && *source < g->in.n[axis];
}

static double
deconv_at(const geometry_t *g, const float *x, const float *w, const int64_t place[3])
{
    double  sum = 0;
    int64_t from[3];
    for (int64_t kz = 0; kz < g->kernel.n[0]; kz++) {
        if (!deconv_source(g, 0, place[0], kz, &from[0]))
            continue;
        for (int64_t ky = 0; ky < g->kernel.n[1]; ky++) {
            if (!deconv_source(g, 1, place[1], ky, &from[1]))
                continue;
            for (int64_t kx = 0; kx < g->kernel.n[2]; kx++)
                if (deconv_source(g, 2, place[2], kx, &from[2]))
                    sum += (double)x[(from[0] * g->in.n[1] + from[1]) * g->in.n[2] + from[2]] *
                           (double)w[(kz * g->kernel.n[1] + ky) * g->kernel.n[2] + kx];
        }
    }
    return sum;
}

void
kt_ref_deconv(const kt_ref_call_t *call)
{
    const kt_shape_of_t *x = call->in_shape[0], *w = call->in_shape[1];
    geometry_t           g         = geometry_of(call, w->dims + 2);
    int64_t              per_group = w->dims[1], outputs = per_group * call->attrs->groups;
    int64_t              depth = w->dims[0] / call->attrs->groups;
    int64_t              in = count_of(&g.in), out = count_of(&g.out), taps = count_of(&g.kernel), place[3];
    float               *to = call->out[0];
    for (int64_t n = 0; n < x->dims[0]; n++)
        for (int64_t o = 0; o < outputs; o++) {
            int64_t first = o / per_group * depth;  // input channel
            for (int64_t i = 0; i < out; i++) {
                double sum = call->n_in > 2 ? (double)call->in[2][o] : 0;
                place_of(i, &g.out, place);
                for (int64_t c = first; c < first + depth; c++)
                    sum += deconv_at(&g, call->in[0] + (n * x->dims[1] + c) * in,
                                     call->in[1] + (c * per_group + o % per_group) * taps, place);
                *to++ = (float)sum;
            }
        }
}

// One window. The mean divides by the places inside the input; with include_pad, by those inside the padded input.
static float
pool_at(const geometry_t *g, const kt_ref_call_t *call, const float *x, const int64_t place[3])
{
    int64_t begin[3], end[3], size = 1;
    float   most = -INFINITY;
    double  sum  = 0;
    for (int i = 0; i < 3; i++) {
        int64_t from = place[i] * g->stride.n[i] - g->before.n[i], to = from + g->kernel.n[i];
        to       = to < g->in.n[i] + g->after.n[i] ? to : g->in.n[i] + g->after.n[i];
        begin[i] = from > 0 ? from : 0;
        end[i]   = to < g->in.n[i] ? to : g->in.n[i];
        size *= call->attrs->include_pad ? to - from : end[i] - begin[i];
    }
    for (int64_t z = begin[0]; z < end[0]; z++)
        for (int64_t y = begin[1]; y < end[1]; y++)
            for (int64_t xx = begin[2]; xx < end[2]; xx++) {
                float value = x[(z * g->in.n[1] + y) * g->in.n[2] + xx];
                most        = value > most ? value : most;
                sum += (double)value;
            }
    return call->op == KT_OP_MAXPOOL ? most : (float)(sum / (double)size);
}

void
kt_ref_pool(const kt_ref_call_t *call)
{
    const kt_shape_of_t *x        = call->in_shape[0];
    geometry_t           g        = geometry_of(call, call->attrs->kernel);
    int64_t              channels = x->dims[0] * x->dims[1], in = count_of(&g.in), out = count_of(&g.out), place[3];
    for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < out; i++) {
            place_of(i, &g.out, place);
            call->out[0][c * out + i] = pool_at(&g, call, call->in[0] + c * in, place);
        }
}
