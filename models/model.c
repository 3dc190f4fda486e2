#include "models/model.h"

#include "common/text.h"
#include "models/outputs.h"
#include "models/prepared.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

struct kt_model {
    kt_ktm_t           *file;
    kt_graph_t         *graph, *fused;
    kt_outputs_t       *outputs;
    kt_audio_input_t   *audio;
    kt_image_input_t   *image;
    kt_prepared_t      *prepared;
    const kt_backend_t *backend;
    kt_model_kind_t     kind;
};

struct kt_model_scratch {
    kt_model_t *model;
    void       *arena;
    size_t      arena_bytes;
};

static kt_err_t
read_kind(kt_model_t *self, char why[KT_KTM_WHY])
{
    static const char *const kinds[] = {[KT_MODEL_AUDIO]    = "audio",
                                        [KT_MODEL_IMAGE]    = "image",
                                        [KT_MODEL_FRAMES]   = "frames",
                                        [KT_MODEL_OUTPUTS]  = "outputs",
                                        [KT_MODEL_FEATURES] = "picture_features"};
    const char              *text    = kt_json_str(kt_json_get(kt_ktm_header(self->file), "input"), "kind", "");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i], text) == 0) {
            self->kind = (kt_model_kind_t)i;
            return KT_OK;
        }
    return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL,
                           "input: kind is not audio, image, frames, outputs or picture_features");
}

// The graph has one input of as many values.
static kt_err_t
read_features(const kt_model_t *self, char why[KT_KTM_WHY])
{
    const kt_graph_t          *graph = self->graph;
    kt_picture_features_kind_t kind;
    int64_t                    sizes[KT_FREE_DIMS];
    const int                 *inputs;
    kt_err_t                   err = kt_picture_features_read(&kind, self->file, why);
    if (err)
        return err;
    kt_shape_of_t *shapes = calloc(kt_graph_values(graph), sizeof *shapes);
    if (!shapes)
        return KT_ENOMEM;
    kt_graph_smallest(graph, sizes);
    if (!(err = kt_graph_shapes(graph, sizes, shapes, why))) {
        const size_t         n     = kt_graph_inputs(graph, &inputs);
        const kt_shape_of_t *shape = &shapes[inputs[0]];
        if (n != 1 || shape->rank != 2 || shape->dims[1] != KT_BRISQUE_FEATURES)
            err = kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "the graph's input is not [N, %d], as input says",
                                  KT_BRISQUE_FEATURES);
    }
    free(shapes);
    return err;
}

static kt_err_t
read_input(kt_model_t *self, char why[KT_KTM_WHY])
{
    switch (self->kind) {
    case KT_MODEL_AUDIO: return kt_audio_input_new(&self->audio, self->file, why);
    case KT_MODEL_IMAGE:
    case KT_MODEL_FRAMES: return kt_image_input_new(&self->image, self->file, why);
    case KT_MODEL_FEATURES: return read_features(self, why);
    default: return KT_OK;
    }
}

kt_err_t
kt_model_open(kt_model_t **self_p, const char *path, const kt_model_opts_t *opts, char why[KT_KTM_WHY])
{
    static const kt_model_opts_t none = {0};
    kt_err_t                     err  = KT_ENOMEM;
    kt_model_t                  *self = calloc(1, sizeof *self);
    opts                              = opts ? opts : &none;
    if (!self)
        goto fail;
    self->backend = opts->backend ? opts->backend : &kt_backend_cpu;
    if ((err = kt_ktm_open(&self->file, path, why)) || (err = read_kind(self, why)) ||
        (err = kt_graph_new(&self->graph, self->file, why)) || (err = read_input(self, why)) ||
        (err = kt_outputs_new(&self->outputs, self->file, self->graph, why)) ||
        (err = kt_graph_fuse(&self->fused, self->graph)) ||
        (err = kt_prepared_new(&self->prepared, self->fused, self->backend, &opts->exec)))
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    if (err == KT_ENOMEM)
        (void)kt_text_explain(why, KT_KTM_WHY, err, "%s", kt_err_text(err));
    kt_model_destroy(&self);
    return err;
}

void
kt_model_destroy(kt_model_t **self_p)
{
    kt_model_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    kt_prepared_destroy(&self->prepared);
    kt_outputs_destroy(&self->outputs);
    kt_audio_input_destroy(&self->audio);
    kt_image_input_destroy(&self->image);
    kt_graph_destroy(&self->fused);
    kt_graph_destroy(&self->graph);
    kt_ktm_destroy(&self->file);
    free(self);
}

