#include "node/audio/models/models.h"

#include "node/audio/models/models_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EMBEDDING KT_FEATURE_VECTORS_combined_vector
#define SEGMENTS KT_FEATURE_VOICE_segments

static bool
blocks_equal(const kt_audio_blocks_t *a, const kt_audio_blocks_t *b)
{
    return a->frames == b->frames && a->hop == b->hop && a->left == b->left && a->right == b->right &&
           a->tail == b->tail;
}

// Audio models get a window (per-frame outputs) or blocks; models of one front with equal blocks share them.
static kt_err_t
connect_run(kt_audio_models_t *self, size_t r)
{
    running_t               *to      = &self->running[r];
    const kt_model_t        *model   = self->choice.runs[r].entry->model;
    const kt_model_output_t *outputs = NULL;
    size_t                   n       = kt_model_outputs(model, &outputs);
    kt_err_t                 err     = kt_fronts_add(self->fronts, model, &to->front);
    if (err == KT_EINVAL || err == KT_EFULL) {
        kt_model_run_fail(to->run, err == KT_EFULL ? "too many kinds of preprocessing" : "no resampling to its rate");
        return KT_OK;
    }
    if (err)
        return err;
    uint64_t                from  = kt_fronts_first(self->fronts, to->front);
    uint64_t                own   = kt_fronts_row_of(self->fronts, to->front, self->opts.own);
    uint64_t                end   = kt_fronts_row_of(self->fronts, to->front, self->opts.end);
    const kt_audio_input_t *input = kt_model_audio(model);
    bool                    frame = false;
    for (size_t o = 0; o < n; o++)
        frame |= outputs[o].per == KT_PER_FRAME;
    if (frame && kt_model_run_recurrent(to->run))
        return kt_steps_new(&to->steps, to->run,
                            &(kt_steps_opts_t){.segment_own = self->opts.segment_own,
                                               .plan        = self->opts.plan,
                                               .segment_s   = self->opts.segment_s,
                                               .rate_hz     = self->opts.rate_hz,
                                               .model_hz    = kt_audio_input_rate(input),
                                               .hop         = kt_fronts_hop(self->fronts, to->front),
                                               .from        = from,
                                               .own         = own,
                                               .end         = end});
    if (frame)
        return kt_window_new(&to->window, to->run, from, own, end);
    const kt_audio_blocks_t *blocks = kt_audio_input_blocks(input);
    for (size_t p = 0; p < self->n_patches; p++)
        if (self->patches[p].front == to->front && blocks_equal(&self->patches[p].blocks, blocks) &&
            kt_patches_add_run(self->patches[p].patches, to->run))
            return KT_OK;
    blocks_t *blocks_of = &self->patches[self->n_patches];
    blocks_of->front    = to->front;
    blocks_of->blocks   = *blocks;
    if ((err = kt_patches_new(&blocks_of->patches, input, self->opts.patches, from, own, end)))
        return err;
    self->n_patches++;
    (void)kt_patches_add_run(blocks_of->patches, to->run);
    return KT_OK;
}

// A run for each chosen model that has none yet, and what it reads of others.
static kt_err_t
open_runs(kt_audio_models_t *self)
{
    kt_err_t err = KT_OK;
    for (size_t r = self->n_running; r < self->choice.n_runs && !err; r++) {
        const kt_choice_run_t *chosen = &self->choice.runs[r];
        running_t             *to     = &self->running[r];
        if ((err = kt_model_run_new(&to->run, chosen->entry)))
            return err;
        self->n_running = r + 1;
        for (size_t s = 0; s < chosen->n_sources && !err; s++)
            if (chosen->sources[s].above)
                err = kt_model_run_add_share(self->running[chosen->sources[s].run].run, chosen->sources[s].output,
                                             chosen->sources[s].above, &to->share[s]);
        if (!err && kt_model_kind(chosen->entry->model) == KT_MODEL_AUDIO)
            err = connect_run(self, r);
    }
    for (size_t u = 0; u < self->choice.n_uses && !err; u++)
        if (self->choice.uses[u].feature == SEGMENTS)
            kt_model_run_keep(self->running[self->choice.uses[u].run].run, self->choice.uses[u].output);
    return err;
}

// A kt_rows_fn.
static kt_err_t
take_rows(void *context, size_t front, const float *rows, size_t n)
{
    kt_audio_models_t *self = context;
    kt_err_t           err  = KT_OK;
    for (size_t r = 0; r < self->n_running && !err; r++) {
        running_t *running = &self->running[r];
        if (running->window && running->front == front)
            err = kt_window_push(running->window, rows, n);
        if (running->steps && running->front == front)
            err = kt_steps_push(running->steps, rows, n);
    }
    for (size_t p = 0; p < self->n_patches && !err; p++)
        if (self->patches[p].front == front)
            err = kt_patches_push(self->patches[p].patches, rows, n);
    return err;
}

