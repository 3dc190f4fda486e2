#include "node/video/scene/scene_model.h"

#include "common/text.h"

#include <stdlib.h>
#include <string.h>

#define MODEL "scene_detector"

enum { LAST, BETWEEN, OUTPUTS, CHANNELS = 3, ALIGN = 64, MOST_SIDE = 1024 };
static const char *const NAMES[] = {[LAST] = "shot_end", [BETWEEN] = "transition"};

struct kt_scene_model {
    const kt_model_entry_t *entry;
    kt_model_scratch_t     *scratch;
    kt_image_blocks_t       blocks;
    uint32_t                rotation;
    int64_t                 sizes[KT_FREE_DIMS];
    size_t                  length, area;  // pictures of a run, values of a plane
    float                  *pictures;      // [length][CHANNELS][area], those of the next run
    kt_scene_row_t         *rows;          // [length], of these pictures; before the first one: unused
    size_t                  filled;        // pictures that are there
    bool                    begun;         // the first picture has come
    size_t                  waiting;       // own pictures that have no row yet
    float                  *input;         // [CHANNELS][length][area]
    float                  *outputs[KT_GRAPH_OUTPUTS];
    int                     wanted[OUTPUTS];  // index among the graph's outputs
    kt_scene_row_t         *ready;            // [blocks.frames]
    uint8_t                *turned;           // a picture as shown
    size_t                  turned_bytes;
};

static float *
floats(size_t count)
{
    return aligned_alloc(ALIGN, (count * sizeof(float) + ALIGN - 1) / ALIGN * ALIGN);
}

static bool
is_shape(const kt_shape_of_t *shape, int rank, const int64_t *dims)
{
    bool same = shape->rank == rank;
    for (int i = 0; same && i < rank; i++)
        same = shape->dims[i] == dims[i];
    return same;
}

// Sizes of a run; whether the graph takes pictures of the stated size and gives a value of each output per picture.
static kt_err_t
plan(kt_scene_model_t *self, char why[KT_PICTURE_WHY])
{
    const kt_model_t *model = self->entry->model;
    const kt_graph_t *graph = kt_model_graph(model);
    const int         time  = kt_picture_model_free(graph, "T");
    const int        *inputs, *outputs;
    char              unused[KT_KTM_WHY];
    int64_t           h, w;
    kt_shape_of_t    *shapes = calloc(kt_graph_values(graph), sizeof *shapes);
    if (!shapes)
        return KT_ENOMEM;
    kt_image_input_size(kt_model_image(model), 1, 1, &h, &w);
    kt_graph_smallest(graph, self->sizes);
    if (time >= 0)
        self->sizes[time] = (int64_t)self->length;
    (void)kt_graph_inputs(graph, &inputs);
    const size_t  n = kt_graph_outputs(graph, &outputs);
    const int64_t t = (int64_t)self->length, in[] = {1, CHANNELS, t, h, w}, out[] = {1, t, 1};
    bool good = h <= MOST_SIDE && w <= MOST_SIDE && kt_graph_shapes(graph, self->sizes, shapes, unused) == KT_OK &&
                is_shape(&shapes[inputs[0]], 5, in);
    for (int i = 0; good && i < OUTPUTS; i++)
        good = is_shape(&shapes[outputs[self->wanted[i]]], 3, out);
    self->area   = (size_t)(h * w);
    kt_err_t err = good ? KT_OK
                        : kt_text_explain(why, KT_PICTURE_WHY, KT_EMODEL,
                                          "model " MODEL ": it gives no value per picture of its blocks");
    for (size_t i = 0; !err && i < n; i++)
        if (!(self->outputs[i] = floats((size_t)kt_shape_count(&shapes[outputs[i]]))))
            err = KT_ENOMEM;
    free(shapes);
    return err;
}

kt_err_t
kt_scene_model_new(kt_scene_model_t **self_p, const kt_model_set_t *set, uint32_t rotation, char why[KT_PICTURE_WHY])
{
    kt_scene_model_t       *self  = NULL;
    const kt_model_entry_t *entry = kt_picture_model_find(set, MODEL, KT_MODEL_FRAMES, why);
    kt_err_t                err   = KT_ENOMEM;
    if (!entry)
        return KT_OK;
    if (!(self = calloc(1, sizeof *self)))
        goto fail;
    self->entry    = entry;
    self->rotation = rotation;
    self->blocks   = kt_image_input_blocks(kt_model_image(entry->model));
    self->length   = (size_t)self->blocks.left + self->blocks.frames + self->blocks.right;
    for (int i = 0; i < OUTPUTS; i++) {
        const kt_model_output_t *output = kt_model_output_find(entry->model, NAMES[i]);
        if (!output) {
            err = kt_text_explain(why, KT_PICTURE_WHY, KT_EMODEL, "model " MODEL ": it has no output %s", NAMES[i]);
            goto fail;
        }
        self->wanted[i] = output->output;
    }
    if ((err = plan(self, why)))
        goto fail;
    err            = KT_ENOMEM;
    self->pictures = floats(self->length * CHANNELS * self->area);
    self->input    = floats(self->length * CHANNELS * self->area);
    self->rows     = calloc(self->length, sizeof *self->rows);
    self->ready    = calloc(self->blocks.frames, sizeof *self->ready);
    if (!self->pictures || !self->input || !self->rows || !self->ready ||
        (err = kt_model_scratch_new(&self->scratch, entry->model)))
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_scene_model_destroy(&self);
    return err == KT_EMODEL ? KT_OK : err;
}

