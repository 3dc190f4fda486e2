// The document's part of kt_audio_models: features, methods, model versions, reasons.
#include "node/audio/models/models_private.h"
#include "node/audio/models/segments.h"

#include <math.h>
#include <stdio.h>

// What says nothing of a file that is mostly speech, or has no music.
static const kt_feature_t OF_MUSIC[] = {KT_FEATURE_MIR_genre_probabilities, KT_FEATURE_PERCEPTUAL_instrumentalness};
#define SILENT "less than a second of sound"
#define MOSTLY_SPEECH 0.5
#define LEAST_MUSIC 0.05  // of the time; of 116 clips of music the least is .64

static bool
is_asked_for(const kt_audio_models_t *self, kt_feature_t feature)
{
    return kt_group_option(kt_feature_desc(feature)->group) & self->opts.options;
}

static bool
is_filled(const kt_audio_models_t *self, kt_feature_t feature)
{
    for (size_t u = 0; u < self->choice.n_uses; u++)
        if (self->choice.uses[u].feature == feature)
            return true;
    return false;
}

static void
null_defaults(const kt_audio_models_t *self, kt_document_t *document)
{
    char why[KT_DOCUMENT_REASON];
    for (size_t i = 0; i < kt_choice_defaults_count; i++) {
        const kt_choice_default_t *row    = &kt_choice_defaults[i];
        const char                *reason = why;
        if (!is_asked_for(self, row->feature) || is_filled(self, row->feature))
            continue;
        if (self->opts.channels == 0)
            reason = "no sound";
        else if (!(self->opts.options & KT_OPTION_MODELS))
            reason = "use_models is false";
        else if (!self->opts.set)
            reason = self->opts.absent ? self->opts.absent : "no models";
        else
            (void)kt_choice_reason(self->opts.set, row->model, why, sizeof why);
        kt_document_null(document, row->feature, reason);
    }
}

static double
in_range(const kt_feature_desc_t *desc, double value)
{
    return fmin(fmax(value, desc->min), desc->max);
}

// The value of one feature. False: the model's output does not have its shape.
static bool
put_value(kt_document_t *document, kt_feature_t feature, const kt_model_output_t *output, const float *values,
          size_t width)
{
    const kt_feature_desc_t *desc = kt_feature_desc(feature);
    if (desc->shape == KT_SHAPE_REAL && width == 1)
        kt_document_real(document, feature, isfinite(values[0]) ? in_range(desc, values[0]) : NAN);
    else if (desc->shape == KT_SHAPE_MAP && output->classes == width && width <= desc->max_count)
        for (size_t c = 0; c < width; c++)
            kt_document_pair(document, feature, output->class_names[c],
                             isfinite(values[c]) ? in_range(desc, values[c]) : NAN);
    else
        return false;
    return true;
}

// The models below a run, and itself: those that made the value.
static void
name_models(const kt_audio_models_t *self, size_t r, kt_document_t *document)
{
    bool made[KT_CHOICE_RUNS] = {false};
    made[r]                   = true;
    for (size_t i = r + 1; i-- > 0;) {  // sources come before what reads them
        const kt_choice_run_t *run = &self->choice.runs[i];
        if (!made[i])
            continue;
        char version[KT_RUN_VERSION];
        kt_document_model(document, run->entry->name, kt_model_run_version(self->running[i].run, version));
        for (size_t s = 0; s < run->n_sources; s++)
            made[run->sources[s].run] = true;
    }
}

static void
write_use(kt_audio_models_t *self, const kt_choice_use_t *use, kt_document_t *document)
{
    running_t               *running = &self->running[use->run];
    const kt_model_entry_t  *entry   = kt_model_run_entry(running->run);
    const kt_model_output_t *outputs = NULL;
    const char              *failed  = kt_model_run_why(running->run);
    char                     text[KT_DOCUMENT_REASON], version[KT_RUN_VERSION];
    (void)kt_model_outputs(entry->model, &outputs);
    const kt_model_output_t *output = &outputs[use->output];
    const float             *values = failed ? NULL : kt_model_run_mean(running->run, use->output);
    size_t                   rows, width = kt_model_run_width(running->run, use->output);
    const float             *series = kt_model_run_series(running->run, use->output, &rows);
    snprintf(text, sizeof text, "model %s: %s", entry->name, failed ? failed : "the sound has no block");
    if (!values || kt_audio_models_silent(self)) {
        kt_document_null(document, use->feature, kt_audio_models_silent(self) ? SILENT : text);
        return;
    }
    bool good = true;
    if (use->feature == KT_FEATURE_VOICE_segments && series && output->classes == width)
        kt_document_objects(document, use->feature,
                            kt_model_segments(series, rows, kt_fronts_rate(self->fronts, running->front), output,
                                              kt_feature_desc(use->feature)->max_count));
    else
        good = put_value(document, use->feature, output, values, width);
    snprintf(text, sizeof text, good ? "model:%s %s" : "model %s: its output does not have the shape of the feature",
             entry->name, kt_model_run_version(running->run, version));
    if (!good) {
        kt_document_null(document, use->feature, text);
        return;
    }
    kt_document_method(document, use->feature, text);
    name_models(self, use->run, document);
}

// The value that a model gives to a feature; NAN: none does.
static double
value_of(kt_audio_models_t *self, kt_feature_t feature)
{
    for (size_t u = 0; u < self->choice.n_uses; u++) {
        const kt_choice_use_t *use = &self->choice.uses[u];
        if (use->feature != feature || kt_model_run_why(self->running[use->run].run))
            continue;
        const float *value = kt_model_run_mean(self->running[use->run].run, use->output);
        return value ? (double)*value : NAN;
    }
    return NAN;
}

// Why features of music say nothing of this file; NULL: they do.
static const char *
why_no_music(kt_audio_models_t *self)
{
    if (value_of(self, KT_FEATURE_PERCEPTUAL_speechiness) > MOSTLY_SPEECH)
        return "speech dominates";
    if (value_of(self, KT_FEATURE_VOICE_music_share) + value_of(self, KT_FEATURE_VOICE_singing_share) < LEAST_MUSIC)
        return "no music was found";
    return NULL;
}

void
kt_audio_models_write(kt_audio_models_t *self, kt_document_t *document)
{
    null_defaults(self, document);
    for (size_t u = 0; u < self->choice.n_uses; u++)
        if (self->choice.uses[u].feature != KT_FEATURE_VECTORS_combined_vector &&
            is_asked_for(self, self->choice.uses[u].feature))
            write_use(self, &self->choice.uses[u], document);
    const char *why = why_no_music(self);
    for (size_t i = 0; i < sizeof OF_MUSIC / sizeof *OF_MUSIC && why; i++)
        if (is_asked_for(self, OF_MUSIC[i]) && is_filled(self, OF_MUSIC[i]))
            kt_document_null(document, OF_MUSIC[i], kt_audio_models_silent(self) ? SILENT : why);
}
