// kt_backend_cuda -- an executor is a number of items and a shared program.
#include "common/text.h"
#include "models/backend/cuda/program.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA = 64 };

typedef struct cuda_exec {
    kt_exec_t          exec;
    kt_cuda_program_t *program;
} cuda_exec_t;

static void
cuda_destroy(kt_exec_t *exec)
{
    cuda_exec_t *self = (cuda_exec_t *)exec;
    kt_cuda_program_release(&self->program);
    free(self);
}

static kt_err_t
cuda_run(const kt_exec_t *exec, void *arena, const float *const *inputs, float *const *outputs)
{
    (void)arena;
    return kt_cuda_program_run(((const cuda_exec_t *)exec)->program, exec->sizes[0], inputs, outputs);
}

static bool
cuda_supports(const kt_graph_node_t *node)
{
    (void)node;
    return true;
}

static kt_err_t
cuda_prepare(kt_exec_t **out, const kt_graph_t *graph, const int64_t sizes[KT_FREE_DIMS], const kt_exec_opts_t *opts,
             char why[KT_KTM_WHY])
{
    static const kt_exec_ops_t ops = {cuda_destroy, cuda_run};
    const kt_free_dim_t       *dims;
    (void)kt_graph_free(graph, &dims);
    if (sizes[0] < dims[0].min || sizes[0] > dims[0].max)
        return kt_text_explain(why, KT_KTM_WHY, KT_EINVAL, "N is %lld, not from %lld to %lld", (long long)sizes[0],
                               (long long)dims[0].min, (long long)dims[0].max);
    cuda_exec_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->exec = (kt_exec_t){.ops = &ops, .graph = graph, .arena_bytes = ARENA};
    memcpy(self->exec.sizes, sizes, sizeof self->exec.sizes);
    const kt_err_t err = kt_cuda_program_hold(&self->program, graph, sizes, opts, why);
    if (err) {
        cuda_destroy(&self->exec);
        return err;
    }
    self->exec.packed_bytes = kt_cuda_program_bytes(self->program);
    *out                    = &self->exec;
    return KT_OK;
}

const kt_backend_t kt_backend_cuda = {
    .name = "cuda", .supports = cuda_supports, .prepare = cuda_prepare, .batched = true};
