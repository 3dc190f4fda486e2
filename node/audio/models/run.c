#include "node/audio/models/run.h"

#include "common/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATES = 8, SHARES = 8, ALIGNMENT = 64, SERIES_ROWS = 4096 };

// What was counted of one output.
typedef struct gathered {
    size_t   width;
    uint64_t rows;
    double  *sum, *squares;
    float   *mean, *rms;  // made of the sums when they are read
    bool     keep;
    float   *series;  // [n_series][width]
    size_t   n_series, room;
} gathered_t;

typedef struct share {
    size_t    output;
    float    *level;  // [width]
    uint64_t *count;
    float    *value;
} share_t;

struct kt_model_run {
    const kt_model_entry_t  *entry;
    const kt_graph_t        *graph;
    const kt_model_output_t *outputs;
    size_t                   n_outputs, n_in, n_out;
    const int               *in_value, *out_value;
    kt_model_scratch_t      *scratch;
    int                      data;  // index of the input that is no state
    size_t                   n_states;
    int                      state_in[STATES], state_out[STATES];
    bool                     any_length;
    int64_t                  sizes[KT_FREE_DIMS], least;
    kt_shape_of_t           *shapes;  // of sizes
    float                   *in[KT_GRAPH_INPUTS], *out[KT_GRAPH_OUTPUTS];
    size_t                   in_count[KT_GRAPH_INPUTS], out_count[KT_GRAPH_OUTPUTS];
    gathered_t               gathered[KT_GRAPH_OUTPUTS];
    size_t                   n_shares;
    share_t                  shares[SHARES];
    bool                     failed;
    char                     why[KT_KTM_WHY];
};

void
kt_model_run_fail(kt_model_run_t *self, const char *why)
{
    if (!self->failed)
        snprintf(self->why, sizeof self->why, "%s", why);
    self->failed = true;
}

static int
find_value(const int *values, size_t n, int value)
{
    for (size_t i = 0; i < n; i++)
        if (values[i] == value)
            return (int)i;
    return -1;
}

// The inputs that hold state, and the outputs that they become.
static void
find_states(kt_model_run_t *self)
{
    const json_t *pairs = kt_json_get(kt_json_get(kt_ktm_header(kt_model_file(self->entry->model)), "input"), "states");
    bool          is_state[KT_GRAPH_INPUTS] = {false};
    for (size_t i = 0; i < kt_json_count(pairs); i++) {
        char          in[KT_KTM_NAME] = "", out[KT_KTM_NAME] = "";
        const json_t *pair = kt_json_at(pairs, i);
        if (kt_json_count(pair) == 2) {
            kt_json_plain(kt_json_at(pair, 0), in, sizeof in);
            kt_json_plain(kt_json_at(pair, 1), out, sizeof out);
        }
        int at = find_value(self->in_value, self->n_in, kt_graph_find(self->graph, in));
        int to = find_value(self->out_value, self->n_out, kt_graph_find(self->graph, out));
        if (at < 0 || to < 0 || self->n_states == STATES) {
            kt_model_run_fail(self, "its states are not inputs and outputs of the graph");
            return;
        }
        is_state[at]                      = true;
        self->state_in[self->n_states]    = at;
        self->state_out[self->n_states++] = to;
    }
    self->data = -1;
    for (size_t i = 0; i < self->n_in; i++)
        if (!is_state[i])
            self->data = self->data < 0 ? (int)i : (int)self->n_in;
    if (self->data < 0 || self->data >= (int)self->n_in)
        kt_model_run_fail(self, "the graph does not have one input of data");
}

