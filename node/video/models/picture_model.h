// kt_picture_model -- one picture model of the set, run on one picture at a time, on the calling thread. Its outputs
// are found by name, so that a file with others is refused with a reason. One thread.
#pragma once

#include "models/catalogue/model_set.h"

#include <stdbool.h>

typedef struct kt_picture_model kt_picture_model_t;

enum { KT_PICTURE_OUTPUTS = 4, KT_PICTURE_WHY = 200 };

typedef struct kt_picture_output {
    const float  *values;  // dense; valid until the next run
    kt_shape_of_t shape;
} kt_picture_output_t;

// Model `name` of the set, if its input is of this kind; NULL, and why says why, where it is not installed, cannot be
// opened or takes something else.
const kt_model_entry_t *kt_picture_model_find(const kt_model_set_t *set, const char *name, kt_model_kind_t kind,
                                              char why[KT_PICTURE_WHY]);
// Whether the set (NULL: none) has a model of this kind that can be used.
bool kt_picture_model_any(const kt_model_set_t *set, kt_model_kind_t kind);
// Index of a free dimension of the graph; -1: it has none of this name.
int kt_picture_model_free(const kt_graph_t *graph, const char *name);

// Model `name` of the set with the outputs `names` (NULL behind the last, at most KT_PICTURE_OUTPUTS). *self_p stays
// NULL, and why says why, where it is not installed, cannot be opened, or has other outputs. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_picture_model_new(kt_picture_model_t **self_p, const kt_model_set_t *set, const char *name,
                                          const char *const *names, char why[KT_PICTURE_WHY]);
void                 kt_picture_model_destroy(kt_picture_model_t **self_p);
// Size of the graph's input for this picture.
void kt_picture_model_size(const kt_picture_model_t *self, const kt_picture_t *picture, int64_t *h, int64_t *w);
// outputs: [names], in their order. KT_ENOMEM; KT_EINVAL, KT_EMODEL: the model cannot be run on a picture of this size;
// KT_EDEVICE.
KT_MUST_USE kt_err_t     kt_picture_model_run(kt_picture_model_t *self, const kt_picture_t *picture,
                                              kt_picture_output_t *outputs);
const kt_model_entry_t  *kt_picture_model_entry(const kt_picture_model_t *self);
const kt_model_output_t *kt_picture_model_output(const kt_picture_model_t *self, size_t index);  // of names
