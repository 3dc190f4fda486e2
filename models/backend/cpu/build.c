#include "models/backend/cpu/build.h"

#include "common/assert.h"

#include <stdlib.h>
#include <string.h>

void
kt_dims_in(const kt_shape_of_t *shape, kt_layout_t layout, int64_t dims[KT_GRAPH_RANK])
{
    for (int i = 0; i < shape->rank; i++)
        dims[kt_axis_in(shape, layout, i)] = shape->dims[i];
}

int
kt_axis_in(const kt_shape_of_t *shape, kt_layout_t layout, int axis)
{
    if (layout == KT_PLAIN || axis == 0)
        return axis;
    return axis == 1 ? shape->rank - 1 : axis - 1;
}

size_t
kt_product(const int64_t *dims, int from, int to)
{
    size_t product = 1;
    for (int i = from; i < to; i++)
        product *= (size_t)dims[i];
    return product;
}

size_t
kt_floats(const kt_shape_of_t *shape)
{
    return kt_product(shape->dims, 0, shape->rank);
}

bool
kt_same_bytes(const kt_shape_of_t *shape)
{
    return shape->rank < 3 || shape->dims[1] == 1 || kt_product(shape->dims, 2, shape->rank) == 1;
}

static void *
table_grow(void *table, size_t count, size_t *room, size_t bytes)
{
    if (count < *room)
        return table;
    const size_t wanted = *room ? 2 * *room : 64;
    void        *grown  = realloc(table, wanted * bytes);
    if (grown)
        *room = wanted;
    return grown;
}

static kt_err_t
buffer_add(kt_builder_t *b, const kt_cpu_buffer_t *buffer, kt_place_t *out)
{
    kt_cpu_exec_t   *exec  = b->exec;
    kt_cpu_buffer_t *grown = table_grow(exec->buffers, exec->n_buffers, &exec->buffers_room, sizeof *grown);
    if (!grown)
        return KT_ENOMEM;
    exec->buffers          = grown;
    grown[exec->n_buffers] = *buffer;
    *out                   = (kt_place_t){(int)exec->n_buffers++, 0};
    return KT_OK;
}

kt_err_t
kt_buffer_new(kt_builder_t *b, size_t floats, kt_place_t *out)
{
    return buffer_add(b, &(kt_cpu_buffer_t){.area = KT_AREA_ARENA, .floats = floats, .first = -1}, out);
}

float *
kt_build_floats(kt_builder_t *b, size_t floats)
{
    kt_cpu_exec_t *exec  = b->exec;
    void         **grown = table_grow(exec->owned, exec->n_owned, &exec->owned_room, sizeof *grown);
    if (!grown)
        return NULL;
    exec->owned        = grown;
    const size_t bytes = (floats * sizeof(float) + 63) / 64 * 64;
    float       *out   = aligned_alloc(64, bytes + 64);  // a vector may be read past the end
    if (!out)
        return NULL;
    memset(out, 0, bytes + 64);
    grown[exec->n_owned++] = out;
    exec->base.packed_bytes += bytes;
    return out;
}

const float *
kt_constant(const kt_builder_t *b, int value)
{
    return kt_weights_at(b->exec->weights, value);
}

const float *
kt_constant_in(const kt_builder_t *b, const kt_graph_node_t *node, int input)
{
    return input < node->n_in ? kt_constant(b, node->in[input]) : NULL;
}

bool
kt_lies_in(const kt_builder_t *b, int value, kt_layout_t layout)
{
    return b->values[value].at[layout].buffer >= 0;
}

kt_layout_t
kt_layout_of(const kt_builder_t *b, int value)
{
    return kt_lies_in(b, value, KT_PLAIN) || kt_graph_value(b->graph, (size_t)value)->constant ? KT_PLAIN : KT_LAST;
}

static void
place_reads(kt_builder_t *b, int value, kt_layout_t layout, int change)
{
    const int buffer = b->values[value].at[layout].buffer;
    const int other  = b->values[value].at[!layout].buffer;
    if (buffer >= 0 && !(layout == KT_LAST && buffer == other))
        b->exec->buffers[buffer].reads += change;
}

static void
place_set(kt_builder_t *b, int value, kt_layout_t layout, kt_place_t place)
{
    kt_cpu_value_t *v = &b->values[value];
    v->at[layout]     = place;
    if (kt_same_bytes(&b->shapes[value]))
        v->at[!layout] = place;
    b->exec->buffers[place.buffer].reads += v->reads;
}