const kt_ktm_t *
kt_model_file(const kt_model_t *self)
{
    return self->file;
}

const kt_graph_t *
kt_model_graph(const kt_model_t *self)
{
    return self->graph;
}

kt_model_kind_t
kt_model_kind(const kt_model_t *self)
{
    return self->kind;
}

const kt_audio_input_t *
kt_model_audio(const kt_model_t *self)
{
    return self->audio;
}

const kt_image_input_t *
kt_model_image(const kt_model_t *self)
{
    return self->image;
}

size_t
kt_model_outputs(const kt_model_t *self, const kt_model_output_t **outputs)
{
    return kt_outputs_list(self->outputs, outputs);
}

const kt_model_output_t *
kt_model_output_find(const kt_model_t *self, const char *name)
{
    const kt_model_output_t *outputs;
    const size_t             n = kt_model_outputs(self, &outputs);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(outputs[i].name, name))
            return &outputs[i];
    return NULL;
}

const kt_backend_t *
kt_model_backend(const kt_model_t *self)
{
    return self->backend;
}

// The executor for these sizes. *items: how many runs of it make the N of the sizes.
static kt_err_t
hold(kt_model_t *self, const int64_t sizes[KT_FREE_DIMS], kt_prepared_entry_t **entry, int64_t *items)
{
    char                 why[KT_KTM_WHY];
    const kt_free_dim_t *dims;
    int64_t              one[KT_FREE_DIMS];
    (void)kt_graph_free(self->fused, &dims);
    if (sizes[0] < dims[0].min || sizes[0] > dims[0].max)
        return KT_EINVAL;
    memcpy(one, sizes, sizeof one);
    one[0] = self->backend->batched ? sizes[0] : 1;
    *items = sizes[0] / one[0];
    return kt_prepared_hold(self->prepared, one, entry, why);
}

kt_err_t
kt_model_memory(kt_model_t *self, const int64_t sizes[KT_FREE_DIMS], size_t *arena_bytes, size_t *packed_bytes)
{
    kt_prepared_entry_t *entry = NULL;
    int64_t              items;
    kt_err_t             err = hold(self, sizes, &entry, &items);
    if (err)
        return err;
    *arena_bytes  = entry->exec->arena_bytes;
    *packed_bytes = entry->exec->packed_bytes;
    kt_prepared_release(self->prepared, &entry);
    return KT_OK;
}

bool
kt_model_int8(const kt_model_t *self)
{
    return kt_prepared_int8(self->prepared);
}

kt_err_t
kt_model_scratch_new(kt_model_scratch_t **self_p, kt_model_t *model)
{
    kt_model_scratch_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->model = model;
    *self_p     = self;
    return KT_OK;
}

void
kt_model_scratch_destroy(kt_model_scratch_t **self_p)
{
    kt_model_scratch_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    free(self->arena);
    free(self);
}

static kt_err_t
reserve_arena(kt_model_scratch_t *self, size_t bytes)
{
    if (bytes <= self->arena_bytes)
        return KT_OK;
    void *arena = aligned_alloc(ALIGN, (bytes + ALIGN - 1) / ALIGN * ALIGN);
    if (!arena)
        return KT_ENOMEM;
    free(self->arena);
    self->arena       = arena;
    self->arena_bytes = bytes;
    return KT_OK;
}

kt_err_t
kt_model_run(kt_model_scratch_t *self, const int64_t sizes[KT_FREE_DIMS], const float *const *inputs,
             float *const *outputs)
{
    kt_prepared_entry_t *entry = NULL;
    const int           *values;
    int64_t              items;
    kt_err_t             err = hold(self->model, sizes, &entry, &items);
    if (err || (err = reserve_arena(self, entry->exec->arena_bytes)))
        goto done;
    size_t n_in = kt_graph_inputs(self->model->fused, &values), n_out = kt_graph_outputs(self->model->fused, &values);
    const float *in[KT_GRAPH_INPUTS];
    float       *out[KT_GRAPH_OUTPUTS];
    memcpy(in, inputs, n_in * sizeof *in);
    memcpy(out, outputs, n_out * sizeof *out);
    for (int64_t i = 0; i < items && !err; i++) {
        err = kt_exec_run(entry->exec, self->arena, in, out);
        for (size_t k = 0; k < n_in; k++)
            in[k] += entry->inputs[k];
        for (size_t k = 0; k < n_out; k++)
            out[k] += entry->outputs[k];
    }
done:
    kt_prepared_release(self->model->prepared, &entry);
    return err;
}
