#include "tests/unit/models/backend/cpu/net.h"

#include "tests/unit/models/ktm_build.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static float
uniform(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) / (float)(1 << 23) - 1;  // -1..1
}

static float *
random_floats(size_t n, unsigned *state, bool positive)
{
    float *out = aligned_alloc(64, (n * sizeof *out + 63) / 64 * 64);
    cr_assert_not_null(out);
    for (size_t i = 0; i < n; i++) {
        const float value = uniform(state);
        out[i]            = positive ? value * value + 0.1F : value;
    }
    return out;
}

void
net_init(net_t *self, const net_text_t *text, unsigned seed)
{
    ktm_text_t    file            = {.graph = text->graph, .free = text->free};
    char          why[KT_KTM_WHY] = "";
    size_t        length;
    const int    *in, *out;
    kt_shape_of_t shapes[64];
    *self = (net_t){.sizes = {1}};
    memcpy(self->sizes + 1, text->sizes, sizeof text->sizes);
    for (int i = 0; i < NET_TENSORS && text->tensors[i].name; i++) {
        const net_shape_t *tensor = &text->tensors[i];
        size_t             count  = 1;
        for (int d = 0; d < tensor->rank; d++)
            count *= (size_t)tensor->dims[d];
        self->weights[i] = random_floats(count, &seed, false);
        file.tensors[i]  = (ktm_tensor_t){tensor->name, KT_KTM_F32, tensor->rank, {0}, self->weights[i], NULL};
        memcpy(file.tensors[i].dims, tensor->dims, sizeof tensor->dims);
    }
    self->bytes = ktm_build(&file, &length);
    cr_assert_eq(kt_ktm_read(&self->file, self->bytes, length, why), KT_OK, "%s: %s", text->name, why);
    cr_assert_eq(kt_graph_new(&self->graph, self->file, why), KT_OK, "%s: %s", text->name, why);
    cr_assert_leq(kt_graph_values(self->graph), sizeof shapes / sizeof *shapes);
    cr_assert_eq(kt_graph_shapes(self->graph, self->sizes, shapes, why), KT_OK, "%s: %s", text->name, why);
    self->n_in  = kt_graph_inputs(self->graph, &in);
    self->n_out = kt_graph_outputs(self->graph, &out);
    for (size_t i = 0; i < self->n_in; i++) {
        self->in_floats[i] = (size_t)kt_shape_count(&shapes[in[i]]);
        self->in[i]        = random_floats(self->in_floats[i], &seed, text->positive);
    }
    for (size_t i = 0; i < self->n_out; i++)
        self->out_floats[i] = (size_t)kt_shape_count(&shapes[out[i]]);
}

void
net_fini(net_t *self)
{
    kt_graph_destroy(&self->graph);
    kt_ktm_destroy(&self->file);
    free(self->bytes);
    for (int i = 0; i < NET_TENSORS; i++)
        free(self->weights[i]);
    for (size_t i = 0; i < self->n_in; i++)
        free(self->in[i]);
}

float *
net_run(const net_t *self, const kt_exec_t *exec)
{
    const float *in[KT_GRAPH_INPUTS];
    float       *out[KT_GRAPH_OUTPUTS];
    size_t       count = 0, at = 0;
    void        *arena = aligned_alloc(64, (exec->arena_bytes + 64) / 64 * 64);
    cr_assert_not_null(arena);
    memset(arena, 0xFF, exec->arena_bytes);  // NaN
    for (size_t i = 0; i < self->n_in; i++)
        in[i] = self->in[i];
    for (size_t i = 0; i < self->n_out; i++) {
        out[i] = aligned_alloc(64, (self->out_floats[i] * sizeof(float) + 63) / 64 * 64);
        cr_assert_not_null(out[i]);
        memset(out[i], 0xFF, self->out_floats[i] * sizeof(float));
        count += self->out_floats[i];
    }
    cr_assert_eq(kt_exec_run(exec, arena, in, out), KT_OK);
    float *all = malloc(count * sizeof *all);
    cr_assert_not_null(all);
    for (size_t i = 0; i < self->n_out; i++) {
        memcpy(all + at, out[i], self->out_floats[i] * sizeof *all);
        at += self->out_floats[i];
        free(out[i]);
    }
    free(arena);
    return all;
}

float *
net_compute(const net_t *self, const kt_backend_t *backend, const kt_exec_opts_t *opts, size_t *count)
{
    kt_exec_t *exec            = NULL;
    char       why[KT_KTM_WHY] = "";
    cr_assert_eq(backend->prepare(&exec, self->graph, self->sizes, opts, why), KT_OK, "%s", why);
    float *out = net_run(self, exec);
    kt_exec_destroy(&exec);
    *count = 0;
    for (size_t i = 0; i < self->n_out; i++)
        *count += self->out_floats[i];
    return out;
}
