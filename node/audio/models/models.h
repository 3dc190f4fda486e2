// kt_audio_models -- runs the audio models of one stream and writes the features that their files name. Which models
// run follows from the files alone: those whose outputs fill a requested feature, those that such a model reads
// ("outputs" models), and those that another module requests. Of two models that fill a feature, one without "fallback"
// goes first, then the first by name. One thread; the set is shared and constant.
//
// A block model (tags of three seconds) sees `patches` blocks, spread evenly over the stream; a frame model sees all of
// it, in windows with the context that its file states. Nothing here fails a file but KT_ENOMEM: a model that is absent
// or fails leaves its features null with the reason.
#pragma once

#include "kernels/isa.h"
#include "models/catalogue/model_set.h"
#include "node/audio/models/steps.h"
#include "proto/document.h"

typedef struct kt_audio_models kt_audio_models_t;

// Blocks that are kept while a stream runs; from the 65th on every second one is dropped.
enum { KT_PATCHES_KEPT = 64 };

typedef struct kt_audio_models_opts {
    kt_segment_own_fn *segment_own;  // of the grid of segments; NULL: there is one
    const kt_plan_t   *plan;         // of segment_own
    uint32_t           segment_s;    // of segment_own
    kt_model_set_t    *set;          // borrowed; NULL: none
    const char        *absent;       // why there is no set
    size_t             patches;      // blocks per model; 0: all
    uint32_t           rate_hz, channels;
    uint32_t           options;         // kt_option_t bits
    uint64_t           from, own, end;  // frames of the source, as those of kt_segment_range_t
    const kt_isa_t    *isa;
} kt_audio_models_opts_t;

KT_MUST_USE kt_err_t kt_audio_models_new(kt_audio_models_t **self_p, const kt_audio_models_opts_t *opts);  // KT_ENOMEM
void                 kt_audio_models_destroy(kt_audio_models_t **self_p);

// The output of a model of beats, with classes "beat" (that begins no bar) and "downbeat", which the rhythm module
// reads.
#define KT_MODELS_BEATS "activations"

// Before the first push: runs the model with a per-frame output of this name, and keeps its rows. False: there is none.
KT_MUST_USE kt_err_t kt_audio_models_request(kt_audio_models_t *self, const char *output, bool *there);

// Interleaved finite samples at the file's rate, as kt_module_t.push gets them. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_audio_models_push(kt_audio_models_t *self, const float *pcm, size_t frames);
// The stream's end: runs what is left. Further calls do nothing. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_audio_models_close(kt_audio_models_t *self);
// After close: features, methods and model versions into the document.
void kt_audio_models_write(kt_audio_models_t *self, kt_document_t *document);
// self has seen one range, next the adjoining one: self becomes that of both and goes on where next stopped. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_audio_models_merge(kt_audio_models_t *self, kt_audio_models_t *next);

// Rows of a per-frame output that was requested, from the stream's start; after close. False: there are none.
typedef struct kt_model_series {
    const float       *values;  // [rows][width]
    size_t             rows, width;
    double             rows_per_s;
    const char *const *class_names;  // [classes]
    size_t             classes;      // 0: none are named
} kt_model_series_t;
bool kt_audio_models_series(const kt_audio_models_t *self, const char *output, kt_model_series_t *out);
// "beatnet 1.0.0": the model that gives these rows, which is also named in model_versions. Returns out.
const char *kt_audio_models_name_series(const kt_audio_models_t *self, const char *output, kt_document_t *document,
                                        char out[96]);

// Mean of the output whose file names it for similarity vectors (feature "vectors.combined_vector"), after close.
// NULL: none. version: "msd_musicnn 1.0.0".
const float *kt_audio_models_embedding(const kt_audio_models_t *self, size_t *n, char version[96]);
void         kt_audio_models_name_embedding(const kt_audio_models_t *self, kt_document_t *document);  // model_versions

// Upper bound of what these models take beside their files, for a stream of this length; seconds 0: unknown.
uint64_t kt_audio_models_bytes(const kt_model_set_t *set, uint32_t options, double seconds);
