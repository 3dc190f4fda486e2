// Shared by the files of kt_audio_models: running (models.c), the document (write.c), memory (bytes.c). Private to
// node/audio/models.
#pragma once

#include "node/audio/models/choice.h"
#include "node/audio/models/fronts.h"
#include "node/audio/models/models.h"
#include "node/audio/models/patches.h"
#include "node/audio/models/steps.h"
#include "node/audio/models/window.h"

typedef struct running {
    kt_model_run_t *run;
    kt_window_t    *window;  // of a per-frame model; NULL: it has none
    kt_steps_t     *steps;   // of a per-frame model with states; NULL: it has none
    size_t          front;
    size_t          share[KT_CHOICE_SOURCES];  // of the sources that are shares: kt_model_run_share of the source's run
} running_t;

typedef struct blocks {
    size_t            front;
    kt_audio_blocks_t blocks;
    kt_patches_t     *patches;
} blocks_t;

struct kt_audio_models {
    kt_audio_models_opts_t opts;
    kt_choice_t            choice;  // running[r] is choice.runs[r]
    size_t                 n_running, n_patches;
    running_t              running[KT_CHOICE_RUNS];
    blocks_t               patches[KT_CHOICE_RUNS];
    kt_fronts_t           *fronts;    // NULL: nothing runs
    uint64_t               sounding;  // frames of the ranges before (kt_fronts_sounding)
    bool                   closed;
};

// Less than a second of the stream sounds: what a model computes of it says nothing.
bool kt_audio_models_silent(const kt_audio_models_t *self);
