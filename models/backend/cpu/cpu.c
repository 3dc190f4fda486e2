#include "models/backend/cpu/cpu.h"

#include "models/backend/cpu/build.h"
#include "models/backend/cpu/dnn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

float *
kt_cpu_at(const kt_cpu_run_t *run, kt_place_t place)
{
    const kt_cpu_buffer_t *buffer = &run->exec->buffers[place.buffer];
    const void            *start  = NULL;
    switch (buffer->area) {
    case KT_AREA_ARENA: start = run->arena + buffer->offset; break;
    case KT_AREA_INPUT: start = run->inputs[buffer->index]; break;
    case KT_AREA_OUTPUT: start = run->outputs[buffer->index]; break;
    case KT_AREA_CONSTANT: start = buffer->data; break;
    }
    return (float *)(uintptr_t)start + place.at;
}

static void
cpu_destroy(kt_exec_t *base)
{
    kt_cpu_exec_t *self = (kt_cpu_exec_t *)base;
    for (size_t i = 0; i < self->n_steps; i++)
        self->steps[i].drop(self->steps[i].data);
    for (size_t i = 0; i < self->n_owned; i++)
        free(self->owned[i]);
    if (self->engine)
        dnnl_engine_destroy(self->engine);
    kt_weights_destroy(&self->weights);
    free(self->shapes);
    free(self->steps);
    free(self->buffers);
    free(self->owned);
    free(self);
}

static double
clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

// ms: NULL, or the time of each step is added.
static kt_err_t
run_timed(const kt_cpu_exec_t *self, void *arena, const float *const *inputs, float *const *outputs, double *ms)
{
    kt_cpu_run_t run = {.exec = self, .arena = arena, .inputs = inputs, .outputs = outputs};
    kt_err_t     err = KT_OK;
    kt_dnn_enter();
    if (dnnl_stream_create(&run.stream, self->engine, dnnl_stream_default_flags) != dnnl_success)
        return KT_ENOMEM;
    for (size_t i = 0; i < self->n_steps && err == KT_OK; i++) {
        const double start = ms ? clock_ms() : 0;
        err                = self->steps[i].run(&self->steps[i], &run);
        if (ms)
            ms[i] += clock_ms() - start;
    }
    dnnl_stream_destroy(run.stream);
    return err;
}

static kt_err_t
cpu_run(const kt_exec_t *base, void *arena, const float *const *inputs, float *const *outputs)
{
    return run_timed((const kt_cpu_exec_t *)base, arena, inputs, outputs, NULL);
}

size_t
kt_cpu_steps(const kt_exec_t *exec)
{
    return ((const kt_cpu_exec_t *)exec)->n_steps;
}

const char *
kt_cpu_step_name(const kt_exec_t *exec, size_t step)
{
    return ((const kt_cpu_exec_t *)exec)->steps[step].name;
}

kt_err_t
kt_cpu_profile(const kt_exec_t *exec, void *arena, const float *const *inputs, float *const *outputs, double *ms)
{
    return run_timed((const kt_cpu_exec_t *)exec, arena, inputs, outputs, ms);
}

static const kt_exec_ops_t OPS = {.destroy = cpu_destroy, .run = cpu_run};

static kt_err_t
cpu_prepare(kt_exec_t **out, const kt_graph_t *graph, const int64_t sizes[KT_FREE_DIMS], const kt_exec_opts_t *opts,
            char why[KT_KTM_WHY])
{
    const kt_exec_opts_t none = {0};
    opts                      = opts ? opts : &none;
    if (opts->isa && strcmp(opts->isa, "ref") == 0)
        return kt_backend_ref.prepare(out, graph, sizes, opts, why);
    const kt_cpu_fast_t *fast = kt_cpu_fast(opts->isa);
    if (!fast) {
        snprintf(why, KT_KTM_WHY, "instruction set '%s' is unknown, or this processor lacks it", opts->isa);
        return KT_EINVAL;
    }
    kt_err_t       err  = KT_ENOMEM;
    kt_cpu_exec_t *self = calloc(1, sizeof *self);
    if (!self)
        goto fail;
    self->base = (kt_exec_t){.ops = &OPS, .graph = graph};
    memcpy(self->base.sizes, sizes, sizeof self->base.sizes);
    self->fast = fast;
    kt_dnn_limit_isa(fast->name);
    kt_dnn_enter();
    if (dnnl_engine_create(&self->engine, dnnl_cpu, 0) != dnnl_success)
        goto fail;
    err = kt_weights_new(&self->weights, graph);
    if (err == KT_OK)
        err = kt_build(self, opts, why);
    if (err != KT_OK)
        goto fail;
    self->base.packed_bytes += kt_weights_bytes(self->weights);
    *out = &self->base;
    return KT_OK;
fail:
    if (err == KT_ENOMEM)
        snprintf(why, KT_KTM_WHY, "out of memory");
    if (self)
        cpu_destroy(&self->base);
    return err;
}

const kt_backend_t kt_backend_cpu = {.name = "cpu", .supports = kt_cpu_supports, .prepare = cpu_prepare};
