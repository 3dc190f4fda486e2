#include "coordinator/cli/models/runner.h"

#include "common/text.h"
#include "models/input/blocks.h"

#include <stdlib.h>
#include <string.h>

// The graph's inputs and outputs for one set of sizes.
typedef struct run {
    kt_model_t         *model;
    kt_model_scratch_t *scratch;
    const kt_graph_t   *graph;
    const int          *in, *out;           // values
    size_t              n_in, n_out, main;  // main: the input that is no state
    kt_tensor_t         inputs[KT_GRAPH_INPUTS], outputs[KT_GRAPH_OUTPUTS];
} run_t;

// --- the model's input

static kt_err_t
prepare_rows(const kt_model_t *model, const kt_settings_t *settings, const char *path, kt_tensor_t *out,
             char why[KT_TENSOR_WHY])
{
    const kt_audio_input_t *input   = kt_model_audio(model);
    kt_audio_rows_t        *rows    = NULL;
    kt_tensor_t             samples = {0}, values = {0};
    const int64_t           width = (int64_t)kt_audio_input_width(input);
    kt_err_t                err   = kt_media_samples(&samples, settings, path, kt_audio_input_rate(input), why);
    if (!err)
        err = kt_audio_rows_new(&rows, input, kt_isa(settings->isa));
    if (!err) {
        const int64_t room = (int64_t)(kt_audio_rows_room(rows, samples.count) + kt_audio_rows_room(rows, 0));
        err                = kt_tensor_new(&values, 2, (const int64_t[]){room, width});
    }
    if (!err) {
        size_t n = kt_audio_rows_push(rows, samples.values, samples.count, values.values);
        n += kt_audio_rows_finish(rows, values.values + n * (size_t)width);
        values.dims[0] = (int64_t)n;
        values.count   = n * (size_t)width;
        if (n == 0)
            err = kt_text_explain(why, KT_TENSOR_WHY, KT_EINVAL, "the audio is shorter than a frame");
    }
    if (err)
        kt_tensor_fini(&values);
    else
        *out = values;
    kt_audio_rows_destroy(&rows);
    kt_tensor_fini(&samples);
    return err;
}

static kt_err_t
prepare_picture(const kt_model_t *model, const char *path, kt_tensor_t *out, char why[KT_TENSOR_WHY])
{
    kt_picture_t picture = {0};
    kt_tensor_t  values  = {0};
    int64_t      h = 0, w = 0;
    kt_err_t     err = kt_media_picture(&picture, path, why);
    if (!err) {
        kt_image_input_size(kt_model_image(model), picture.width, picture.height, &h, &w);
        err = kt_tensor_new(&values, 4, (const int64_t[]){1, 3, h, w});
    }
    if (!err)
        err = kt_image_input_place(kt_model_image(model), &picture, values.values);
    if (err)
        kt_tensor_fini(&values);
    else
        *out = values;
    free((void *)picture.rgb);
    return err;
}

static kt_err_t
prepare_features(const kt_settings_t *settings, const char *path, kt_tensor_t *out, char why[KT_TENSOR_WHY])
{
    kt_picture_t  picture = {0};
    kt_tensor_t   values  = {0};
    kt_brisque_t *brisque = NULL;
    uint8_t      *luma    = NULL;
    kt_err_t      err     = kt_media_picture(&picture, path, why);
    if (!err)
        err = kt_tensor_new(&values, 2, (const int64_t[]){1, KT_BRISQUE_FEATURES});
    if (!err)
        err = kt_brisque_new(&brisque, kt_isa(settings->isa));
    if (!err && !(luma = malloc((size_t)picture.width * picture.height)))
        err = KT_ENOMEM;
    for (size_t y = 0; !err && y < picture.height; y++)
        for (size_t x = 0; x < picture.width; x++) {
            const uint8_t *p            = picture.rgb + y * picture.stride + 3 * x;
            luma[y * picture.width + x] = (uint8_t)((299 * p[0] + 587 * p[1] + 114 * p[2] + 500) / 1000);
        }
    const kt_luma_t in = {luma, picture.width, picture.height, picture.width, 0, 1};
    if (!err && (err = kt_brisque_compute(brisque, &in, values.values)) == KT_EINVAL)
        err = kt_text_explain(why, KT_TENSOR_WHY, err, "the picture is too small or uniform");
    if (err)
        kt_tensor_fini(&values);
    else
        *out = values;
    free(luma);
    kt_brisque_destroy(&brisque);
    free((void *)picture.rgb);
    return err;
}