void
kt_define(kt_builder_t *b, int value, kt_layout_t layout, kt_place_t place)
{
    const int   *outputs;
    const size_t n = kt_graph_outputs(b->graph, &outputs);
    place_set(b, value, layout, place);
    for (size_t i = 0; i < n; i++)
        if (outputs[i] == value)
            b->exec->buffers[place.buffer].kept = true;
}

kt_err_t
kt_define_new(kt_builder_t *b, int value, kt_layout_t layout, kt_place_t *out)
{
    kt_err_t err = kt_buffer_new(b, kt_floats(&b->shapes[value]), out);
    if (err == KT_OK)
        kt_define(b, value, layout, *out);
    return err;
}

static kt_err_t
constant_place(kt_builder_t *b, int value)
{
    const kt_cpu_buffer_t buffer = {
        .area = KT_AREA_CONSTANT, .data = kt_constant(b, value), .floats = kt_floats(&b->shapes[value])};
    kt_place_t place;
    kt_err_t   err = buffer_add(b, &buffer, &place);
    if (err == KT_OK)
        place_set(b, value, KT_PLAIN, place);
    return err;
}

kt_err_t
kt_read(kt_builder_t *b, int value, kt_layout_t layout, kt_place_t *out)
{
    kt_cpu_value_t      *v     = &b->values[value];
    const kt_shape_of_t *shape = &b->shapes[value];
    kt_err_t             err   = KT_OK;
    if (!kt_lies_in(b, value, KT_PLAIN) && !kt_lies_in(b, value, KT_LAST))
        err = constant_place(b, value);
    if (err == KT_OK && !kt_lies_in(b, value, layout)) {
        const kt_layout_t from     = layout == KT_PLAIN ? KT_LAST : KT_PLAIN;
        const size_t      channels = (size_t)shape->dims[1], positions = kt_product(shape->dims, 2, shape->rank);
        const size_t rows = from == KT_PLAIN ? channels : positions, columns = from == KT_PLAIN ? positions : channels;
        const kt_permute_t transpose = {
            3, {shape->dims[0], (int64_t)columns, (int64_t)rows}, {(int64_t)(rows * columns), 1, (int64_t)columns}};
        kt_place_t place;
        err = kt_buffer_new(b, kt_floats(shape), &place);
        if (err == KT_OK)
            err = kt_step_permute(b, &transpose, place, v->at[from]);
        if (err == KT_OK)
            place_set(b, value, layout, place);
    }
    if (err == KT_OK)
        *out = v->at[layout];
    return err;
}

void
kt_hold(kt_builder_t *b, int value, int change)
{
    b->values[value].reads += change;
    for (kt_layout_t layout = KT_PLAIN; layout < KT_LAYOUTS; layout++)
        place_reads(b, value, layout, change);
}

void
kt_reads_done(kt_builder_t *b, const kt_graph_node_t *node)
{
    for (int i = 0; i < node->n_in; i++)
        kt_hold(b, node->in[i], -1);
}

void
kt_take(kt_builder_t *b, int node)
{
    b->done[node] = true;
    kt_reads_done(b, kt_graph_node(b->graph, (size_t)node));
}

bool
kt_may_overwrite(const kt_builder_t *b, kt_place_t place, size_t floats)
{
    const kt_cpu_buffer_t *buffer = &b->exec->buffers[place.buffer];
    return buffer->area == KT_AREA_ARENA && !buffer->kept && buffer->reads == 1 && place.at == 0 &&
           buffer->floats >= floats;
}

kt_err_t
kt_step(kt_builder_t *b, const kt_cpu_step_t *step)
{
    kt_cpu_exec_t *exec = b->exec;
    kt_assert(step->n_places <= KT_STEP_PLACES);
    kt_cpu_step_t *grown = table_grow(exec->steps, exec->n_steps, &exec->steps_room, sizeof *grown);
    if (!grown) {
        (step->drop ? step->drop : free)(step->data);
        return KT_ENOMEM;
    }
    exec->steps          = grown;
    grown[exec->n_steps] = *step;
    if (!step->drop)
        grown[exec->n_steps].drop = free;
    for (int i = 0; i < step->n_places; i++) {
        kt_cpu_buffer_t *buffer = &exec->buffers[step->places[i].buffer];
        if (buffer->first < 0)
            buffer->first = (int)exec->n_steps;
        buffer->last = (int)exec->n_steps;
    }
    exec->n_steps++;
    return KT_OK;
}