kt_err_t
kt_audio_models_new(kt_audio_models_t **self_p, const kt_audio_models_opts_t *opts)
{
    kt_err_t           err  = KT_ENOMEM;
    kt_audio_models_t *self = calloc(1, sizeof *self);
    if (!self)
        goto fail;
    self->opts = *opts;
    if (opts->set && opts->channels > 0 && (opts->options & KT_OPTION_MODELS)) {
        kt_fronts_opts_t fronts = {opts->rate_hz, opts->channels, opts->from, opts->own, opts->end, opts->isa};
        kt_choice_of(opts->set, opts->options, &self->choice);
        if ((err = kt_fronts_new(&self->fronts, &fronts, take_rows, self)) || (err = open_runs(self)))
            goto fail;
    }
    *self_p = self;
    return KT_OK;
fail:
    kt_audio_models_destroy(&self);
    return err;
}

void
kt_audio_models_destroy(kt_audio_models_t **self_p)
{
    kt_audio_models_t *self = *self_p;
    if (!self)
        return;
    kt_fronts_destroy(&self->fronts);
    for (size_t p = 0; p < self->n_patches; p++)
        kt_patches_destroy(&self->patches[p].patches);
    for (size_t r = 0; r < KT_CHOICE_RUNS; r++) {
        kt_window_destroy(&self->running[r].window);
        kt_steps_destroy(&self->running[r].steps);
        kt_model_run_destroy(&self->running[r].run);
    }
    free(self);
    *self_p = NULL;
}

kt_err_t
kt_audio_models_request(kt_audio_models_t *self, const char *output, bool *there)
{
    size_t run, index;
    *there = self->fronts && kt_choice_add_output(self->opts.set, output, &self->choice, &run, &index);
    if (!*there)
        return KT_OK;
    kt_err_t err = open_runs(self);
    if (!err)
        kt_model_run_keep(self->running[run].run, index);
    return err;
}

kt_err_t
kt_audio_models_push(kt_audio_models_t *self, const float *pcm, size_t frames)
{
    return self->fronts ? kt_fronts_push(self->fronts, pcm, frames) : KT_OK;
}

// The values that an "outputs" model reads, one source after the other; it fails with the first source that did.
static kt_err_t
run_head(kt_audio_models_t *self, size_t r)
{
    const kt_choice_run_t *chosen = &self->choice.runs[r];
    running_t             *to     = &self->running[r];
    size_t                 n      = 0;
    for (size_t s = 0; s < chosen->n_sources; s++)
        n += kt_model_run_width(self->running[chosen->sources[s].run].run, chosen->sources[s].output);
    float *values = calloc(n + 1, sizeof *values);
    if (!values)
        return KT_ENOMEM;
    n = 0;
    for (size_t s = 0; s < chosen->n_sources; s++) {
        const kt_choice_source_t *source = &chosen->sources[s];
        kt_model_run_t           *from   = self->running[source->run].run;
        const float              *got    = source->above ? kt_model_run_share(from, to->share[s])
                                           : source->rms ? kt_model_run_rms(from, source->output)
                                                         : kt_model_run_mean(from, source->output);
        if (kt_model_run_why(from) || !got) {
            kt_model_run_fail(to->run, kt_model_run_why(from) ? kt_model_run_why(from) : "the sound has no block");
            break;
        }
        memcpy(values + n, got, kt_model_run_width(from, source->output) * sizeof *values);
        n += kt_model_run_width(from, source->output);
    }
    kt_err_t err = kt_model_run_values(to->run, values, n);
    free(values);
    return err;
}

// The last rows of a per-frame model.
static kt_err_t
finish_rows(const running_t *running)
{
    return running->window  ? kt_window_finish(running->window)
           : running->steps ? kt_steps_finish(running->steps)
                            : KT_OK;
}

kt_err_t
kt_audio_models_close(kt_audio_models_t *self)
{
    if (self->closed || !self->fronts)
        return KT_OK;
    self->closed = true;
    kt_err_t err = kt_fronts_finish(self->fronts);
    for (size_t r = 0; r < self->n_running && !err; r++)
        err = finish_rows(&self->running[r]);
    for (size_t p = 0; p < self->n_patches && !err; p++)
        if (!(err = kt_patches_end(self->patches[p].patches)))
            err = kt_patches_run(self->patches[p].patches);
    for (size_t r = 0; r < self->n_running && !err; r++)
        if (kt_model_kind(self->choice.runs[r].entry->model) == KT_MODEL_OUTPUTS)
            err = run_head(self, r);
    return err;
}

