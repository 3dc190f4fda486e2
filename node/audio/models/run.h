// kt_model_run -- one model on one stream: runs it on rows or values and gathers its outputs: their means, shares of
// rows above levels, and whole series where they are kept. A failure is kept in the run; only KT_ENOMEM is returned.
// One thread.
#pragma once

#include "models/catalogue/model_set.h"

typedef struct kt_model_run kt_model_run_t;

KT_MUST_USE kt_err_t kt_model_run_new(kt_model_run_t **self_p, const kt_model_entry_t *entry);  // KT_ENOMEM
void                 kt_model_run_destroy(kt_model_run_t **self_p);

const kt_model_entry_t *kt_model_run_entry(const kt_model_run_t *self);
// The model's version as results name it: "1.0.0", or "1.0.0+int8" if it ran in 8 bits. Returns out.
enum { KT_RUN_VERSION = 40 };
const char *kt_model_run_version(const kt_model_run_t *self, char out[KT_RUN_VERSION]);
// Why the model cannot be run, or failed; NULL: it works.
const char *kt_model_run_why(const kt_model_run_t *self);
void        kt_model_run_fail(kt_model_run_t *self, const char *why);  // the first one is kept

// Before the first row. above: a number, or "thresholds"; *share: of kt_model_run_value. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_model_run_add_share(kt_model_run_t *self, size_t output, const json_t *above, size_t *share);
void                 kt_model_run_keep(kt_model_run_t *self, size_t output);  // the series of a per-frame output

bool kt_model_run_recurrent(const kt_model_run_t *self);   // has states, so blocks must come in order
void kt_model_run_restart(kt_model_run_t *self);           // its states are zero again
bool kt_model_run_any_length(const kt_model_run_t *self);  // the number of rows is free
// The least number of rows that it can be run on.
size_t kt_model_run_least(const kt_model_run_t *self);
// Runs an audio model on n rows. Of a per-frame output the rows first .. end - 1 count, a per-block output counts once.
KT_MUST_USE kt_err_t kt_model_run_rows(kt_model_run_t *self, const float *rows, size_t n, size_t first, size_t end);
// Runs an "outputs" model on the n values that its sources gave.
KT_MUST_USE kt_err_t kt_model_run_values(kt_model_run_t *self, const float *values, size_t n);

// next has seen what follows: self counts both. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_model_run_add(kt_model_run_t *self, const kt_model_run_t *next);

// Values of one output over all that was counted. NULL: nothing was.
size_t       kt_model_run_width(const kt_model_run_t *self, size_t output);
const float *kt_model_run_mean(kt_model_run_t *self, size_t output);
const float *kt_model_run_rms(kt_model_run_t *self, size_t output);  // root of the mean square
const float *kt_model_run_share(kt_model_run_t *self, size_t share);
const float *kt_model_run_series(const kt_model_run_t *self, size_t output, size_t *rows);
// What was counted changes places; each stays where its windows or blocks are.
void kt_model_run_swap(kt_model_run_t *self, kt_model_run_t *other);
