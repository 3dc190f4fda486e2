// kt_model -- a model file ready to run: the mapped file, its graph, its preprocessing, and the prepared executors of
// the sizes that were used. Shared by all threads; each thread runs it with a kt_model_scratch_t of its own. On the CPU
// each item of a batch is run alone, so that its bytes do not depend on the other items.
#pragma once

#include "models/backend/backend.h"
#include "models/input/audio_input.h"
#include "models/input/image_input.h"
#include "models/input/picture_features.h"

typedef struct kt_model         kt_model_t;
typedef struct kt_model_scratch kt_model_scratch_t;

typedef struct kt_model_opts {
    const kt_backend_t *backend;  // NULL: cpu
    kt_exec_opts_t      exec;     // isa is kept by the caller
} kt_model_opts_t;

typedef enum kt_model_kind {
    KT_MODEL_AUDIO,
    KT_MODEL_IMAGE,
    KT_MODEL_FRAMES,
    KT_MODEL_OUTPUTS,
    KT_MODEL_FEATURES  // picture_features.h
} kt_model_kind_t;
typedef enum kt_model_per { KT_PER_BLOCK, KT_PER_FRAME, KT_PER_IMAGE } kt_model_per_t;
enum { KT_MODEL_SIZES = 8 };  // prepared executors that are kept; the least recently used one is dropped

typedef struct kt_model_output {
    char               name[KT_KTM_NAME];
    int                output;  // index among the graph's outputs
    kt_model_per_t     per;
    bool               mean;     // reduce: mean over rows
    size_t             classes;  // 0: none are named
    const char *const *class_names;
    const float       *thresholds, *base_rates;  // [classes]; NULL: none
    const char        *feature;                  // NULL: none
} kt_model_output_t;

// KT_ENOFILE, KT_EMODEL, KT_EMODELVERSION, KT_EOPERATOR, KT_ENOMEM, KT_EIO.
KT_MUST_USE kt_err_t kt_model_open(kt_model_t **self_p, const char *path, const kt_model_opts_t *opts,
                                   char why[KT_KTM_WHY]);
void                 kt_model_destroy(kt_model_t **self_p);  // after its scratches

const kt_ktm_t         *kt_model_file(const kt_model_t *self);
const kt_graph_t       *kt_model_graph(const kt_model_t *self);
kt_model_kind_t         kt_model_kind(const kt_model_t *self);
const kt_audio_input_t *kt_model_audio(const kt_model_t *self);  // NULL: not KT_MODEL_AUDIO
const kt_image_input_t *kt_model_image(const kt_model_t *self);  // KT_MODEL_IMAGE, KT_MODEL_FRAMES
size_t                  kt_model_outputs(const kt_model_t *self, const kt_model_output_t **outputs);
// NULL: the file has no output of this name.
const kt_model_output_t *kt_model_output_find(const kt_model_t *self, const char *name);
const kt_backend_t      *kt_model_backend(const kt_model_t *self);
// Bytes that one run with these sizes needs besides the file.
KT_MUST_USE kt_err_t kt_model_memory(kt_model_t *self, const int64_t sizes[KT_FREE_DIMS], size_t *arena_bytes,
                                     size_t *packed_bytes);

// Whether runs so far computed in 8 bits (kt_exec_opts_t.int8, where the CPU and the graph allow it).
bool kt_model_int8(const kt_model_t *self);

KT_MUST_USE kt_err_t kt_model_scratch_new(kt_model_scratch_t **self_p, kt_model_t *model);
void                 kt_model_scratch_destroy(kt_model_scratch_t **self_p);
// Sizes with N items; inputs and outputs in the graph's order, dense. KT_EINVAL, KT_EMODEL: an operator
// does not fit these sizes; KT_ENOMEM, KT_EDEVICE.
KT_MUST_USE kt_err_t kt_model_run(kt_model_scratch_t *self, const int64_t sizes[KT_FREE_DIMS],
                                  const float *const *inputs, float *const *outputs);