kt_err_t
kt_models_prepare(const kt_model_t *model, const kt_settings_t *settings, const char *path, kt_tensor_t *out,
                  char why[KT_TENSOR_WHY])
{
    switch (kt_model_kind(model)) {
    case KT_MODEL_AUDIO: return prepare_rows(model, settings, path, out, why);
    case KT_MODEL_IMAGE: return prepare_picture(model, path, out, why);
    case KT_MODEL_FEATURES: return prepare_features(settings, path, out, why);
    default:
        return kt_text_explain(why, KT_TENSOR_WHY, KT_EINVAL,
                               "its input is not one audio file or picture: use --input");
    }
}

// --- a run

static const char *
name_of(const run_t *self, const int *values, size_t index)
{
    return kt_graph_value(self->graph, (size_t)values[index])->name;
}

static size_t
find_name(const run_t *self, const int *values, size_t n, const char *name)
{
    size_t i = 0;
    while (i < n && strcmp(name_of(self, values, i), name) != 0)
        i++;
    return i;
}

static kt_err_t
run_open(run_t *self, kt_model_t *model)
{
    *self                          = (run_t){.model = model, .graph = kt_model_graph(model)};
    self->n_in                     = kt_graph_inputs(self->graph, &self->in);
    self->n_out                    = kt_graph_outputs(self->graph, &self->out);
    const kt_audio_state_t *states = NULL;
    const size_t n_states          = kt_model_audio(model) ? kt_audio_input_states(kt_model_audio(model), &states) : 0;
    bool         state             = true;
    for (self->main = 0; state && self->main < self->n_in; self->main += state) {
        state = false;
        for (size_t i = 0; i < n_states; i++)
            state = state || strcmp(states[i].input, name_of(self, self->in, self->main)) == 0;
    }
    return kt_model_scratch_new(&self->scratch, model);
}

static void
run_close(run_t *self)
{
    kt_model_scratch_destroy(&self->scratch);
    for (size_t i = 0; i < KT_GRAPH_INPUTS; i++)
        kt_tensor_fini(&self->inputs[i]);
    for (size_t i = 0; i < KT_GRAPH_OUTPUTS; i++)
        kt_tensor_fini(&self->outputs[i]);
}

// Sizes of the free dimensions for a main input of these dimensions, from the shape in the file's header.
static kt_err_t
sizes_of(const run_t *self, int rank, const int64_t *dims, int64_t sizes[KT_FREE_DIMS], char why[KT_TENSOR_WHY])
{
    const kt_free_dim_t *named;
    const size_t         n     = kt_graph_free(self->graph, &named);
    const json_t        *graph = kt_json_get(kt_ktm_header(kt_model_file(self->model)), "graph");
    const json_t        *shape = kt_json_get(kt_json_at(kt_json_get(graph, "inputs"), self->main), "shape");
    for (size_t f = 0; f < KT_FREE_DIMS; f++)
        sizes[f] = f < n ? named[f].min : 0;
    if (kt_json_count(shape) != (size_t)rank)
        return kt_text_explain(why, KT_TENSOR_WHY, KT_EINVAL, "the model's input has %zu dimensions, not %d",
                               kt_json_count(shape), rank);
    for (int i = 0; i < rank; i++) {
        const char *name = kt_json_string(kt_json_at(shape, (size_t)i));
        int64_t     fixed;
        if (!name && kt_json_integer(kt_json_at(shape, (size_t)i), &fixed) && fixed != dims[i])
            return kt_text_explain(why, KT_TENSOR_WHY, KT_EINVAL, "dimension %d of the input is %lld, not %lld", i,
                                   (long long)fixed, (long long)dims[i]);
        for (size_t f = 0; name && f < n; f++)
            if (strcmp(named[f].name, name) == 0)
                sizes[f] = dims[i];
    }
    return KT_OK;
}

