// A program: sizes, weights, plans; and its actions, bound to the addresses of the arena.
#include "common/assert.h"
#include "common/text.h"
#include "models/backend/cuda/program_private.h"

#include <stdlib.h>
#include <string.h>

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

// Plans of all convolutions, and the workspace that they share.
static kt_err_t
find_plans(kt_cuda_program_t *self, char why[KT_KTM_WHY])
{
    const kt_cudnn_plan_opts_t opts = {self->context->cudnn, &self->context->properties, self->tf32, self->plans};
    for (size_t i = 0; i < self->steps.n && !self->own_kernels; i++) {
        const kt_cuda_step_t *step = &self->steps.at[i];
        const kt_err_t        err  = step->is_conv ? kt_cudnn_plan_get(&self->plan[i], &step->op, &opts, why) : KT_OK;
        if (err && err != KT_ENOTFOUND)
            return err;
        if ((size_t)self->plan[i].workspace_bytes > self->workspace_bytes)
            self->workspace_bytes = (size_t)self->plan[i].workspace_bytes;
    }
    return KT_OK;
}

static const float *
bias_of(const kt_cuda_program_t *self, const kt_cuda_step_t *step)
{
    return step->bias >= 0 ? self->at[step->bias] : step->op.bias ? self->weights->zeros : NULL;
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
    void *workspace = self->context->arena + self->memory.bytes;
    *pool           = (kt_cudnn_pool_t){.cudnn = self->context->cudnn};
    void *plan      = kt_cudnn_plan_load(pool, self->plan[index].json, &self->context->properties);
    void *pack      = kt_cudnn_new(pool, KT_CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    kt_cudnn_set(pool, pack, KT_CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, KT_CUDNN_TYPE_INT64, n, ids);
    kt_cudnn_set(pool, pack, KT_CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, KT_CUDNN_TYPE_VOID_PTR, n, pointers);
    kt_cudnn_set(pool, pack, KT_CUDNN_ATTR_VARIANT_PACK_WORKSPACE, KT_CUDNN_TYPE_VOID_PTR, 1, &workspace);
    kt_cudnn_finalize(pool, pack, "the arguments of a plan");
    if (!pool->status)
        kt_cuda_add_plan(&self->actions, plan, pack);
    if (!pool->status && !step->op.bias && step->bias >= 0)
        kt_cuda_add_bias(&self->actions, self->at[step->y], &self->shapes[step->y], self->at[step->bias]);
    return kt_cuda_cudnn_failed(pool->cudnn, pool->status, pool->failed, why);
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
    kt_conv_call_t       conv = {.x          = self->at[step->x],
                                 .w          = self->at[step->w],
                                 .bias       = bias_of(self, step),
                                 .residual   = op->residual ? self->at[step->residual] : NULL,
                                 .y          = self->at[step->y],
                                 .count      = kt_shape_count(&self->shapes[step->y]),
                                 .channels   = op->x[1],
                                 .outputs    = op->y[1],
                                 .groups     = (op->transposed ? op->y[1] : op->x[1]) / op->w[1],
                                 .transposed = op->transposed,
                                 .limited    = op->limited,
                                 .high       = op->high};
    place(conv.in, op->x + 2, op->spatial, 1);
    place(conv.out, op->y + 2, op->spatial, 1);
    place(conv.kernel, op->w + 2, op->spatial, 1);
    place(conv.stride, op->stride, op->spatial, 1);
    place(conv.before, op->before, op->spatial, 0);
    place(conv.dilation, op->dilation, op->spatial, 1);
    kt_cuda_add_call(&self->actions, &(kt_kernel_call_t){.kernel = KT_KERNEL_CONV, .conv = conv});
}

// The address of each value.
static void
bind_values(kt_cuda_program_t *self)
{
    for (size_t i = 0; i < kt_graph_values(self->graph); i++)
        self->at[i] = self->memory.offset[i] != SIZE_MAX ? (float *)(self->context->arena + self->memory.offset[i])
                                                         : (float *)(uintptr_t)self->weights->at[i];
}

static void
unbind(kt_cuda_program_t *self)
{
    kt_cuda_actions_fini(&self->actions);
    for (size_t i = 0; self->pool && i < self->steps.n; i++)
        kt_cudnn_pool_fini(&self->pool[i]);
}

kt_err_t
kt_cuda_program_bind(kt_cuda_program_t *self, char why[KT_KTM_WHY])
{
    unbind(self);
    kt_err_t err = kt_cuda_context_reserve(self->context, self->memory.bytes + self->workspace_bytes, why);
    if (!err)
        bind_values(self);
    for (size_t i = 0; i < self->steps.n && !err; i++) {
        const kt_cuda_step_t *step = &self->steps.at[i];
        if (!step->is_conv)
            kt_cuda_lower(&self->actions, kt_graph_node(self->graph, (size_t)step->node), self->shapes, self->at);
        else if (self->plan[i].json)
            err = add_plan(self, i, why);
        else
            add_conv(self, step);
    }
    err = err ? err : self->actions.err;
    if (!err)
        self->generation = self->context->generation;
    return err;
}

static kt_err_t
allocate(kt_cuda_program_t *self)
{
    const size_t values = kt_graph_values(self->graph);
    self->at            = calloc(values + 1, sizeof *self->at);
    self->plan          = calloc(self->steps.n + 1, sizeof *self->plan);
    self->pool          = calloc(self->steps.n + 1, sizeof *self->pool);
    return self->at && self->plan && self->pool ? KT_OK : KT_ENOMEM;
}

kt_err_t
kt_cuda_program_build(kt_cuda_program_t *self, char why[KT_KTM_WHY])
{
    kt_err_t err;
    self->shapes = calloc(kt_graph_values(self->graph) + 1, sizeof *self->shapes);
    if (!self->shapes)
        return KT_ENOMEM;
    if ((err = choose_sizes(self, why)) || (err = allocate(self)) ||
        (err = kt_cuda_context_hold(&self->context, !self->own_kernels, why)) ||
        (err = kt_cuda_weights_hold(&self->weights, self->context, self->graph, why)) || (err = find_plans(self, why)))
        return err;
    pthread_mutex_lock(&self->context->running);
    err = kt_cuda_program_bind(self, why);
    pthread_mutex_unlock(&self->context->running);
    return err;
}

void
kt_cuda_program_destroy(kt_cuda_program_t *self)
{
    unbind(self);
    for (size_t i = 0; self->plan && i < self->steps.n; i++)
        kt_cudnn_plan_fini(&self->plan[i]);
    if (self->weights)
        kt_cuda_weights_release(self->context, &self->weights);
    kt_cuda_context_release(&self->context);
    kt_cuda_memory_fini(&self->memory);
    kt_cuda_steps_fini(&self->steps);
    free(self->pool);
    free(self->plan);
    free(self->at);
    free(self->shapes);
    free(self->plans);
    free(self);
}
