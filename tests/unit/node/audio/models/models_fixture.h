// A folder of tiny models for the tests of kt_audio_models: per-frame "events" (three classes, from seven frames of
// four bands, 100 a second at 8000 Hz) and "steps" (an LSTM), per-block "tags" (four classes, half a second), and heads
// that read them.
#pragma once

#include "models/catalogue/model_set.h"
#include "tests/unit/node/model_folder.h"

// Which models the folder has, and how long the windows of the per-frame ones are.
typedef struct mf_opts {
    int         window;   // rows; 0: 100
    const char *without;  // a model that models.yml lists without its file being there; NULL: none
    const char *more;     // lines of models.yml under audio; NULL: none
} mf_opts_t;

// Writes a head with the inputs `from` of `width` values, whose first `values` values become its output.
void            mf_head(const char *name, const char *from, int width, int values, const char *outputs);
kt_model_set_t *mf_open(const mf_opts_t *opts);  // release it