// Inputs that have not these dimensions are made anew, as zeros.
static kt_err_t
fit_tensors(run_t *self, const int64_t sizes[KT_FREE_DIMS], char why[KT_TENSOR_WHY])
{
    kt_shape_of_t *shapes = calloc(kt_graph_values(self->graph), sizeof *shapes);
    kt_err_t       err    = shapes ? kt_graph_shapes(self->graph, sizes, shapes, why) : KT_ENOMEM;
    for (size_t i = 0; !err && i < self->n_in + self->n_out; i++) {
        const size_t         k      = i < self->n_in ? i : i - self->n_in;
        kt_tensor_t         *tensor = i < self->n_in ? &self->inputs[k] : &self->outputs[k];
        const kt_shape_of_t *shape  = &shapes[i < self->n_in ? self->in[k] : self->out[k]];
        if (tensor->rank == shape->rank &&
            !memcmp(tensor->dims, shape->dims, (size_t)shape->rank * sizeof *shape->dims))
            continue;
        kt_tensor_fini(tensor);
        err = kt_tensor_new(tensor, shape->rank, shape->dims);
    }
    free(shapes);
    return err;
}

// Runs with what the inputs hold.
static kt_err_t
run_once(run_t *self, const int64_t sizes[KT_FREE_DIMS])
{
    const float *inputs[KT_GRAPH_INPUTS];
    float       *outputs[KT_GRAPH_OUTPUTS];
    for (size_t i = 0; i < self->n_in; i++)
        inputs[i] = self->inputs[i].values;
    for (size_t i = 0; i < self->n_out; i++)
        outputs[i] = self->outputs[i].values;
    return kt_model_run(self->scratch, sizes, inputs, outputs);
}

static void
carry_states(run_t *self)
{
    const kt_audio_state_t *states;
    const size_t            n = kt_audio_input_states(kt_model_audio(self->model), &states);
    for (size_t i = 0; i < n; i++) {
        const size_t from = find_name(self, self->out, self->n_out, states[i].output);
        const size_t to   = find_name(self, self->in, self->n_in, states[i].input);
        if (from < self->n_out && to < self->n_in && self->outputs[from].count == self->inputs[to].count)
            memcpy(self->inputs[to].values, self->outputs[from].values, self->inputs[to].count * sizeof(float));
    }
}

// What a block adds to a result.
static kt_err_t
collect(const run_t *self, const kt_block_t *block, kt_model_result_t *result, char why[KT_TENSOR_WHY])
{
    const kt_model_output_t *outputs;
    result->n    = kt_model_outputs(self->model, &outputs);
    kt_err_t err = KT_OK;
    for (size_t i = 0; !err && i < result->n; i++) {
        const kt_tensor_t *value = &self->outputs[outputs[i].output];
        if (outputs[i].per != KT_PER_FRAME || !block) {
            err = kt_tensor_append(&result->values[i], value->rank, value->dims, value->values);
            continue;
        }
        const int64_t rows = (int64_t)(block->before + block->rows + block->after);
        if (value->rank < 2 || value->dims[1] != rows)
            return kt_text_explain(why, KT_TENSOR_WHY, KT_EMODEL, "output %s has no row for each frame",
                                   outputs[i].name);
        int64_t dims[KT_KTM_RANK];
        memcpy(dims, value->dims + 1, sizeof dims - sizeof *dims);
        dims[0] = (int64_t)block->kept;
        err     = kt_tensor_append(&result->values[i], value->rank - 1, dims,
                                   value->values + block->own * (value->count / (size_t)rows));
    }
    return err;
}

