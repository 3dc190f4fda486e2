#include "common/log.h"
#include "models/backend/cuda/program_private.h"

#include <stdlib.h>
#include <string.h>

// All programs of this process. Preparing one holds the lock, so that two threads do not prepare the same one.
static pthread_mutex_t    lock = PTHREAD_MUTEX_INITIALIZER;
static kt_cuda_program_t *programs;

static bool
same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

// The micro-batch that programs begin with; a large one is prepared with less, which its first holder finds out.
static int64_t
first_batch(const kt_graph_t *graph)
{
    const kt_free_dim_t *dims;
    (void)kt_graph_free(graph, &dims);
    const int64_t most = dims[0].max < KT_CUDA_BATCH ? dims[0].max : KT_CUDA_BATCH;
    return most < dims[0].min ? dims[0].min : most;
}

static bool
is_for(const kt_cuda_program_t *self, const kt_graph_t *graph, const int64_t *sizes, const kt_exec_opts_t *opts,
       bool own_kernels)
{
    const kt_free_dim_t *dims;
    const size_t         n = kt_graph_free(graph, &dims);
    return self->graph == graph && memcmp(self->sizes + 1, sizes + 1, (n - 1) * sizeof *sizes) == 0 &&
           self->tf32 == opts->tf32 && self->own_kernels == own_kernels && same_text(self->plans, opts->plans);
}

static kt_err_t
program_new(kt_cuda_program_t **out, const kt_graph_t *graph, const int64_t sizes[KT_FREE_DIMS],
            const kt_exec_opts_t *opts, bool own_kernels, char why[KT_KTM_WHY])
{
    kt_err_t           err  = KT_ENOMEM;
    kt_cuda_program_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->graph       = graph;
    self->tf32        = opts->tf32;
    self->own_kernels = own_kernels;
    self->holders     = 1;
    memcpy(self->sizes, sizes, sizeof self->sizes);
    self->sizes[0] = first_batch(graph);
    if ((opts->plans && !(self->plans = strdup(opts->plans))) || (err = kt_cuda_program_build(self, why))) {
        if (err == KT_EDEVICE)
            kt_log_error("MODEL-DEVICE", "err=%s why=\"%s\"", kt_err_name(err), why);
        kt_cuda_program_destroy(self);
        return err;
    }
    *out = self;
    return KT_OK;
}

kt_err_t
kt_cuda_program_hold(kt_cuda_program_t **out, const kt_graph_t *graph, const int64_t sizes[KT_FREE_DIMS],
                     const kt_exec_opts_t *opts, char why[KT_KTM_WHY])
{
    const bool own_kernels = opts->isa && strcmp(opts->isa, "own") == 0;
    kt_err_t   err         = KT_OK;
    pthread_mutex_lock(&lock);
    kt_cuda_program_t *self = programs;
    while (self && !is_for(self, graph, sizes, opts, own_kernels))
        self = self->next;
    if (self) {
        self->holders++;
    } else if (!(err = program_new(&self, graph, sizes, opts, own_kernels, why))) {
        self->next = programs;
        programs   = self;
    }
    pthread_mutex_unlock(&lock);
    if (!err)
        *out = self;
    return err;
}

void
kt_cuda_program_release(kt_cuda_program_t **self_p)
{
    kt_cuda_program_t *self = *self_p;
    *self_p                 = NULL;
    if (!self)
        return;
    pthread_mutex_lock(&lock);
    if (--self->holders == 0) {
        kt_cuda_program_t **at = &programs;
        while (*at != self)
            at = &(*at)->next;
        *at = self->next;
        kt_cuda_program_destroy(self);
    }
    pthread_mutex_unlock(&lock);
}

size_t
kt_cuda_program_bytes(const kt_cuda_program_t *self)
{
    return self->weights->bytes + self->memory.bytes + self->workspace_bytes;
}

static size_t
item_bytes(const kt_cuda_program_t *self, int value)
{
    return (size_t)(kt_shape_count(&self->shapes[value]) / self->sizes[0]) * sizeof(float);
}

// Inputs of `items` items, from `first` on; zeros for the rest of the micro-batch.
static kt_err_t
upload_inputs(const kt_cuda_program_t *self, int64_t first, int64_t items, const float *const *inputs)
{
    const int *values;
    kt_err_t   err = KT_OK;
    for (size_t i = 0, n = kt_graph_inputs(self->graph, &values); i < n && !err; i++) {
        const size_t bytes = item_bytes(self, values[i]), filled = bytes * (size_t)items,
                     all = bytes * (size_t)self->sizes[0];
        char *to         = (char *)self->at[values[i]];
        err = self->context->ops->upload(self->context->device, to, (const char *)inputs[i] + bytes * (size_t)first,
                                         filled);
        if (!err && filled < all)
            err = self->context->ops->clear(self->context->device, to + filled, all - filled);
    }
    return err;
}

static kt_err_t
download_outputs(const kt_cuda_program_t *self, int64_t first, int64_t items, float *const *outputs)
{
    const int *values;
    kt_err_t   err = KT_OK;
    for (size_t i = 0, n = kt_graph_outputs(self->graph, &values); i < n && !err; i++) {
        const size_t bytes = item_bytes(self, values[i]);
        err = self->context->ops->download(self->context->device, (char *)outputs[i] + bytes * (size_t)first,
                                           self->at[values[i]], bytes * (size_t)items);
    }
    return err;
}

static kt_err_t
do_actions(const kt_cuda_program_t *self, char why[KT_KTM_WHY])
{
    const kt_cuda_context_t *context = self->context;
    for (size_t i = 0; i < self->actions.n; i++) {
        const kt_cuda_action_t *action = &self->actions.at[i];
        const kt_err_t          err =
            action->plan ? kt_cuda_cudnn_failed(context->cudnn,
                                                         context->cudnn->execute(context->handle, action->plan, action->pack),
                                                         "a plan", why)
                                  : context->ops->launch(context->device, &action->call);
        if (err)
            return err;
    }
    return KT_OK;
}

static kt_err_t
run_batches(const kt_cuda_program_t *self, int64_t items, const float *const *inputs, float *const *outputs,
            char why[KT_KTM_WHY])
{
    kt_err_t err = KT_OK;
    for (int64_t first = 0; first < items && !err; first += self->sizes[0]) {
        const int64_t left = items - first, n = left < self->sizes[0] ? left : self->sizes[0];
        if (!(err = upload_inputs(self, first, n, inputs)) && !(err = do_actions(self, why)))
            err = download_outputs(self, first, n, outputs);
    }
    // Also after an error: the copies that were started use the caller's memory.
    const kt_err_t finished = self->context->ops->finish(self->context->device);
    return err ? err : finished;
}

kt_err_t
kt_cuda_program_run(kt_cuda_program_t *self, int64_t items, const float *const *inputs, float *const *outputs)
{
    kt_cuda_context_t *context         = self->context;
    char               why[KT_KTM_WHY] = "";
    kt_err_t           err             = KT_OK;
    pthread_mutex_lock(&context->running);
    if (self->generation != context->generation)
        err = kt_cuda_program_bind(self, why);
    if (!err)
        err = run_batches(self, items, inputs, outputs, why);
    if (err)
        kt_log_error("MODEL-DEVICE", "err=%s why=\"%s\"", kt_err_name(err),
                     why[0] ? why : context->ops->why(context->device));
    pthread_mutex_unlock(&context->running);
    return err;
}
