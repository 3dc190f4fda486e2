// kt_fronts -- from the samples of a file to the rows that models read: mixed to mono, resampled once per rate, and one
// kt_audio_rows per kind of preprocessing, however many models share it. One thread.
#pragma once

#include "kernels/isa.h"
#include "models/model.h"

typedef struct kt_fronts kt_fronts_t;

// Rows of one kind, in order. KT_ENOMEM.
typedef kt_err_t kt_rows_fn(void *context, size_t front, const float *rows, size_t n);

typedef struct kt_fronts_opts {
    uint32_t        rate_hz, channels;
    uint64_t        from;      // frame of the source that comes first
    uint64_t        own, end;  // frames whose sound is counted
    const kt_isa_t *isa;
} kt_fronts_opts_t;
KT_MUST_USE kt_err_t kt_fronts_new(kt_fronts_t **self_p, const kt_fronts_opts_t *opts, kt_rows_fn *take, void *context);
void                 kt_fronts_destroy(kt_fronts_t **self_p);
// Before the first push: the number of the front with the model's preprocessing; a new one where there is none.
// KT_ENOMEM; KT_EINVAL: a rate that cannot be made of this one; KT_EFULL.
KT_MUST_USE kt_err_t kt_fronts_add(kt_fronts_t *self, const kt_model_t *model, size_t *front);
// Rows per second of a kind; samples from row to row at the model's rate; numbers of its rows from the stream's start:
// the first that comes, and that of a frame of the source (UINT64_MAX stays so).
double   kt_fronts_rate(const kt_fronts_t *self, size_t front);
uint64_t kt_fronts_hop(const kt_fronts_t *self, size_t front);
uint64_t kt_fronts_first(const kt_fronts_t *self, size_t front);
uint64_t kt_fronts_row_of(const kt_fronts_t *self, size_t front, uint64_t frame);

KT_MUST_USE kt_err_t kt_fronts_push(kt_fronts_t *self, const float *pcm, size_t frames);  // KT_ENOMEM
KT_MUST_USE kt_err_t kt_fronts_finish(kt_fronts_t *self);                                 // KT_ENOMEM
// Frames of own .. end so far whose mono mix is above -80 dBFS.
uint64_t kt_fronts_sounding(const kt_fronts_t *self);
// The rows go to another owner (kt_audio_models_merge).
void kt_fronts_redirect(kt_fronts_t *self, void *context);
