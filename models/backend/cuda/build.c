#include "common/text.h"
#include "models/backend/cuda/library.h"
#include "models/backend/cuda/program_private.h"
#include "models/backend/weights.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 256, DEVICE = 0 };

static size_t
aligned(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

// --- libraries and device

static kt_err_t
load_ops(const kt_cuda_device_ops_t **out, char why[KT_KTM_WHY])
{
    void *library = kt_library_open("libkithara-cuda-models.so", "KITHARA_CUDA_MODELS_LIBRARY", false, why);
    if (!library)
        return KT_EDEVICE;
    kt_cuda_models_fn *get = (kt_cuda_models_fn *)(uintptr_t)dlsym(library, KT_CUDA_MODELS_SYMBOL);
    if (!get || get()->abi != KT_CUDA_MODELS_ABI)
        return kt_text_explain(why, KT_KTM_WHY, KT_EDEVICE, "the library lacks version %d of " KT_CUDA_MODELS_SYMBOL,
                               KT_CUDA_MODELS_ABI);
    *out = get();
    return KT_OK;
}

static kt_err_t
device_failed(const kt_cuda_program_t *self, kt_err_t err, char why[KT_KTM_WHY])
{
    return err ? kt_text_explain(why, KT_KTM_WHY, err, "%s", self->ops->why(self->device)) : KT_OK;
}

static kt_err_t
cudnn_failed(const kt_cuda_program_t *self, int status, const char *what, char why[KT_KTM_WHY])
{
    return status
               ? kt_text_explain(why, KT_KTM_WHY, KT_EDEVICE, "%s failed: %s", what, self->cudnn->error_string(status))
               : KT_OK;
}

// The properties of the device as cuDNN sees them.
static kt_err_t
read_properties(kt_cuda_program_t *self, char why[KT_KTM_WHY])
{
    const int32_t   device = DEVICE;
    int64_t         length = 0;
    char            json[KT_CUDA_DEVICE_JSON];
    kt_cudnn_pool_t pool = {.cudnn = self->cudnn};
    void           *got  = kt_cudnn_new(&pool, KT_CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    kt_cudnn_set(&pool, got, KT_CUDNN_ATTR_DEVICEPROP_DEVICE_ID, KT_CUDNN_TYPE_INT32, 1, &device);
    kt_cudnn_finalize(&pool, got, "reading the device's properties");
    kt_err_t err = cudnn_failed(self, pool.status, pool.failed, why);
    if (!err)
        err = cudnn_failed(self,
                           self->cudnn->get_attribute(got, KT_CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION,
                                                      KT_CUDNN_TYPE_CHAR, sizeof json, &length, json),
                           "reading the device's properties", why);
    kt_cudnn_pool_fini(&pool);
    if (err)
        return err;
    if (length < 0 || length > (int64_t)sizeof json)
        return kt_text_explain(why, KT_KTM_WHY, KT_EDEVICE, "the device's properties are too long");
    return kt_cuda_device_parse(&self->properties, json, (size_t)length, why) ? KT_EDEVICE : KT_OK;
}

static kt_err_t
open_device(kt_cuda_program_t *self, char why[KT_KTM_WHY])
{
    kt_err_t err = load_ops(&self->ops, why);
    if (err || (err = self->ops->open(&self->device, DEVICE, why)))
        return err;
    if (self->own_kernels)
        return KT_OK;
    if (kt_cudnn_load(&self->cudnn, why))
        return KT_EDEVICE;
    if ((err = cudnn_failed(self, self->cudnn->create(&self->handle), "cudnnCreate", why)) ||
        (err = cudnn_failed(self, self->cudnn->set_stream(self->handle, self->ops->stream(self->device)),
                            "cudnnSetStream", why)))
        return err;
    return read_properties(self, why);
}

// --- sizes and memory

// Halves the micro-batch until a run fits.
static kt_err_t
choose_sizes(kt_cuda_program_t *self, char why[KT_KTM_WHY])
{
    const kt_free_dim_t *dims;
    (void)kt_graph_free(self->graph, &dims);
    for (;;) {
        kt_err_t err = kt_graph_shapes(self->graph, self->sizes, self->shapes, why);
        if (err || (err = kt_cuda_steps_new(&self->steps, self->graph, self->shapes)) ||
            (err = kt_cuda_memory_new(&self->memory, self->graph, self->shapes, &self->steps)))
            return err;
        if (self->memory.bytes <= KT_CUDA_ARENA_MAX || self->sizes[0] / 2 < dims[0].min || self->sizes[0] == 1)
            return KT_OK;
        self->sizes[0] /= 2;
        kt_cuda_steps_fini(&self->steps);
        kt_cuda_memory_fini(&self->memory);
    }
}

// Zeros that stand in for a bias: as many as the widest convolution has outputs.
static size_t
zero_bytes(const kt_cuda_program_t *self)
{
    int64_t most = 0;
    for (size_t i = 0; i < self->steps.n; i++)
        if (self->steps.at[i].is_conv && self->steps.at[i].op.y[1] > most)
            most = self->steps.at[i].op.y[1];
    return aligned((size_t)most * sizeof(float));
}

static kt_err_t
upload_weights(kt_cuda_program_t *self, char why[KT_KTM_WHY])
{
    kt_weights_t *weights = NULL;
    const size_t  values = kt_graph_values(self->graph), zeros = zero_bytes(self);
    size_t        at  = zeros;
    kt_err_t      err = kt_weights_new(&weights, self->graph);
    if (err)
        return err;
    for (size_t i = 0; i < values; i++)
        if (kt_weights_at(weights, (int)i))
            at += aligned(kt_graph_value(self->graph, i)->constant->count * sizeof(float));
    self->weight_bytes = at ? at : ALIGN;
    err                = self->ops->alloc(self->device, self->weight_bytes, (void **)&self->weights);
    self->zeros        = self->weights;
    if (!err && zeros > 0)
        err = self->ops->clear(self->device, self->zeros, zeros);
    at = zeros;
    for (size_t i = 0; i < values && !err; i++) {
        const float *from = kt_weights_at(weights, (int)i);
        if (!from)
            continue;
        const size_t bytes = kt_graph_value(self->graph, i)->constant->count * sizeof(float);
        self->at[i]        = (float *)(self->weights + at);
        err                = self->ops->upload(self->device, self->at[i], from, bytes);
        at += aligned(bytes);
    }
    if (!err)
        err = self->ops->finish(self->device);
    kt_weights_destroy(&weights);
    return device_failed(self, err, why);
}

static kt_err_t
allocate_arena(kt_cuda_program_t *self, char why[KT_KTM_WHY])
{
    const kt_err_t err = self->ops->alloc(self->device, self->memory.bytes, (void **)&self->arena);
    for (size_t i = 0; i < kt_graph_values(self->graph) && !err; i++)
        if (self->memory.offset[i] != SIZE_MAX)
            self->at[i] = (float *)(self->arena + self->memory.offset[i]);
    return device_failed(self, err, why);
}

// --- plans and kernels

// Plans of all convolutions, and the workspace that they share.
static kt_err_t
find_plans(kt_cuda_program_t *self, char why[KT_KTM_WHY])
{
    const kt_cudnn_plan_opts_t opts = {self->cudnn, &self->properties, self->tf32, self->plans};
    for (size_t i = 0; i < self->steps.n && self->cudnn; i++) {
        const kt_cuda_step_t *step = &self->steps.at[i];
        const kt_err_t        err  = step->is_conv ? kt_cudnn_plan_get(&self->plan[i], &step->op, &opts, why) : KT_OK;
        if (err && err != KT_ENOTFOUND)
            return err;
        if ((size_t)self->plan[i].workspace_bytes > self->workspace_bytes)
            self->workspace_bytes = (size_t)self->plan[i].workspace_bytes;
    }
    if (self->workspace_bytes == 0)
        return KT_OK;
    return device_failed(self, self->ops->alloc(self->device, self->workspace_bytes, (void **)&self->workspace), why);
}

static const float *
bias_of(const kt_cuda_program_t *self, const kt_cuda_step_t *step)
{
    return !step->op.bias ? NULL : step->bias >= 0 ? self->at[step->bias] : (const float *)self->zeros;
}

static kt_err_t
add_plan(kt_cuda_program_t *self, size_t index, char why[KT_KTM_WHY])
{
    enum { TENSORS = 5 };
    const kt_cuda_step_t *step         = &self->steps.at[index];
    kt_cudnn_pool_t      *pool         = &self->pool[index];
    int64_t               ids[TENSORS] = {KT_CUDNN_X, KT_CUDNN_W, KT_CUDNN_Y}, n = 3;
    const void           *pointers[TENSORS] = {self->at[step->x], self->at[step->w], self->at[step->y]};
    if (step->op.bias) {
        ids[n]        = KT_CUDNN_BIAS;
        pointers[n++] = bias_of(self, step);
    }
    if (step->op.residual) {
        ids[n]        = KT_CUDNN_RESIDUAL;
        pointers[n++] = self->at[step->residual];
    }
    *pool      = (kt_cudnn_pool_t){.cudnn = self->cudnn};
    void *plan = kt_cudnn_plan_load(pool, self->plan[index].json, &self->properties);
    void *pack = kt_cudnn_new(pool, KT_CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    kt_cudnn_set(pool, pack, KT_CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, KT_CUDNN_TYPE_INT64, n, ids);
    kt_cudnn_set(pool, pack, KT_CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, KT_CUDNN_TYPE_VOID_PTR, n, pointers);
    kt_cudnn_set(pool, pack, KT_CUDNN_ATTR_VARIANT_PACK_WORKSPACE, KT_CUDNN_TYPE_VOID_PTR, 1, &self->workspace);
    kt_cudnn_finalize(pool, pack, "the arguments of a plan");
    if (!pool->status)
        kt_cuda_add_plan(&self->actions, plan, pack);
    return cudnn_failed(self, pool->status, pool->failed, why);
}

// The spatial values of cuDNN's description as three, of which the first are `missing`.
static void
place(int64_t to[KT_KERNEL_SPATIAL], const int64_t *from, int spatial, int64_t missing)
{
    for (int i = 0; i < KT_KERNEL_SPATIAL; i++)
        to[i] = i < KT_KERNEL_SPATIAL - spatial ? missing : from[i - (KT_KERNEL_SPATIAL - spatial)];
}

static void
add_conv(kt_cuda_program_t *self, const kt_cuda_step_t *step)
{
    const kt_cudnn_op_t *op   = &step->op;
    kt_conv_call_t       conv = {.x        = self->at[step->x],
                                 .w        = self->at[step->w],
                                 .bias     = bias_of(self, step),
                                 .residual = op->residual ? self->at[step->residual] : NULL,
                                 .y        = self->at[step->y],
                                 .count    = kt_shape_count(&self->shapes[step->y]),
                                 .channels = op->x[1],
                                 .outputs  = op->y[1],
                                 .groups   = op->x[1] / op->w[1],
                                 .limited  = op->limited,
                                 .high     = op->high};
    place(conv.in, op->x + 2, op->spatial, 1);
    place(conv.out, op->y + 2, op->spatial, 1);
    place(conv.kernel, op->w + 2, op->spatial, 1);
    place(conv.stride, op->stride, op->spatial, 1);
    place(conv.before, op->before, op->spatial, 0);
    place(conv.dilation, op->dilation, op->spatial, 1);
    kt_cuda_add_call(&self->actions, &(kt_kernel_call_t){.kernel = KT_KERNEL_CONV, .conv = conv});
}

static kt_err_t
add_actions(kt_cuda_program_t *self, char why[KT_KTM_WHY])
{
    kt_err_t err = KT_OK;
    for (size_t i = 0; i < self->steps.n && !err; i++) {
        const kt_cuda_step_t *step = &self->steps.at[i];
        if (!step->is_conv)
            kt_cuda_lower(&self->actions, kt_graph_node(self->graph, (size_t)step->node), self->shapes, self->at);
        else if (self->plan[i].json)
            err = add_plan(self, i, why);
        else
            add_conv(self, step);
    }
    return err ? err : self->actions.err;
}

kt_err_t
kt_cuda_program_build(kt_cuda_program_t *self, char why[KT_KTM_WHY])
{
    const size_t values = kt_graph_values(self->graph);
    kt_err_t     err;
    self->shapes = calloc(values + 1, sizeof *self->shapes);
    self->at     = calloc(values + 1, sizeof *self->at);
    if (!self->shapes || !self->at)
        return KT_ENOMEM;
    if ((err = choose_sizes(self, why)) || (err = open_device(self, why)))
        return err;
    self->plan = calloc(self->steps.n + 1, sizeof *self->plan);
    self->pool = calloc(self->steps.n + 1, sizeof *self->pool);
    if (!self->plan || !self->pool)
        return KT_ENOMEM;
    if ((err = upload_weights(self, why)) || (err = allocate_arena(self, why)) || (err = find_plans(self, why)))
        return err;
    return add_actions(self, why);
}

void
kt_cuda_program_destroy(kt_cuda_program_t *self)
{
    for (size_t i = 0; i < self->steps.n && self->plan && self->pool; i++) {
        kt_cudnn_pool_fini(&self->pool[i]);
        kt_cudnn_plan_fini(&self->plan[i]);
    }
    if (self->handle)
        (void)self->cudnn->destroy(self->handle);
    if (self->device) {
        (void)self->ops->finish(self->device);  // of work that a failed build had started
        self->ops->release(self->device, self->workspace);
        self->ops->release(self->device, self->arena);
        self->ops->release(self->device, self->weights);
        self->ops->close(&self->device);
    }
    kt_cuda_actions_fini(&self->actions);
    kt_cuda_memory_fini(&self->memory);
    kt_cuda_steps_fini(&self->steps);
    pthread_mutex_destroy(&self->running);
    free(self->pool);
    free(self->plan);
    free(self->at);
    free(self->shapes);
    free(self->plans);
    free(self);
}
