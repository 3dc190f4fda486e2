#include "models/backend/cuda/plan.h"

#include "common/text.h"
#include "models/backend/cuda/plan_store.h"

#include <stdlib.h>
#include <string.h>

// More than cuDNN proposes for one operation (at most 40 were seen).
enum { PROPOSALS = 128, NOTES = 32, WORKSPACE_MAX = 256 << 20 };

// A finalised device descriptor. NULL: pool->failed.
static void *
describe_device(kt_cudnn_pool_t *pool, const kt_cuda_device_t *device)
{
    void *out = kt_cudnn_new(pool, KT_CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    kt_cudnn_set(pool, out, KT_CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, KT_CUDNN_TYPE_CHAR,
                 (int64_t)strlen(device->json) + 1, device->json);
    kt_cudnn_finalize(pool, out, "the properties of the device");
    return pool->status ? NULL : out;
}

void *
kt_cudnn_plan_load(kt_cudnn_pool_t *pool, const char *json, const kt_cuda_device_t *device)
{
    void *properties = describe_device(pool, device);
    void *plan       = kt_cudnn_new(pool, KT_CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    kt_cudnn_set(pool, plan, KT_CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, KT_CUDNN_TYPE_CHAR,
                 (int64_t)strlen(json) + 1, json);
    kt_cudnn_set_descriptor(pool, plan, KT_CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, properties);
    kt_cudnn_finalize(pool, plan, "a stored plan");
    return pool->status ? NULL : plan;
}

static kt_err_t
explain(const kt_cudnn_pool_t *pool, char why[KT_CUDNN_WHY])
{
    return kt_text_explain(why, KT_CUDNN_WHY, KT_EDEVICE, "%s failed: %s", pool->failed,
                           pool->cudnn->error_string(pool->status));
}

static bool
is_note_allowed(int note, bool tf32)
{
    switch (note) {
    case KT_CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP: return true;
    case KT_CUDNN_NUMERICAL_NOTE_TENSOR_CORE:
    case KT_CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS: return tf32;
    default: return false;
    }
}

// The notes of an engine configuration; a failure of cuDNN counts as an engine that is not allowed.
static bool
is_engine_allowed(const kt_cudnn_t *cudnn, void *config, bool tf32, int64_t *index)
{
    int     notes[NOTES], behaviours[NOTES];
    int64_t n_notes = 0, n_behaviours = 0, one = 0;
    bool    allowed = false;
    void   *engine  = NULL;
    if (cudnn->descriptor_create(KT_CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine))
        return false;
    if (cudnn->get_attribute(config, KT_CUDNN_ATTR_ENGINECFG_ENGINE, KT_CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &one,
                             &engine) ||
        cudnn->get_attribute(engine, KT_CUDNN_ATTR_ENGINE_GLOBAL_INDEX, KT_CUDNN_TYPE_INT64, 1, &one, index) ||
        cudnn->get_attribute(engine, KT_CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, KT_CUDNN_TYPE_NUMERICAL_NOTE, NOTES, &n_notes,
                             notes) ||
        cudnn->get_attribute(engine, KT_CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, KT_CUDNN_TYPE_BEHAVIOR_NOTE, NOTES,
                             &n_behaviours, behaviours))
        goto done;
    allowed = n_notes <= NOTES && n_behaviours <= NOTES;
    for (int64_t i = 0; i < n_notes && allowed; i++)
        allowed = is_note_allowed(notes[i], tf32);
    for (int64_t i = 0; i < n_behaviours && allowed; i++)
        allowed = behaviours[i] != KT_CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION &&
                  behaviours[i] != KT_CUDNN_BEHAVIOR_NOTE_CUBLASLT_DEPENDENCY;
done:
    (void)cudnn->descriptor_destroy(engine);
    return allowed;
}

// The text of a finalised plan. NULL: cuDNN cannot serialise it, or there is no memory.
static char *
serialise(const kt_cudnn_t *cudnn, void *plan)
{
    int64_t length = 0;
    if (cudnn->get_attribute(plan, KT_CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, KT_CUDNN_TYPE_CHAR, 0, &length,
                             NULL) ||
        length < 1 || length > KT_CUDNN_PLAN_MAX)
        return NULL;
    char *out = calloc((size_t)length + 1, 1);
    if (out && cudnn->get_attribute(plan, KT_CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, KT_CUDNN_TYPE_CHAR, length,
                                    &length, out)) {
        free(out);
        out = NULL;
    }
    return out;
}

// Finalises the plan of a configuration. False: this engine does not build for this operation.
static bool
build_plan(const kt_cudnn_t *cudnn, void *config, void *device, kt_cudnn_plan_t *out)
{
    kt_cudnn_pool_t pool = {.cudnn = cudnn};
    int64_t         one;
    void           *plan = kt_cudnn_new(&pool, KT_CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    kt_cudnn_set_descriptor(&pool, plan, KT_CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
    kt_cudnn_set_descriptor(&pool, plan, KT_CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, device);
    kt_cudnn_finalize(&pool, plan, "a plan");
    const bool built = !pool.status &&
                       !cudnn->get_attribute(plan, KT_CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, KT_CUDNN_TYPE_INT64, 1,
                                             &one, &out->workspace_bytes) &&
                       out->workspace_bytes <= WORKSPACE_MAX && (out->json = serialise(cudnn, plan));
    kt_cudnn_pool_fini(&pool);
    return built;
}

// The proposals of one mode of the heuristics, until one is taken.
static bool
choose_engine(kt_cudnn_pool_t *pool, void *graph, void *device, int mode, bool tf32, kt_cudnn_plan_t *out)
{
    const kt_cudnn_t *cudnn              = pool->cudnn;
    void             *configs[PROPOSALS] = {0};
    int64_t           n = 0, made = 0;
    bool              found      = false;
    void             *heuristics = kt_cudnn_new(pool, KT_CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    kt_cudnn_set(pool, heuristics, KT_CUDNN_ATTR_ENGINEHEUR_MODE, KT_CUDNN_TYPE_HEUR_MODE, 1, &mode);
    kt_cudnn_set_descriptor(pool, heuristics, KT_CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
    kt_cudnn_set_descriptor(pool, heuristics, KT_CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, device);
    kt_cudnn_finalize(pool, heuristics, "the choice of an engine");
    if (pool->status)
        return false;
    while (made < PROPOSALS && !cudnn->descriptor_create(KT_CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &configs[made]))
        made++;
    if (cudnn->get_attribute(heuristics, KT_CUDNN_ATTR_ENGINEHEUR_RESULTS, KT_CUDNN_TYPE_BACKEND_DESCRIPTOR, made, &n,
                             configs))
        n = 0;
    for (int64_t i = 0; i < n && i < made && !found; i++) {
        out->offered++;
        found = is_engine_allowed(cudnn, configs[i], tf32, &out->engine) && build_plan(cudnn, configs[i], device, out);
    }
    while (made > 0)
        (void)cudnn->descriptor_destroy(configs[--made]);
    return found;
}

static kt_err_t
plan_new(kt_cudnn_plan_t *out, const kt_cudnn_op_t *op, const kt_cudnn_plan_opts_t *opts, char why[KT_CUDNN_WHY])
{
    static const int MODES[] = {KT_CUDNN_HEUR_MODE_A, KT_CUDNN_HEUR_MODE_FALLBACK};
    kt_cudnn_pool_t  pool    = {.cudnn = opts->cudnn};
    bool             found   = false;
    void            *graph   = kt_cudnn_describe(&pool, op);
    void            *device  = describe_device(&pool, opts->device);
    for (size_t i = 0; i < sizeof MODES / sizeof *MODES && !found && !pool.status; i++)
        found = choose_engine(&pool, graph, device, MODES[i], opts->tf32, out);
    const kt_err_t err = found         ? KT_OK
                         : pool.status ? explain(&pool, why)
                                       : kt_text_explain(why, KT_CUDNN_WHY, KT_ENOTFOUND,
                                                         "none of the %zu engines that cuDNN offers is "
                                                         "allowed",
                                                         out->offered);
    kt_cudnn_pool_fini(&pool);
    return err;
}

// Whether cuDNN still takes a stored plan.
static bool
is_usable(const kt_cudnn_plan_t *plan, const kt_cudnn_plan_opts_t *opts)
{
    kt_cudnn_pool_t pool = {.cudnn = opts->cudnn};
    const bool      out  = kt_cudnn_plan_load(&pool, plan->json, opts->device) != NULL;
    kt_cudnn_pool_fini(&pool);
    return out;
}

kt_err_t
kt_cudnn_plan_get(kt_cudnn_plan_t *out, const kt_cudnn_op_t *op, const kt_cudnn_plan_opts_t *opts,
                  char why[KT_CUDNN_WHY])
{
    kt_cudnn_plan_t plan = {0};
    kt_buf_t        key;
    kt_buf_init(&key, KT_CUDNN_PLAN_MAX);
    kt_cudnn_op_text(op, &key);
    kt_buf_fmt(&key, " %s sm %d processors %d cudnn %zu", opts->tf32 ? "tf32" : "fp32", opts->device->architecture,
               opts->device->multiprocessors, opts->cudnn->version());
    kt_err_t err = key.err;
    if (err)
        goto done;
    if (opts->folder && kt_plan_store_read(opts->folder, key.bytes, &plan) && is_usable(&plan, opts)) {
        plan.stored = true;
    } else {
        kt_cudnn_plan_fini(&plan);
        if ((err = plan_new(&plan, op, opts, why)))
            goto done;
        if (opts->folder)
            plan.store_err = kt_plan_store_write(opts->folder, key.bytes, &plan);
    }
done:
    if (err == KT_ENOMEM)
        (void)kt_text_explain(why, KT_CUDNN_WHY, err, "%s", kt_err_text(err));
    if (err)
        kt_cudnn_plan_fini(&plan);
    else
        *out = plan;
    kt_buf_fini(&key);
    return err;
}

void
kt_cudnn_plan_fini(kt_cudnn_plan_t *self)
{
    free(self->json);
    *self = (kt_cudnn_plan_t){0};
}
