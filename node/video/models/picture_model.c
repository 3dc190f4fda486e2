#include "node/video/models/picture_model.h"

#include "common/text.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

typedef struct buffer {
    float *values;
    size_t count;
} buffer_t;

struct kt_picture_model {
    const kt_model_entry_t  *entry;
    kt_model_scratch_t      *scratch;
    const kt_model_output_t *wanted[KT_PICTURE_OUTPUTS];
    size_t                   n_wanted;
    int                      height, width;  // index among the free dimensions; -1: not free
    kt_shape_of_t           *shapes;         // [values of the graph]
    buffer_t                 input, outputs[KT_GRAPH_OUTPUTS];
};

const kt_model_entry_t *
kt_picture_model_find(const kt_model_set_t *set, const char *name, kt_model_kind_t kind, char why[KT_PICTURE_WHY])
{
    static const char *const TAKES[] = {
        [KT_MODEL_IMAGE] = "single pictures", [KT_MODEL_FRAMES] = "consecutive pictures"};
    const kt_model_entry_t *entry = kt_model_set_find(set, name);
    const int              *values;
    why[0] = '\0';
    if (!entry)
        (void)!kt_text_explain(why, KT_PICTURE_WHY, KT_ENOTFOUND, "model %s is not installed: ops/models fetch", name);
    else if (!entry->model)
        (void)!kt_text_explain(why, KT_PICTURE_WHY, KT_EMODEL, "model %s: %.120s", name, entry->why);
    else if (kt_model_kind(entry->model) != kind || kt_graph_inputs(kt_model_graph(entry->model), &values) != 1)
        (void)!kt_text_explain(why, KT_PICTURE_WHY, KT_EMODEL, "model %s: it is no model of %s", name, TAKES[kind]);
    return why[0] ? NULL : entry;
}

bool
kt_picture_model_any(const kt_model_set_t *set, kt_model_kind_t kind)
{
    for (size_t i = 0; set && i < kt_model_set_count(set); i++) {
        const kt_model_entry_t *entry = kt_model_set_at(set, i);
        if (entry->model && kt_model_kind(entry->model) == kind)
            return true;
    }
    return false;
}

int
kt_picture_model_free(const kt_graph_t *graph, const char *name)
{
    const kt_free_dim_t *dims;
    const size_t         n = kt_graph_free(graph, &dims);
    for (size_t i = 1; i < n; i++)
        if (!strcmp(dims[i].name, name))
            return (int)i;
    return -1;
}

kt_err_t
kt_picture_model_new(kt_picture_model_t **self_p, const kt_model_set_t *set, const char *name, const char *const *names,
                     char why[KT_PICTURE_WHY])
{
    kt_err_t                err   = KT_ENOMEM;
    kt_picture_model_t     *self  = NULL;
    const kt_model_entry_t *entry = kt_picture_model_find(set, name, KT_MODEL_IMAGE, why);
    if (!entry)
        return KT_OK;
    const kt_graph_t *graph = kt_model_graph(entry->model);
    if (!(self = calloc(1, sizeof *self)))
        goto fail;
    self->entry  = entry;
    self->height = kt_picture_model_free(graph, "H");
    self->width  = kt_picture_model_free(graph, "W");
    for (; names[self->n_wanted]; self->n_wanted++)
        if (!(self->wanted[self->n_wanted] = kt_model_output_find(entry->model, names[self->n_wanted]))) {
            err = kt_text_explain(why, KT_PICTURE_WHY, KT_EMODEL, "model %s: it has no output %s", name,
                                  names[self->n_wanted]);
            goto fail;
        }
    if (!(self->shapes = calloc(kt_graph_values(graph), sizeof *self->shapes)) ||
        (err = kt_model_scratch_new(&self->scratch, entry->model)))
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_picture_model_destroy(&self);
    return err == KT_EMODEL ? KT_OK : err;
}

void
kt_picture_model_destroy(kt_picture_model_t **self_p)
{
    kt_picture_model_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    kt_model_scratch_destroy(&self->scratch);
    for (size_t i = 0; i < KT_GRAPH_OUTPUTS; i++)
        free(self->outputs[i].values);
    free(self->input.values);
    free(self->shapes);
    free(self);
}

static kt_err_t
reserve(buffer_t *buffer, size_t count)
{
    if (count <= buffer->count)
        return KT_OK;
    float *values = aligned_alloc(ALIGN, (count * sizeof *values + ALIGN - 1) / ALIGN * ALIGN);
    if (!values)
        return KT_ENOMEM;
    free(buffer->values);
    *buffer = (buffer_t){values, count};
    return KT_OK;
}

void
kt_picture_model_size(const kt_picture_model_t *self, const kt_picture_t *picture, int64_t *h, int64_t *w)
{
    kt_image_input_size(kt_model_image(self->entry->model), picture->width, picture->height, h, w);
}

// Shapes and memory for a picture. The sizes that the preprocessing gives must be those of the graph's input.
static kt_err_t
prepare(kt_picture_model_t *self, const kt_picture_t *picture, int64_t sizes[KT_FREE_DIMS])
{
    const kt_graph_t *graph = kt_model_graph(self->entry->model);
    const int        *inputs, *outputs;
    char              why[KT_KTM_WHY];
    int64_t           h, w;
    kt_picture_model_size(self, picture, &h, &w);
    kt_graph_smallest(graph, sizes);
    if (self->height >= 0)
        sizes[self->height] = h;
    if (self->width >= 0)
        sizes[self->width] = w;
    kt_err_t err = kt_graph_shapes(graph, sizes, self->shapes, why);
    if (err)
        return err;
    (void)kt_graph_inputs(graph, &inputs);
    const kt_shape_of_t *shape = &self->shapes[inputs[0]];
    if (shape->rank != 4 || shape->dims[0] != 1 || shape->dims[1] != 3 || shape->dims[2] != h || shape->dims[3] != w)
        return KT_EMODEL;
    err            = reserve(&self->input, (size_t)kt_shape_count(shape));
    const size_t n = kt_graph_outputs(graph, &outputs);
    for (size_t i = 0; i < n && !err; i++)
        err = reserve(&self->outputs[i], (size_t)kt_shape_count(&self->shapes[outputs[i]]));
    return err;
}

kt_err_t
kt_picture_model_run(kt_picture_model_t *self, const kt_picture_t *picture, kt_picture_output_t *outputs)
{
    const kt_model_t *model = self->entry->model;
    int64_t           sizes[KT_FREE_DIMS];
    float            *out[KT_GRAPH_OUTPUTS];
    const int        *values;
    kt_err_t          err = prepare(self, picture, sizes);
    if (err || (err = kt_image_input_place(kt_model_image(model), picture, self->input.values)))
        return err;
    for (size_t i = 0; i < KT_GRAPH_OUTPUTS; i++)
        out[i] = self->outputs[i].values;
    const float *in = self->input.values;
    if ((err = kt_model_run(self->scratch, sizes, &in, out)))
        return err;
    (void)kt_graph_outputs(kt_model_graph(model), &values);
    for (size_t i = 0; i < self->n_wanted; i++) {
        const int at = self->wanted[i]->output;
        outputs[i]   = (kt_picture_output_t){self->outputs[at].values, self->shapes[values[at]]};
    }
    return KT_OK;
}

const kt_model_entry_t *
kt_picture_model_entry(const kt_picture_model_t *self)
{
    return self->entry;
}

const kt_model_output_t *
kt_picture_model_output(const kt_picture_model_t *self, size_t index)
{
    return self->wanted[index];
}
