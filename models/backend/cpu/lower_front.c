// A convolution of one channel, [relu], [scale], and the maximum over one of its two spatial dimensions: the front of
// musicnn. One step, without the feature map between (kt_front_t); in 8 bits if the caller allows it.
#include "models/backend/cpu/build.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct match {
    const kt_graph_node_t *conv, *scale;
    bool                   relu;
    int                    axis;      // 2 or 3, of the maximum
    int                    nodes[3];  // after the convolution
    int                    n_nodes;
    int                    out;
} match_t;

typedef struct front {
    kt_front_t kernel;
    int        x_rows, x_cols;  // of the input as the graph has it
    int        row, col;        // of its first value in the padded copy
    int        padded_rows;
    bool       turned;  // the copy is transposed, so that a row of the kernel is long
    bool       narrow;  // 8 bits
} front_t;

static const kt_graph_node_t *
only_user(const kt_builder_t *b, int value, int *index)
{
    *index = b->values[value].user;
    return *index < 0 ? NULL : kt_graph_node(b->graph, (size_t)*index);
}

static bool
match_after(const kt_builder_t *b, match_t *m)
{
    int                    index;
    const kt_graph_node_t *next = only_user(b, m->conv->out[0], &index);
    if (next && next->op == KT_OP_RELU) {
        m->relu                = true;
        m->nodes[m->n_nodes++] = index;
        next                   = only_user(b, next->out[0], &index);
    }
    if (next && next->op == KT_OP_SCALE && next->attrs.axis == 1) {
        m->scale               = next;
        m->nodes[m->n_nodes++] = index;
        next                   = only_user(b, next->out[0], &index);
    }
    if (!next || next->op != KT_OP_RMAX || next->attrs.n_list != 1 || next->attrs.list[0] < 2)
        return false;
    m->axis                = (int)next->attrs.list[0];
    m->nodes[m->n_nodes++] = index;
    m->out                 = next->out[0];
    return true;
}

static bool
match_find(const kt_builder_t *b, int n, match_t *m)
{
    const kt_graph_node_t *conv  = kt_graph_node(b->graph, (size_t)n);
    const kt_op_attrs_t   *attrs = &conv->attrs;
    const kt_shape_of_t   *x = &b->shapes[conv->in[0]], *y = &b->shapes[conv->out[0]];
    *m = (match_t){.conv = conv};
    if (x->rank != 4 || x->dims[0] != 1 || x->dims[1] != 1 || y->dims[1] < 2)
        return false;
    for (int i = 0; i < 2; i++)
        if (attrs->stride[i] != 1 || attrs->dilation[i] != 1)
            return false;
    return match_after(b, m);
}

// Rows of the padded copy become rows of the kernel: turned if the kernel is longer in that direction.
static void
geometry(const kt_builder_t *b, const match_t *m, front_t *f)
{
    const kt_shape_of_t *x = &b->shapes[m->conv->in[0]], *y = &b->shapes[m->conv->out[0]];
    const kt_shape_of_t *w     = &b->shapes[m->conv->in[1]];
    const kt_op_attrs_t *attrs = &m->conv->attrs;
    const int            rows = f->turned ? 1 : 0, cols = 1 - rows;  // spatial dimension that becomes rows, columns
    kt_front_t          *k      = &f->kernel;
    const int            padded = (int)(x->dims[2 + cols] + attrs->before[cols] + attrs->after[cols]);
    f->x_rows                   = (int)x->dims[2];
    f->x_cols                   = (int)x->dims[3];
    f->row                      = (int)attrs->before[rows];
    f->col                      = (int)attrs->before[cols];
    f->padded_rows              = (int)(x->dims[2 + rows] + attrs->before[rows] + attrs->after[rows]);
    *k = (kt_front_t){.rows = (int)y->dims[2 + rows], .cols = (int)y->dims[2 + cols], .pitch = (padded + 15) / 16 * 16};
    k->segments = (int)w->dims[2 + rows];
    k->taps     = (int)w->dims[2 + cols];
    if (f->narrow)
        k->taps = (k->taps + KT_FRONT_GROUP - 1) / KT_FRONT_GROUP * KT_FRONT_GROUP;
    k->outputs   = (int)y->dims[1];
    k->blocks    = (k->outputs + b->exec->fast->front_block - 1) / b->exec->fast->front_block;
    k->over_rows = m->axis - 2 == rows;
    k->relu      = m->relu;
}

