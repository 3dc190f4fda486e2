#include "models/model.h"

#include "common/json.h"
#include "lib/parts.h"

#include <stdlib.h>
#include <string.h>

struct kithara_model {
    kt_model_t         *model;
    kt_model_scratch_t *scratch;
};

// The executors by name; the first is the default.
static const struct executor {
    const char     *name;
    kt_model_opts_t opts;
} EXECUTORS[] = {
    {"cpu", {.backend = &kt_backend_cpu}},
    {"cpu-int8", {.backend = &kt_backend_cpu, .exec = {.int8 = true}}},
    {"ref", {.backend = &kt_backend_ref}},
};

static const struct executor *
executor_find(const char *name)
{
    for (size_t i = 0; i < sizeof EXECUTORS / sizeof *EXECUTORS; i++)
        if (!name || strcmp(name, EXECUTORS[i].name) == 0)
            return &EXECUTORS[i];
    return NULL;
}

int
kithara_model_open(kithara_model_t **out, const char *path, const char *executor)
{
    char                   why[KT_KTM_WHY] = "";
    const struct executor *chosen          = executor_find(executor);
    if (!chosen)
        return kt_lib_fail(KT_EINVAL, "%s is no executor: cpu, cpu-int8, ref", executor);
    kithara_model_t *self = calloc(1, sizeof *self);
    if (!self)
        return kt_lib_fail(KT_ENOMEM, NULL);
    kt_err_t err = kt_model_open(&self->model, path, &chosen->opts, why);
    if (!err)
        err = kt_model_scratch_new(&self->scratch, self->model);
    if (err)
        goto fail;
    *out = self;
    return KITHARA_OK;
fail:
    kithara_model_close(&self);
    return kt_lib_fail(err, "%s%s%s", path, why[0] ? ": " : "", why);
}

void
kithara_model_close(kithara_model_t **self_p)
{
    kithara_model_t *self = *self_p;
    if (!self)
        return;
    kt_model_scratch_destroy(&self->scratch);
    kt_model_destroy(&self->model);
    free(self);
    *self_p = NULL;
}

// The header without the nodes and tensors of the graph.
static json_t *
describe(const kt_ktm_t *file, const char *digest)
{
    static const char *const MEMBERS[] = {"name",  "version", "licence", "attribution", "source",
                                          "input", "free",    "outputs", "accuracy",    "notes"};
    const json_t            *header = kt_ktm_header(file), *graph = kt_json_get(header, "graph");
    json_t                  *info = kt_json_object();
    bool                     good = info != NULL;
    for (size_t i = 0; i < sizeof MEMBERS / sizeof *MEMBERS && good; i++) {
        const json_t *value = kt_json_get(header, MEMBERS[i]);
        good                = !value || kt_json_set(info, MEMBERS[i], kt_json_copy(value));
    }
    good = good && kt_json_set(info, "graph_inputs", kt_json_copy(kt_json_get(graph, "inputs"))) &&
           kt_json_set(info, "graph_outputs", kt_json_copy(kt_json_get(graph, "outputs"))) &&
           kt_json_set(info, "bytes", kt_json_int((int64_t)kt_ktm_bytes(file))) &&
           kt_json_set(info, "sha256", kt_json_text(digest));
    if (!good)
        kt_json_free(&info);
    return info;
}

int
kithara_model_info(const kithara_model_t *self, char **info)
{
    const kt_ktm_t *file = kt_model_file(self->model);
    kt_digest_t     digest;
    char            hex[KT_DIGEST_HEX];
    kt_buf_t        text;
    kt_err_t        err = kt_ktm_digest(file, &digest);
    if (err)
        return kt_lib_fail(err, NULL);
    json_t *described = describe(file, kt_digest_hex(&digest, hex));
    kt_buf_init(&text, 2 * KT_KTM_HEADER);
    if (described)
        kt_json_write(described, &text);
    char *out = described ? kt_buf_take(&text, NULL) : NULL;
    kt_json_free(&described);
    kt_buf_fini(&text);
    if (!out)
        return kt_lib_fail(KT_ENOMEM, NULL);
    *info = out;
    return KITHARA_OK;
}

size_t
kithara_model_inputs(const kithara_model_t *self)
{
    const int *values;
    return kt_graph_inputs(kt_model_graph(self->model), &values);
}

size_t
kithara_model_outputs(const kithara_model_t *self)
{
    const int *values;
    return kt_graph_outputs(kt_model_graph(self->model), &values);
}

static int
shape_of(const kithara_model_t *self, const int64_t *sizes, int value, int64_t *dims)
{
    const kt_graph_t *graph           = kt_model_graph(self->model);
    char              why[KT_KTM_WHY] = "";
    kt_shape_of_t    *shapes          = calloc(kt_graph_values(graph), sizeof *shapes);
    if (!shapes)
        return kt_lib_fail(KT_ENOMEM, NULL);
    kt_err_t err  = kt_graph_shapes(graph, sizes, shapes, why);
    int      rank = shapes[value].rank;
    if (!err)
        memcpy(dims, shapes[value].dims, (size_t)rank * sizeof *dims);
    free(shapes);
    return err ? kt_lib_fail(err, "%s", why) : rank;
}

int
kithara_model_input_shape(const kithara_model_t *self, const int64_t sizes[KITHARA_FREE_DIMS], size_t index,
                          int64_t dims[KITHARA_RANK])
{
    const int *values;
    if (index >= kt_graph_inputs(kt_model_graph(self->model), &values))
        return kt_lib_fail(KT_EINVAL, "the model has no input %zu", index);
    return shape_of(self, sizes, values[index], dims);
}

int
kithara_model_output_shape(const kithara_model_t *self, const int64_t sizes[KITHARA_FREE_DIMS], size_t index,
                           int64_t dims[KITHARA_RANK])
{
    const int *values;
    if (index >= kt_graph_outputs(kt_model_graph(self->model), &values))
        return kt_lib_fail(KT_EINVAL, "the model has no output %zu", index);
    return shape_of(self, sizes, values[index], dims);
}

int
kithara_model_run(kithara_model_t *self, const int64_t sizes[KITHARA_FREE_DIMS], const float *const *inputs,
                  float *const *outputs)
{
    kt_err_t err = kt_model_run(self->scratch, sizes, inputs, outputs);
    return err ? kt_lib_fail(err, NULL) : KITHARA_OK;
}