// next takes what self has counted, and then the two change places: modules know self by its address.
kt_err_t
kt_audio_models_merge(kt_audio_models_t *self, kt_audio_models_t *next)
{
    if (!self->fronts)
        return KT_OK;
    // The range's last rows; whole blocks beyond its end have been skipped.
    kt_err_t err = kt_fronts_finish(self->fronts);
    for (size_t r = 0; r < self->n_running && !err; r++) {
        err = finish_rows(&self->running[r]);
        if (!err)
            err = kt_model_run_add(self->running[r].run, next->running[r].run);
    }
    if (err)
        return err;
    for (size_t r = 0; r < self->n_running; r++) {
        if (kt_model_run_why(self->running[r].run))
            kt_model_run_fail(next->running[r].run, kt_model_run_why(self->running[r].run));
        kt_model_run_swap(self->running[r].run, next->running[r].run);
    }
    for (size_t p = 0; p < self->n_patches; p++)
        kt_patches_prepend(next->patches[p].patches, self->patches[p].patches);
    next->sounding += self->sounding + kt_fronts_sounding(self->fronts);
    kt_audio_models_t whole = *next;
    *next                   = *self;
    *self                   = whole;
    self->opts.own          = next->opts.own;
    self->opts.from         = next->opts.from;
    kt_fronts_redirect(self->fronts, self);
    kt_fronts_redirect(next->fronts, next);
    return KT_OK;
}

bool
kt_audio_models_silent(const kt_audio_models_t *self)
{
    return !self->fronts || self->sounding + kt_fronts_sounding(self->fronts) < self->opts.rate_hz;
}

// The run of the model that has a per-frame output of this name; NULL: there is none. *index: of the output.
static const running_t *
series_run(const kt_audio_models_t *self, const char *output, size_t *index)
{
    for (size_t r = 0; r < self->n_running; r++) {
        const kt_model_output_t *outputs;
        size_t                   n = kt_model_outputs(self->choice.runs[r].entry->model, &outputs);
        for (*index = 0; *index < n; ++*index)
            if (strcmp(outputs[*index].name, output) == 0 && (self->running[r].window || self->running[r].steps))
                return &self->running[r];
    }
    return NULL;
}

bool
kt_audio_models_series(const kt_audio_models_t *self, const char *output, kt_model_series_t *out)
{
    size_t                   index;
    const kt_model_output_t *outputs;
    const running_t         *running = series_run(self, output, &index);
    if (!running)
        return false;
    (void)kt_model_outputs(kt_model_run_entry(running->run)->model, &outputs);
    out->values      = kt_model_run_series(running->run, index, &out->rows);
    out->width       = kt_model_run_width(running->run, index);
    out->rows_per_s  = kt_fronts_rate(self->fronts, running->front);
    out->class_names = outputs[index].class_names;
    out->classes     = outputs[index].classes;
    return out->values && !kt_model_run_why(running->run);
}

const char *
kt_audio_models_name_series(const kt_audio_models_t *self, const char *output, kt_document_t *document, char out[96])
{
    size_t           index;
    char             version[KT_RUN_VERSION];
    const running_t *running = series_run(self, output, &index);
    *out                     = '\0';
    if (!running)
        return out;
    const char *name = kt_model_run_entry(running->run)->name;
    snprintf(out, 96, "%.50s %s", name, kt_model_run_version(running->run, version));
    kt_document_model(document, name, version);
    return out;
}

// The run that gives the embedding; NULL: none does. *output: which of its outputs.
static kt_model_run_t *
embedding_run(const kt_audio_models_t *self, size_t *output)
{
    for (size_t u = 0; u < self->choice.n_uses; u++) {
        const kt_choice_use_t *use = &self->choice.uses[u];
        *output                    = use->output;
        if (use->feature == EMBEDDING && !kt_audio_models_silent(self) &&
            !kt_model_run_why(self->running[use->run].run))
            return self->running[use->run].run;
    }
    return NULL;
}

const float *
kt_audio_models_embedding(const kt_audio_models_t *self, size_t *n, char version[96])
{
    size_t          output;
    kt_model_run_t *run = embedding_run(self, &output);
    if (!run)
        return NULL;
    char own[KT_RUN_VERSION];
    snprintf(version, 96, "%.50s %s", kt_model_run_entry(run)->name, kt_model_run_version(run, own));
    *n = kt_model_run_width(run, output);
    return kt_model_run_mean(run, output);
}

void
kt_audio_models_name_embedding(const kt_audio_models_t *self, kt_document_t *document)
{
    size_t          output;
    kt_model_run_t *run = embedding_run(self, &output);
    char            version[KT_RUN_VERSION];
    if (run)
        kt_document_model(document, kt_model_run_entry(run)->name, kt_model_run_version(run, version));
}