kt_err_t
kt_models_run_input(kt_model_t *model, const kt_tensor_t *input, kt_model_result_t *out, char why[KT_TENSOR_WHY])
{
    run_t             self;
    int64_t           sizes[KT_FREE_DIMS];
    kt_model_result_t result = {0};
    kt_err_t          err    = run_open(&self, model);
    if (!err)
        err = sizes_of(&self, input->rank, input->dims, sizes, why);
    if (!err)
        err = fit_tensors(&self, sizes, why);
    if (!err) {
        memcpy(self.inputs[self.main].values, input->values, input->count * sizeof(float));
        err = run_once(&self, sizes);
    }
    if (!err)
        err = collect(&self, NULL, &result, why);
    if (err)
        kt_model_result_fini(&result);
    else
        *out = result;
    run_close(&self);
    return err;
}

static kt_err_t
run_block(run_t *self, const kt_tensor_t *rows, const kt_block_t *block, float *filled, char why[KT_TENSOR_WHY])
{
    const kt_audio_input_t *input = kt_model_audio(self->model);
    const kt_free_dim_t    *named;
    const int64_t           count               = (int64_t)(block->before + block->rows + block->after);
    int64_t                 sizes[KT_FREE_DIMS] = {1, count};
    if (kt_graph_free(self->graph, &named) > 2)
        return kt_text_explain(why, KT_TENSOR_WHY, KT_EINVAL, "more than one free dimension");
    if (kt_graph_free(self->graph, &named) < 2)
        sizes[1] = 0;
    kt_err_t err = fit_tensors(self, sizes, why);
    if (!err && self->inputs[self->main].count != (size_t)count * (size_t)rows->dims[1])
        err = kt_text_explain(why, KT_TENSOR_WHY, KT_EMODEL, "the graph's input is not a block of %lld rows",
                              (long long)count);
    if (err)
        return err;
    kt_block_fill(input, block, rows->values + block->first * (size_t)rows->dims[1], filled);
    kt_audio_input_place(input, filled, (size_t)count, self->inputs[self->main].values);
    err = run_once(self, sizes);
    if (!err)
        carry_states(self);
    return err;
}

kt_err_t
kt_models_run_rows(kt_model_t *model, const kt_tensor_t *rows, kt_model_result_t *out, char why[KT_TENSOR_WHY])
{
    run_t                    self;
    const kt_audio_blocks_t *blocks = kt_audio_input_blocks(kt_model_audio(model));
    const size_t             total = (size_t)rows->dims[0], count = kt_block_count(blocks, total);
    const int64_t            most   = (int64_t)(blocks->left + blocks->frames + blocks->right);
    kt_model_result_t        result = {0};
    kt_tensor_t              filled = {0};
    kt_err_t                 err    = run_open(&self, model);
    if (!err && rows->dims[1] != (int64_t)kt_audio_input_width(kt_model_audio(model)))
        err = KT_EINVAL;
    if (!err)
        err = kt_tensor_new(&filled, 2, (const int64_t[]){most, rows->dims[1]});
    kt_block_t block;
    for (size_t i = 0; !err && i < count && kt_block_at(blocks, i, total, true, &block); i++) {
        err = run_block(&self, rows, &block, filled.values, why);
        if (!err)
            err = collect(&self, &block, &result, why);
    }
    if (err)
        kt_model_result_fini(&result);
    else
        *out = result;
    kt_tensor_fini(&filled);
    run_close(&self);
    return err;
}

void
kt_model_result_fini(kt_model_result_t *self)
{
    for (size_t i = 0; i < KT_GRAPH_OUTPUTS; i++)
        kt_tensor_fini(&self->values[i]);
    self->n = 0;
}