// A buffer of `count` values, zeros; kept where it has that size already.
static kt_err_t
fit_buffer(float **buffer, size_t *have, int64_t count)
{
    if (*buffer && *have == (size_t)count)
        return KT_OK;
    size_t bytes = ((size_t)count * sizeof(float) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    free(*buffer);
    *buffer = aligned_alloc(ALIGNMENT, bytes ? bytes : ALIGNMENT);
    *have   = (size_t)count;
    if (!*buffer)
        return KT_ENOMEM;
    memset(*buffer, 0, bytes);
    return KT_OK;
}

// Shapes and buffers for one item of this many rows. KT_EINVAL and KT_EMODEL: kept as a failure.
static kt_err_t
prepare_length(kt_model_run_t *self, int64_t rows)
{
    int64_t sizes[KT_FREE_DIMS] = {1, self->any_length ? rows : 0};
    if (self->failed || (self->sizes[0] == 1 && self->sizes[1] == sizes[1]))
        return KT_OK;
    char     why[KT_KTM_WHY] = "";
    kt_err_t err             = kt_graph_shapes(self->graph, sizes, self->shapes, why);
    for (size_t i = 0; i < self->n_in && !err; i++)
        err = fit_buffer(&self->in[i], &self->in_count[i], kt_shape_count(&self->shapes[self->in_value[i]]));
    for (size_t i = 0; i < self->n_out && !err; i++)
        err = fit_buffer(&self->out[i], &self->out_count[i], kt_shape_count(&self->shapes[self->out_value[i]]));
    if (err && err != KT_ENOMEM)
        kt_model_run_fail(self, *why ? why : kt_err_text(err));
    if (!err)
        memcpy(self->sizes, sizes, sizeof sizes);
    return err == KT_ENOMEM ? err : KT_OK;
}

static kt_err_t
new_gathered(kt_model_run_t *self)
{
    for (size_t o = 0; o < self->n_outputs && !self->failed; o++) {
        const kt_shape_of_t *shape = &self->shapes[self->out_value[self->outputs[o].output]];
        gathered_t          *to    = &self->gathered[o];
        bool                 frame = self->outputs[o].per == KT_PER_FRAME;
        if (shape->rank != (frame ? 3 : 2) || shape->dims[0] != 1) {
            kt_model_run_fail(self, "an output is not [N, values], or [N, T, values] per frame");
            return KT_OK;
        }
        to->width   = (size_t)shape->dims[shape->rank - 1];
        to->sum     = calloc(to->width, sizeof *to->sum);
        to->squares = calloc(to->width, sizeof *to->squares);
        to->mean    = calloc(to->width, sizeof *to->mean);
        to->rms     = calloc(to->width, sizeof *to->rms);
        if (!to->sum || !to->squares || !to->mean || !to->rms)
            return KT_ENOMEM;
    }
    return KT_OK;
}

kt_err_t
kt_model_run_new(kt_model_run_t **self_p, const kt_model_entry_t *entry)
{
    kt_err_t        err  = KT_ENOMEM;
    kt_model_run_t *self = calloc(1, sizeof *self);
    if (!self)
        return err;
    const kt_free_dim_t *dims;
    self->entry      = entry;
    self->graph      = kt_model_graph(entry->model);
    self->n_outputs  = kt_model_outputs(entry->model, &self->outputs);
    self->n_in       = kt_graph_inputs(self->graph, &self->in_value);
    self->n_out      = kt_graph_outputs(self->graph, &self->out_value);
    size_t n_free    = kt_graph_free(self->graph, &dims);
    self->any_length = n_free == 2;
    self->least      = n_free == 2 ? dims[1].min : 1;
    if (n_free > 2 || self->n_outputs > KT_GRAPH_OUTPUTS)
        kt_model_run_fail(self, "it has more than one free dimension besides N");
    find_states(self);
    self->shapes = calloc(kt_graph_values(self->graph) + 1, sizeof *self->shapes);
    if (!self->shapes || (err = kt_model_scratch_new(&self->scratch, entry->model)) ||
        (err = prepare_length(self, self->least)) || (err = new_gathered(self))) {
        kt_model_run_destroy(&self);
        return err;
    }
    *self_p = self;
    return KT_OK;
}

void
kt_model_run_destroy(kt_model_run_t **self_p)
{
    kt_model_run_t *self = *self_p;
    if (!self)
        return;
    kt_model_scratch_destroy(&self->scratch);
    for (size_t i = 0; i < KT_GRAPH_INPUTS; i++)
        free(self->in[i]);
    for (size_t i = 0; i < KT_GRAPH_OUTPUTS; i++) {
        free(self->out[i]);
        free(self->gathered[i].sum);
        free(self->gathered[i].squares);
        free(self->gathered[i].mean);
        free(self->gathered[i].rms);
        free(self->gathered[i].series);
    }
    for (size_t i = 0; i < self->n_shares; i++) {
        free(self->shares[i].level);
        free(self->shares[i].count);
        free(self->shares[i].value);
    }
    free(self->shapes);
    free(self);
    *self_p = NULL;
}

const kt_model_entry_t *
kt_model_run_entry(const kt_model_run_t *self)
{
    return self->entry;
}

const char *
kt_model_run_version(const kt_model_run_t *self, char out[KT_RUN_VERSION])
{
    snprintf(out, KT_RUN_VERSION, "%.31s%s", self->entry->version, kt_model_int8(self->entry->model) ? "+int8" : "");
    return out;
}

const char *
kt_model_run_why(const kt_model_run_t *self)
{
    return self->failed ? self->why : NULL;
}

kt_err_t
kt_model_run_add_share(kt_model_run_t *self, size_t output, const json_t *above, size_t *share)
{
    const kt_model_output_t *desc  = &self->outputs[output];
    double                   level = 0;
    bool                     one   = kt_json_number(above, &level);
    size_t                   width = self->gathered[output].width;
    if (self->n_shares == SHARES || (!one && desc->thresholds && desc->classes != width)) {
        kt_model_run_fail(self, "its shares of rows are read too often, or its thresholds do not fit");
        *share = 0;
        return KT_OK;
    }
    share_t *to = &self->shares[self->n_shares];
    to->output  = output;
    to->level   = calloc(width + 1, sizeof *to->level);
    to->count   = calloc(width + 1, sizeof *to->count);
    to->value   = calloc(width + 1, sizeof *to->value);
    *share      = self->n_shares++;
    if (!to->level || !to->count || !to->value)
        return KT_ENOMEM;
    for (size_t c = 0; c < width; c++)
        to->level[c] = one ? (float)level : desc->thresholds ? desc->thresholds[c] : 0.5f;
    return KT_OK;
}

void
kt_model_run_keep(kt_model_run_t *self, size_t output)
{
    self->gathered[output].keep = true;
}

bool
kt_model_run_recurrent(const kt_model_run_t *self)
{
    return self->n_states > 0;
}

void
kt_model_run_restart(kt_model_run_t *self)
{
    for (size_t i = 0; i < self->n_states; i++)
        memset(self->in[self->state_in[i]], 0, self->in_count[self->state_in[i]] * sizeof(float));
}

bool
kt_model_run_any_length(const kt_model_run_t *self)
{
    return self->any_length;
}

size_t
kt_model_run_least(const kt_model_run_t *self)
{
    return (size_t)self->least;
}

static kt_err_t
append_series(gathered_t *to, const float *rows, size_t n)
{
    if (n == 0 || to->width == 0)
        return KT_OK;
    if (to->n_series + n > to->room) {
        size_t room   = 2 * to->room > to->n_series + n ? 2 * to->room : to->n_series + n + SERIES_ROWS;
        float *series = realloc(to->series, room * to->width * sizeof *series);
        if (!series)
            return KT_ENOMEM;
        to->series = series;
        to->room   = room;
    }
    memcpy(to->series + to->n_series * to->width, rows, n * to->width * sizeof *rows);
    to->n_series += n;
    return KT_OK;
}

// Counts n rows of an output.
static kt_err_t
gather_rows(kt_model_run_t *self, size_t output, const float *rows, size_t n)
{
    gathered_t *to = &self->gathered[output];
    for (size_t t = 0; t < n; t++)
        for (size_t c = 0; c < to->width; c++) {
            double value = rows[t * to->width + c];
            to->sum[c] += value;
            to->squares[c] += value * value;
        }
    for (size_t s = 0; s < self->n_shares; s++) {
        share_t *share = &self->shares[s];
        for (size_t t = 0; t < n && share->output == output; t++)
            for (size_t c = 0; c < to->width; c++)
                share->count[c] += rows[t * to->width + c] > share->level[c];
    }
    to->rows += n;
    return to->keep ? append_series(to, rows, n) : KT_OK;
}

// The prepared inputs through the model; the states move on.
static kt_err_t
execute(kt_model_run_t *self)
{
    kt_err_t err = kt_model_run(self->scratch, self->sizes, (const float *const *)self->in, self->out);
    for (size_t i = 0; i < self->n_states && !err; i++)
        memcpy(self->in[self->state_in[i]], self->out[self->state_out[i]],
               self->in_count[self->state_in[i]] * sizeof(float));
    if (err && err != KT_ENOMEM)
        kt_model_run_fail(self, kt_err_text(err));
    return err == KT_ENOMEM ? err : KT_OK;
}

kt_err_t
kt_model_run_rows(kt_model_run_t *self, const float *rows, size_t n, size_t first, size_t end)
{
    kt_err_t err = prepare_length(self, (int64_t)n);
    if (err || self->failed)
        return err;
    const kt_audio_input_t *input = kt_model_audio(self->entry->model);
    if (self->in_count[self->data] != n * kt_audio_input_width(input)) {
        kt_model_run_fail(self, "its blocks do not fit its graph");
        return KT_OK;
    }
    kt_audio_input_place(input, rows, n, self->in[self->data]);
    if ((err = execute(self)) || self->failed)
        return err;
    for (size_t o = 0; o < self->n_outputs && !err; o++) {
        const float *out   = self->out[self->outputs[o].output];
        size_t       width = self->gathered[o].width;
        if (self->outputs[o].per == KT_PER_BLOCK)
            err = gather_rows(self, o, out, 1);
        else if (self->out_count[self->outputs[o].output] == n * width)
            err = gather_rows(self, o, out + first * width, end - first);
        else
            kt_model_run_fail(self, "a per-frame output does not have one row per row of its input");
    }
    return err;
}

kt_err_t
kt_model_run_values(kt_model_run_t *self, const float *values, size_t n)
{
    kt_err_t err = KT_OK;
    if (self->failed)
        return err;
    if (self->in_count[self->data] != n) {
        kt_model_run_fail(self, "its sources do not have as many values as it reads");
        return KT_OK;
    }
    memcpy(self->in[self->data], values, n * sizeof *values);
    err = execute(self);
    for (size_t o = 0; o < self->n_outputs && !err && !self->failed; o++)
        err = gather_rows(self, o, self->out[self->outputs[o].output], 1);
    return err;
}

kt_err_t
kt_model_run_add(kt_model_run_t *self, const kt_model_run_t *next)
{
    kt_err_t err = KT_OK;
    if (next->failed)
        kt_model_run_fail(self, next->why);
    for (size_t o = 0; o < self->n_outputs && !err; o++) {
        const gathered_t *from = &next->gathered[o];
        gathered_t       *to   = &self->gathered[o];
        for (size_t c = 0; c < to->width; c++)
            to->sum[c] += from->sum[c], to->squares[c] += from->squares[c];
        to->rows += from->rows;
        err = append_series(to, from->series, from->n_series);
    }
    for (size_t s = 0; s < self->n_shares; s++)
        for (size_t c = 0; c < self->gathered[self->shares[s].output].width; c++)
            self->shares[s].count[c] += next->shares[s].count[c];
    return err;
}

size_t
kt_model_run_width(const kt_model_run_t *self, size_t output)
{
    return self->gathered[output].width;
}

const float *
kt_model_run_mean(kt_model_run_t *self, size_t output)
{
    gathered_t *from = &self->gathered[output];
    for (size_t c = 0; c < from->width && from->rows > 0; c++)
        from->mean[c] = (float)(from->sum[c] / (double)from->rows);
    return from->rows > 0 ? from->mean : NULL;
}

const float *
kt_model_run_rms(kt_model_run_t *self, size_t output)
{
    gathered_t *from = &self->gathered[output];
    for (size_t c = 0; c < from->width && from->rows > 0; c++)
        from->rms[c] = (float)sqrt(from->squares[c] / (double)from->rows);
    return from->rows > 0 ? from->rms : NULL;
}

const float *
kt_model_run_share(kt_model_run_t *self, size_t share)
{
    share_t          *from  = &self->shares[share];
    const gathered_t *under = &self->gathered[from->output];
    for (size_t c = 0; c < under->width && under->rows > 0; c++)
        from->value[c] = (float)((double)from->count[c] / (double)under->rows);
    return under->rows > 0 ? from->value : NULL;
}

const float *
kt_model_run_series(const kt_model_run_t *self, size_t output, size_t *rows)
{
    *rows = self->gathered[output].n_series;
    return self->gathered[output].series;
}

void
kt_model_run_swap(kt_model_run_t *self, kt_model_run_t *other)
{
    for (size_t o = 0; o < self->n_outputs; o++) {
        gathered_t mine    = self->gathered[o];
        self->gathered[o]  = other->gathered[o];
        other->gathered[o] = mine;
    }
    for (size_t s = 0; s < self->n_shares; s++) {
        share_t mine     = self->shares[s];
        self->shares[s]  = other->shares[s];
        other->shares[s] = mine;
    }
}
