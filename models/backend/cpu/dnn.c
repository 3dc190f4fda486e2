#include "models/backend/cpu/dnn.h"

#include <omp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t isa_once = PTHREAD_ONCE_INIT;
static dnnl_cpu_isa_t isa_wanted;  // read once

static void
isa_set(void)
{
    (void)dnnl_set_max_cpu_isa(isa_wanted);  // an error: the host process has used oneDNN before
}

void
kt_dnn_limit_isa(const char *name)
{
    static const struct {
        const char    *name;
        dnnl_cpu_isa_t isa;
    } LIMITS[] = {{"base", dnnl_cpu_isa_sse41}, {"avx2", dnnl_cpu_isa_avx2}, {"avx512", dnnl_cpu_isa_avx512_core}};
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < sizeof LIMITS / sizeof *LIMITS; i++)
        if (strcmp(LIMITS[i].name, name) == 0)
            isa_wanted = LIMITS[i].isa;
    pthread_once(&isa_once, isa_set);
    pthread_mutex_unlock(&lock);
}

void
kt_dnn_enter(void)
{
    omp_set_num_threads(1);
}

static kt_err_t
dnn_error(dnnl_status_t status)
{
    return status == dnnl_success ? KT_OK : status == dnnl_out_of_memory ? KT_ENOMEM : KT_EMODEL;
}

kt_err_t
kt_dnn_choose(kt_builder_t *b, const_dnnl_op_desc_t desc, const_dnnl_post_ops_t post, dnnl_primitive_desc_t *out)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t pd   = NULL;
    const char           *name = NULL;
    if (dnnl_primitive_attr_create(&attr) != dnnl_success)
        return KT_ENOMEM;
    dnnl_status_t status = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    if (status == dnnl_success && post)
        status = dnnl_primitive_attr_set_post_ops(attr, post);
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(&pd, desc, attr, b->exec->engine, NULL);
    dnnl_primitive_attr_destroy(attr);
    if (status == dnnl_out_of_memory)
        return KT_ENOMEM;
    if (status == dnnl_success)
        status = dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name);
    if (status != dnnl_success || strncmp(name, "ref", 3) == 0) {
        dnnl_primitive_desc_destroy(pd);
        return KT_EOPERATOR;
    }
    *out = pd;
    return KT_OK;
}

static void
op_drop(void *data)
{
    kt_dnn_op_t *op = data;
    for (int i = 0; i < op->n_args; i++)
        if (op->args[i].memory)
            dnnl_memory_destroy(op->args[i].memory);
    if (op->primitive)
        dnnl_primitive_destroy(op->primitive);
    free(op);
}

static kt_err_t
op_run(const kt_cpu_step_t *self, const kt_cpu_run_t *run)
{
    const kt_dnn_op_t *op                = self->data;
    dnnl_exec_arg_t    args[KT_DNN_ARGS] = {{0}};
    dnnl_status_t      status            = dnnl_success;
    int                made              = 0;
    for (; made < op->n_args && status == dnnl_success; made++) {
        const kt_dnn_arg_t *arg = &op->args[made];
        args[made]              = (dnnl_exec_arg_t){arg->id, arg->memory};
        if (!arg->memory)
            status = dnnl_memory_create(&args[made].memory, &op->descs[made], run->exec->engine,
                                        kt_cpu_at(run, self->places[arg->place]));
    }
    if (status == dnnl_success)
        status = dnnl_primitive_execute(op->primitive, run->stream, op->n_args, args);
    for (int i = 0; i < made; i++)
        if (!op->args[i].memory && args[i].memory)
            dnnl_memory_destroy(args[i].memory);
    return dnn_error(status);
}

// Constants go through a reorder into memory of the executor.
static kt_err_t
constant_pack(kt_builder_t *b, const kt_dnn_operand_t *operand, const dnnl_memory_desc_t *packed, dnnl_memory_t *out)
{
    kt_cpu_exec_t        *exec  = b->exec;
    dnnl_memory_t         plain = NULL, memory = NULL;
    dnnl_primitive_desc_t pd      = NULL;
    dnnl_primitive_t      reorder = NULL;
    dnnl_stream_t         stream  = NULL;
    float *const          data    = kt_build_floats(b, dnnl_memory_desc_get_size(packed) / sizeof(float) + 1);
    if (!data)
        return KT_ENOMEM;
    dnnl_status_t status =
        dnnl_memory_create(&plain, operand->plain, exec->engine, (void *)(uintptr_t)operand->constant);
    if (status == dnnl_success)
        status = dnnl_memory_create(&memory, packed, exec->engine, data);
    if (status == dnnl_success)
        status = dnnl_reorder_primitive_desc_create(&pd, operand->plain, exec->engine, packed, exec->engine, NULL);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&reorder, pd);
    if (status == dnnl_success)
        status = dnnl_stream_create(&stream, exec->engine, dnnl_stream_default_flags);
    if (status == dnnl_success) {
        const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, plain}, {DNNL_ARG_TO, memory}};
        status                       = dnnl_primitive_execute(reorder, stream, 2, args);
    }
    if (stream)
        dnnl_stream_destroy(stream);
    if (reorder)
        dnnl_primitive_destroy(reorder);
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    if (plain)
        dnnl_memory_destroy(plain);
    if (status != dnnl_success && memory)
        dnnl_memory_destroy(memory);
    if (status == dnnl_success)
        *out = memory;
    return dnn_error(status);
}

