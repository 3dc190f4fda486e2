#include "node/video/quality/brisque.h"

#include "common/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MODEL "quality_assessor"
#define OUTPUT "score"

enum {
    SIDE  = 1280,     // of a larger picture the middle of this size is looked at
    ARENA = 1 << 16,  // of the regression: rows of its vectors
};

struct kt_quality_model {
    const kt_model_entry_t *entry;
    kt_model_scratch_t     *scratch;
    kt_brisque_t           *brisque;
    size_t                  score;  // among the outputs of the graph
    float                   out[KT_GRAPH_OUTPUTS];
};

// Each output of the graph has one value.
static bool
has_one_value_each(const kt_graph_t *graph)
{
    char           why[KT_KTM_WHY];
    int64_t        sizes[KT_FREE_DIMS];
    const int     *outputs;
    const size_t   n      = kt_graph_outputs(graph, &outputs);
    kt_shape_of_t *shapes = calloc(kt_graph_values(graph), sizeof *shapes);
    kt_graph_smallest(graph, sizes);
    bool good = shapes && kt_graph_shapes(graph, sizes, shapes, why) == KT_OK;
    for (size_t i = 0; i < n && good; i++)
        good = kt_shape_count(&shapes[outputs[i]]) == 1;
    free(shapes);
    return good;
}

// Index of the score among the graph's outputs; -1: there is none.
static int
find_score(const kt_model_t *model)
{
    const kt_model_output_t *outputs;
    const size_t             n = kt_model_outputs(model, &outputs);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(outputs[i].name, OUTPUT))
            return outputs[i].output;
    return -1;
}

static const kt_model_entry_t *
find_model(const kt_video_stream_t *stream, char why[KT_QUALITY_WHY])
{
    const kt_model_entry_t *entry = stream->models ? kt_model_set_find(stream->models, MODEL) : NULL;
    if (!(stream->options & KT_OPTION_MODELS))
        (void)kt_text_explain(why, KT_QUALITY_WHY, KT_ENOTFOUND, "use_models is false");
    else if (!stream->models)
        (void)kt_text_explain(why, KT_QUALITY_WHY, KT_ENOTFOUND, "%s",
                              stream->models_absent ? stream->models_absent : "no models");
    else if (!entry)
        (void)kt_text_explain(why, KT_QUALITY_WHY, KT_ENOTFOUND, "model " MODEL " is not installed: ops/models fetch");
    else if (!entry->model)
        (void)kt_text_explain(why, KT_QUALITY_WHY, KT_EMODEL, "model " MODEL ": %.120s", entry->why);
    else if (kt_model_kind(entry->model) != KT_MODEL_FEATURES || find_score(entry->model) < 0 ||
             !has_one_value_each(kt_model_graph(entry->model)))
        (void)kt_text_explain(why, KT_QUALITY_WHY, KT_EMODEL,
                              "model " MODEL ": it gives no " OUTPUT " of the features of a picture");
    else
        return entry;
    return NULL;
}

kt_err_t
kt_quality_model_new(kt_quality_model_t **self_p, const kt_video_stream_t *stream, char why[KT_QUALITY_WHY])
{
    kt_err_t            err       = KT_ENOMEM;
    kt_quality_model_t *self      = NULL;
    why[0]                        = '\0';
    const kt_model_entry_t *entry = find_model(stream, why);
    if (!entry)
        return KT_OK;
    if (!(self = calloc(1, sizeof *self)))
        goto fail;
    self->entry = entry;
    self->score = (size_t)find_score(entry->model);
    if ((err = kt_model_scratch_new(&self->scratch, entry->model)) ||
        (err = kt_brisque_new(&self->brisque, kt_device_isa(stream->device))))
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_quality_model_destroy(&self);
    return err;
}

void
kt_quality_model_destroy(kt_quality_model_t **self_p)
{
    kt_quality_model_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    kt_brisque_destroy(&self->brisque);
    kt_model_scratch_destroy(&self->scratch);
    free(self);
}

kt_err_t
kt_quality_model_run(kt_quality_model_t *self, const kt_plane_t *plane, double *out)
{
    const uint32_t  width  = plane->width < SIDE ? plane->width : SIDE;
    const uint32_t  height = plane->height < SIDE ? plane->height : SIDE;
    const size_t    left = (plane->width - width) / 2, top = (plane->height - height) / 2;
    const kt_luma_t luma = {.y      = plane->at + top * plane->stride + left,
                            .width  = width,
                            .height = height,
                            .stride = plane->stride,
                            .black  = plane->gain > 1 ? 16 : 0,
                            .gain   = (float)plane->gain};
    int64_t         sizes[KT_FREE_DIMS];
    float           features[KT_BRISQUE_FEATURES], *outputs[KT_GRAPH_OUTPUTS];
    const float    *input = features;
    kt_err_t        err   = kt_brisque_compute(self->brisque, &luma, features);
    *out                  = NAN;
    if (err)
        return err == KT_EINVAL ? KT_OK : err;
    for (size_t i = 0; i < KT_GRAPH_OUTPUTS; i++)
        outputs[i] = &self->out[i];
    kt_graph_smallest(kt_model_graph(self->entry->model), sizes);
    if ((err = kt_model_run(self->scratch, sizes, &input, outputs)))
        return err;
    *out = (double)self->out[self->score];
    return KT_OK;
}

const kt_model_entry_t *
kt_quality_model_entry(const kt_quality_model_t *self)
{
    return self->entry;
}

uint64_t
kt_quality_model_bytes(uint32_t width, uint32_t height)
{
    return kt_brisque_bytes(width < SIDE ? width : SIDE, height < SIDE ? height : SIDE) + ARENA;
}
