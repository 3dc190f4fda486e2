#include "tests/unit/models/backend/conformance.h"

#include "common/assert.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64, GUARD = 64, GUARD_BYTE = 0xA5 };

#define F(...) ((const float[]){__VA_ARGS__})
#define H(...) ((const uint16_t[]){__VA_ARGS__})
#define B(...) ((const int8_t[]){__VA_ARGS__})

static const conformance_case_t cases[] = {
#include "tests/unit/models/backend/conformance_cases.def"
};

size_t
conformance_cases(const conformance_case_t **out)
{
    *out = cases;
    return sizeof cases / sizeof cases[0];
}

typedef struct run {
    const conformance_case_t *subject;
    kt_ktm_t                 *file;
    kt_graph_t               *graph, *fused;
    kt_exec_t                *exec;
    uint8_t                  *bytes, *arena, *outputs[CONFORMANCE_VALUES];
    size_t                    in_count[KT_GRAPH_INPUTS];  // elements of one run
    char                     *why;
} run_t;

#define FAIL(...) (snprintf(self->why, CONFORMANCE_WHY, __VA_ARGS__), false)

// Memory with a guard at both ends; 64-byte aligned.
static uint8_t *
guarded(size_t bytes)
{
    uint8_t *memory = aligned_alloc(ALIGN, (bytes + 2 * GUARD + ALIGN - 1) / ALIGN * ALIGN);
    kt_assert(memory);
    memset(memory, GUARD_BYTE, bytes + 2 * GUARD);
    memset(memory + GUARD, 0xFF, bytes);  // NaN
    return memory;
}

static bool
is_untouched(const uint8_t *memory, size_t bytes)
{
    for (size_t i = 0; i < GUARD; i++)
        if (memory[i] != GUARD_BYTE || memory[GUARD + bytes + i] != GUARD_BYTE)
            return false;
    return true;
}

static size_t
output_bytes(const run_t *self, size_t i)
{
    return (size_t)kt_shape_count(&self->subject->shapes[i]) * sizeof(float);
}

static bool
prepare(run_t *self, const kt_backend_t *backend, const kt_exec_opts_t *opts, bool fuse)
{
    const conformance_case_t *subject         = self->subject;
    ktm_text_t                text            = {.graph = subject->graph, .free = subject->free};
    char                      why[KT_KTM_WHY] = "";
    size_t                    length;
    int64_t                   sizes[KT_FREE_DIMS];
    const int                *values;
    memcpy(text.tensors, subject->tensors, sizeof subject->tensors);
    memcpy(sizes, subject->sizes, sizeof sizes);
    self->bytes = ktm_build(&text, &length);
    if (kt_ktm_read(&self->file, self->bytes, length, why) || kt_graph_new(&self->graph, self->file, why))
        return FAIL("%s: %s", subject->name, why);
    kt_shape_of_t *shapes = calloc(kt_graph_values(self->graph), sizeof *shapes);
    kt_assert(shapes && kt_graph_shapes(self->graph, sizes, shapes, why) == KT_OK);
    bool fits = true;
    for (size_t i = 0, n = kt_graph_outputs(self->graph, &values); i < n; i++) {
        const kt_shape_of_t *got = &shapes[values[i]], *wanted = &subject->shapes[i];
        fits = fits && got->rank == wanted->rank && !memcmp(got->dims, wanted->dims, (size_t)got->rank * sizeof *sizes);
    }
    for (size_t i = 0, n = kt_graph_inputs(self->graph, &values); i < n; i++)
        self->in_count[i] = (size_t)(kt_shape_count(&shapes[values[i]]) / (backend->batched ? 1 : sizes[0]));
    free(shapes);
    if (!fits)
        return FAIL("%s: the shape of an output is wrong", subject->name);
    if (!backend->batched)
        sizes[0] = 1;
    kt_assert(!fuse || kt_graph_fuse(&self->fused, self->graph) == KT_OK);
    if (backend->prepare(&self->exec, fuse ? self->fused : self->graph, sizes, opts, why))
        return FAIL("%s: prepare: %s", subject->name, why);
    self->arena = guarded(self->exec->arena_bytes);
    return true;
}

static bool
compare(const run_t *self, size_t output, float tolerance)
{
    const float *got = (const float *)(self->outputs[output] + GUARD), *wanted = self->subject->outputs[output];
    for (size_t i = 0; i < output_bytes(self, output) / sizeof *got; i++)
        if (!(fabsf(got[i] - wanted[i]) <= tolerance * fmaxf(1, fabsf(wanted[i]))))
            return FAIL("%s: value %zu of output %zu is %.9g, not %.9g", self->subject->name, i, output, (double)got[i],
                        (double)wanted[i]);
    return is_untouched(self->outputs[output], output_bytes(self, output)) ||
           FAIL("%s: writes outside of output %zu", self->subject->name, output);
}

static bool
run_items(run_t *self, bool batched, float tolerance)
{
    const float *in[KT_GRAPH_INPUTS];
    float       *out[KT_GRAPH_OUTPUTS];
    const int   *values;
    size_t       items = batched ? 1 : (size_t)self->subject->sizes[0], n_out = kt_graph_outputs(self->graph, &values);
    size_t       n_in = kt_graph_inputs(self->graph, &values);
    for (size_t i = 0; i < n_out; i++)
        self->outputs[i] = guarded(output_bytes(self, i));
    for (size_t item = 0; item < items; item++) {
        for (size_t i = 0; i < n_in; i++)
            in[i] = self->subject->inputs[i] + item * self->in_count[i];
        for (size_t i = 0; i < n_out; i++)
            out[i] = (float *)(self->outputs[i] + GUARD + item * (output_bytes(self, i) / items));
        kt_err_t err = kt_exec_run(self->exec, self->arena + GUARD, in, out);
        if (err)
            return FAIL("%s: %s", self->subject->name, kt_err_name(err));
        if (!is_untouched(self->arena, self->exec->arena_bytes))
            return FAIL("%s: writes outside of its arena", self->subject->name);
    }
    for (size_t i = 0; i < n_out; i++)
        if (!compare(self, i, tolerance))
            return false;
    return true;
}

bool
conformance_run(const conformance_case_t *subject, const kt_backend_t *backend, const kt_exec_opts_t *opts, bool fuse,
                float tolerance, char why[CONFORMANCE_WHY])
{
    run_t run = {.subject = subject, .why = why};
    bool  ok  = prepare(&run, backend, opts, fuse) && run_items(&run, backend->batched, tolerance);
    kt_exec_destroy(&run.exec);
    kt_graph_destroy(&run.fused);
    kt_graph_destroy(&run.graph);
    kt_ktm_destroy(&run.file);
    for (size_t i = 0; i < CONFORMANCE_VALUES; i++)
        free(run.outputs[i]);
    free(run.arena);
    free(run.bytes);
    return ok;
}