static kt_err_t
operand_add(kt_builder_t *b, kt_dnn_op_t *op, const kt_dnn_operand_t *operand, const dnnl_memory_desc_t *desc)
{
    kt_dnn_arg_t *arg       = &op->args[op->n_args];
    *arg                    = (kt_dnn_arg_t){.id = operand->id, .place = operand->place};
    op->descs[op->n_args++] = *desc;
    if (operand->place >= 0)
        return KT_OK;
    if (dnnl_memory_desc_equal(desc, operand->plain))  // used where it lies
        return dnn_error(dnnl_memory_create(&arg->memory, desc, b->exec->engine, (void *)(uintptr_t)operand->constant));
    return constant_pack(b, operand, desc, &arg->memory);
}

kt_err_t
kt_dnn_step(kt_builder_t *b, dnnl_primitive_desc_t pd, const kt_dnn_operand_t *operands, int n_operands,
            kt_cpu_step_t *step)
{
    kt_err_t     err = KT_ENOMEM;
    kt_dnn_op_t *op  = calloc(1, sizeof *op);
    if (!op)
        goto fail;
    err = dnn_error(dnnl_primitive_create(&op->primitive, pd));
    for (int i = 0; i < n_operands && err == KT_OK; i++)
        err =
            operand_add(b, op, &operands[i], dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, operands[i].id));
    const dnnl_memory_desc_t *scratch = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    const size_t              bytes   = dnnl_memory_desc_get_size(scratch);
    if (err == KT_OK && bytes) {
        const kt_dnn_operand_t place = {DNNL_ARG_SCRATCHPAD, step->n_places, NULL, NULL};
        err = kt_buffer_new(b, (bytes + sizeof(float) - 1) / sizeof(float), &step->places[step->n_places++]);
        if (err == KT_OK)
            err = operand_add(b, op, &place, scratch);
    }
    if (err != KT_OK)
        goto fail;
    dnnl_primitive_desc_destroy(pd);
    step->run  = op_run;
    step->data = op;
    step->drop = op_drop;
    return kt_step(b, step);
fail:
    if (op)
        op_drop(op);
    dnnl_primitive_desc_destroy(pd);
    return err;
}

bool
kt_dnn_post(dnnl_post_ops_t post, const kt_ew_op_t *op)
{
    static const struct {
        bool            known;
        dnnl_alg_kind_t algorithm;
        float           alpha;
    } KINDS[KT_EW_KINDS] = {
        [KT_EW_RELU] = {true, dnnl_eltwise_relu, 0},        [KT_EW_CLIP] = {true, dnnl_eltwise_clip, 0},
        [KT_EW_SIGMOID] = {true, dnnl_eltwise_logistic, 0}, [KT_EW_SILU] = {true, dnnl_eltwise_swish, 1},
        [KT_EW_HSWISH] = {true, dnnl_eltwise_hardswish, 0}, [KT_EW_AFFINE] = {true, dnnl_eltwise_linear, 0},
        [KT_EW_HSIGMOID] = {true, dnnl_eltwise_linear, 0},
    };
    if (op->kind == KT_EW_ADD && op->operand == KT_EW_FULL)
        return dnnl_post_ops_append_sum(post, 1) == dnnl_success;
    if (op->operand != KT_EW_NONE || !KINDS[op->kind].known)
        return false;
    const bool  two   = op->kind == KT_EW_CLIP || op->kind == KT_EW_AFFINE || op->kind == KT_EW_HSIGMOID;
    const float alpha = two ? op->a : KINDS[op->kind].alpha, beta = two ? op->b : 0;
    if (dnnl_post_ops_append_eltwise(post, 1, KINDS[op->kind].algorithm, alpha, beta) != dnnl_success)
        return false;
    return op->kind != KT_EW_HSIGMOID || dnnl_post_ops_append_eltwise(post, 1, dnnl_eltwise_clip, 0, 1) == dnnl_success;
}