// Where the weight of output o, row s and column j of the kernel lies.
static size_t
weight_at(const front_t *f, int block, int o, int s, int j)
{
    const kt_front_t *k     = &f->kernel;
    const size_t      start = (size_t)(o / block) * (size_t)(k->segments * k->taps * block), lane = (size_t)(o % block);
    const int         tap = s * k->taps + j;
    if (!f->narrow)
        return start + (size_t)(tap * block) + lane;
    return start + (size_t)(tap / KT_FRONT_GROUP * block * KT_FRONT_GROUP) + lane * KT_FRONT_GROUP +
           (size_t)(tap % KT_FRONT_GROUP);
}

// Values to whole numbers of -127..127. The error of each is handed on to its neighbours that come later (Floyd and
// Steinberg): a spectrum is smooth along both axes, so that errors of neighbours cancel in the sum.
static void
round_with_diffusion(float *values, int height, int width)
{
    static const struct {
        int   row, column;
        float share;
    } NEXT[] = {{0, 1, 7}, {1, -1, 3}, {1, 0, 5}, {1, 1, 1}};
    for (int r = 0; r < height; r++)
        for (int c = 0; c < width; c++) {
            float      *value = &values[r * width + c], total = 0;
            const float level = fminf(fmaxf(rintf(*value), -127), 127), error = *value - level;
            bool        there[4];
            for (int i = 0; i < 4; i++) {
                there[i] = r + NEXT[i].row < height && c + NEXT[i].column >= 0 && c + NEXT[i].column < width;
                total += there[i] ? NEXT[i].share : 0;
            }
            for (int i = 0; i < 4; i++)
                if (there[i])
                    value[NEXT[i].row * width + NEXT[i].column] += error * NEXT[i].share / total;
            *value = level;
        }
}

static kt_err_t
weights_pack(kt_builder_t *b, const match_t *m, front_t *f)
{
    const kt_shape_of_t *shape = &b->shapes[m->conv->in[1]];
    const float         *w     = kt_constant_in(b, m->conv, 1);
    const int            block = b->exec->fast->front_block, height = (int)shape->dims[2], width = (int)shape->dims[3];
    kt_front_t          *k      = &f->kernel;
    const size_t         padded = (size_t)k->blocks * (size_t)block, each = (size_t)(k->segments * k->taps);
    const size_t         taps   = (size_t)(height * width);
    float               *packed = kt_build_floats(b, f->narrow ? padded * each / 4 + 1 : padded * each);
    float               *unit = kt_build_floats(b, padded), *kernel = malloc(taps * sizeof *kernel);
    int32_t             *sum = (int32_t *)kt_build_floats(b, padded);
    if (!packed || !unit || !sum || !kernel) {
        free(kernel);
        return KT_ENOMEM;
    }
    for (int o = 0; o < k->outputs; o++) {
        float top = 0;
        memcpy(kernel, w + (size_t)o * taps, taps * sizeof *kernel);
        for (size_t i = 0; i < taps; i++)
            top = fmaxf(top, fabsf(kernel[i]));
        unit[o] = top > 0 ? top / 127 : 1;
        for (size_t i = 0; f->narrow && i < taps; i++)
            kernel[i] /= unit[o];
        if (f->narrow)
            round_with_diffusion(kernel, height, width);
        for (int i = 0; i < height * width; i++) {
            const int    r = i / width, c = i % width;
            const size_t at = weight_at(f, block, o, f->turned ? c : r, f->turned ? r : c);
            if (!f->narrow) {
                packed[at] = kernel[i];
                continue;
            }
            ((int8_t *)packed)[at] = (int8_t)kernel[i];
            sum[o] += (int32_t)kernel[i];
        }
    }
    free(kernel);
    k->w       = packed;
    k->w_scale = unit;
    k->w_sum   = sum;
    return KT_OK;
}

