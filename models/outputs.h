// kt_outputs -- the meaning of a model's outputs, from the header's "outputs" (models/FORMAT.md). Names and features
// lie in the header. Constant after new; any thread.
#pragma once

#include "models/model.h"

typedef struct kt_outputs kt_outputs_t;

// graph: of the file. KT_EMODEL, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_outputs_new(kt_outputs_t **self_p, const kt_ktm_t *file, const kt_graph_t *graph,
                                    char why[KT_KTM_WHY]);
void                 kt_outputs_destroy(kt_outputs_t **self_p);
size_t               kt_outputs_list(const kt_outputs_t *self, const kt_model_output_t **outputs);