void
kt_scene_model_destroy(kt_scene_model_t **self_p)
{
    kt_scene_model_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    kt_model_scratch_destroy(&self->scratch);
    for (size_t i = 0; i < KT_GRAPH_OUTPUTS; i++)
        free(self->outputs[i]);
    free(self->pictures);
    free(self->input);
    free(self->rows);
    free(self->ready);
    free(self->turned);
    free(self);
}

const kt_model_entry_t *
kt_scene_model_entry(const kt_scene_model_t *self)
{
    return self->entry;
}

static float *
picture_at(const kt_scene_model_t *self, size_t i)
{
    return self->pictures + i * CHANNELS * self->area;
}

static void
copy_last(kt_scene_model_t *self)
{
    memcpy(picture_at(self, self->filled), picture_at(self, self->filled - 1), CHANNELS * self->area * sizeof(float));
    self->filled++;
}

// Runs the model on a full row of pictures; then the last ones remain, as context of the next run.
static kt_err_t
run(kt_scene_model_t *self, const kt_scene_row_t **rows, size_t *n)
{
    for (size_t t = 0; t < self->length; t++)
        for (size_t c = 0; c < CHANNELS; c++)
            memcpy(self->input + (c * self->length + t) * self->area, picture_at(self, t) + c * self->area,
                   self->area * sizeof(float));
    const float   *in  = self->input;
    const kt_err_t err = kt_model_run(self->scratch, self->sizes, &in, self->outputs);
    if (err)
        return err;
    const size_t left = self->blocks.left, frames = self->blocks.frames, kept = self->length - frames;
    *n = self->waiting < frames ? self->waiting : frames;
    for (size_t i = 0; i < *n; i++) {
        self->ready[i]         = self->rows[left + i];
        self->ready[i].last    = self->outputs[self->wanted[LAST]][left + i];
        self->ready[i].between = self->outputs[self->wanted[BETWEEN]][left + i];
    }
    *rows = self->ready;
    self->waiting -= *n;
    memmove(self->pictures, picture_at(self, frames), kept * CHANNELS * self->area * sizeof(float));
    memmove(self->rows, self->rows + frames, kept * sizeof *self->rows);
    self->filled = kept;
    return KT_OK;
}

// The picture turned clockwise, in memory of its own.
static kt_err_t
turn(kt_scene_model_t *self, const kt_picture_t *picture, kt_picture_t *out)
{
    const size_t w = picture->width, h = picture->height, need = CHANNELS * w * h;
    const bool   upright = self->rotation == 180;
    if (need > self->turned_bytes) {
        free(self->turned);
        self->turned_bytes = 0;
        if (!(self->turned = malloc(need)))
            return KT_ENOMEM;
        self->turned_bytes = need;
    }
    *out        = (kt_picture_t){self->turned, (uint32_t)(upright ? w : h), (uint32_t)(upright ? h : w), 0};
    out->stride = CHANNELS * (size_t)out->width;
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            const size_t to_x = upright ? w - 1 - x : self->rotation == 90 ? h - 1 - y : y;
            const size_t to_y = upright ? h - 1 - y : self->rotation == 90 ? x : w - 1 - x;
            memcpy(self->turned + to_y * out->stride + CHANNELS * to_x,
                   picture->rgb + y * picture->stride + CHANNELS * x, CHANNELS);
        }
    return KT_OK;
}

static kt_err_t
place(kt_scene_model_t *self, const kt_picture_t *picture)
{
    kt_picture_t shown = *picture;
    kt_err_t     err   = self->rotation ? turn(self, picture, &shown) : KT_OK;
    return err ? err : kt_image_input_place(kt_model_image(self->entry->model), &shown, picture_at(self, self->filled));
}

kt_err_t
kt_scene_model_push(kt_scene_model_t *self, const kt_picture_t *picture, bool repeated, uint64_t index, double time_s,
                    const kt_scene_row_t **rows, size_t *n)
{
    kt_err_t err = KT_OK;
    *n           = 0;
    if (repeated && self->filled)
        copy_last(self);
    else if (!(err = place(self, picture)))
        self->filled++;
    if (err)
        return err;
    if (!self->begun) {
        self->begun = true;
        while (self->filled <= self->blocks.left)
            copy_last(self);
    }
    self->rows[self->filled - 1] = (kt_scene_row_t){.index = index, .time_s = time_s};
    self->waiting++;
    return self->filled == self->length ? run(self, rows, n) : KT_OK;
}

kt_err_t
kt_scene_model_close(kt_scene_model_t *self, const kt_scene_row_t **rows, size_t *n)
{
    *n = 0;
    if (!self->waiting)
        return KT_OK;
    while (self->filled < self->length)
        copy_last(self);
    return run(self, rows, n);
}

uint64_t
kt_scene_model_bytes(void)
{
    // Measured of the model of the default set on 100 pictures, with what is kept around it.
    return (uint64_t)160 << 20;
}