// Bias, scale and shift, padded to whole blocks.
static kt_err_t
vectors_pack(kt_builder_t *b, const match_t *m, kt_front_t *k)
{
    const size_t padded = (size_t)k->blocks * (size_t)b->exec->fast->front_block,
                 n      = (size_t)k->outputs * sizeof(float);
    const float *bias   = kt_constant_in(b, m->conv, 2);
    float       *out[3];
    for (int i = 0; i < 3; i++) {
        out[i] = kt_build_floats(b, padded);
        if (!out[i])
            return KT_ENOMEM;
    }
    if (bias)
        memcpy(out[0], bias, n);
    for (int o = 0; o < k->outputs; o++)
        out[1][o] = 1;
    if (m->scale) {
        memcpy(out[1], kt_constant_in(b, m->scale, 1), n);
        memcpy(out[2], kt_constant_in(b, m->scale, 2), n);
    }
    k->bias  = out[0];
    k->scale = out[1];
    k->shift = out[2];
    return KT_OK;
}

static void
padded_copy(const front_t *f, float *y, const float *x)
{
    const size_t pitch = (size_t)f->kernel.pitch;
    memset(y, 0, (size_t)f->padded_rows * pitch * sizeof *y);
    y += (size_t)f->row * pitch + (size_t)f->col;
    for (int r = 0; r < f->x_rows; r++, x += f->x_cols) {
        if (!f->turned) {
            memcpy(y + (size_t)r * pitch, x, (size_t)f->x_cols * sizeof *y);
            continue;
        }
        for (int c = 0; c < f->x_cols; c++)
            y[(size_t)c * pitch + (size_t)r] = x[c];
    }
}

static kt_err_t
front_run(const kt_cpu_step_t *self, const kt_cpu_run_t *run)
{
    const front_t       *f    = self->data;
    const kt_cpu_fast_t *fast = run->exec->fast;
    const float         *x    = kt_cpu_at(run, self->places[1]);
    float               *y = kt_cpu_at(run, self->places[0]), *padded = kt_cpu_at(run, self->places[2]);
    padded_copy(f, padded, x);
    if (!f->narrow) {
        fast->front(&f->kernel, padded, y);
        return KT_OK;
    }
    const size_t n      = (size_t)f->padded_rows * (size_t)f->kernel.pitch;
    uint8_t     *levels = (uint8_t *)kt_cpu_at(run, self->places[3]);
    float        low, high;
    fast->range(padded, n, &low, &high);
    const float scale = high > low ? (high - low) / 255 : 1;
    const int   zero  = (int)lrintf(-low / scale);
    fast->quantise(levels, padded, n, scale, zero);
    fast->front_8bit(&f->kernel, levels, scale, zero, y);
    return KT_OK;
}

static kt_err_t
places_take(kt_builder_t *b, const match_t *m, const front_t *f, kt_cpu_step_t *step)
{
    const size_t padded = (size_t)f->padded_rows * (size_t)f->kernel.pitch;
    kt_err_t     err    = kt_read(b, m->conv->in[0], KT_PLAIN, &step->places[1]);
    if (err == KT_OK)
        err = kt_buffer_new(b, padded, &step->places[2]);
    if (err == KT_OK && f->narrow)
        err = kt_buffer_new(b, padded / 4 + 1, &step->places[3]);
    if (err == KT_OK)
        err = kt_define_new(b, m->out, KT_LAST, &step->places[0]);
    step->n_places = f->narrow ? 4 : 3;
    return err;
}

kt_err_t
kt_lower_front(kt_builder_t *b, int n)
{
    kt_cpu_step_t step = {.name = "front", .run = front_run};
    match_t       m;
    if (!match_find(b, n, &m))
        return KT_EOPERATOR;
    front_t *f = calloc(1, sizeof *f);
    if (!f)
        return KT_ENOMEM;
    const int64_t *kernel = b->shapes[m.conv->in[1]].dims + 2;
    f->turned             = kernel[0] > kernel[1];
    f->narrow             = b->opts->int8 && b->exec->fast->front_8bit && kt_cpu_has_vnni();
    b->exec->base.int8    = b->exec->base.int8 || f->narrow;
    geometry(b, &m, f);
    step.data    = f;
    kt_err_t err = weights_pack(b, &m, f);
    if (err == KT_OK)
        err = vectors_pack(b, &m, &f->kernel);
    if (err == KT_OK)
        err = places_take(b, &m, f, &step);
    if (err != KT_OK) {
        free(f);
        return err;
    }
    err = kt_step(b, &step);
    for (int i = 0; i < m.n_nodes && err == KT_OK; i++)
        kt_take(b, m.nodes[i]);
    return err;
}
