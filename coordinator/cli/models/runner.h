// One model on one file: the model's input, and its outputs over all blocks. One thread.
#pragma once

#include "coordinator/cli/models/media.h"
#include "models/model.h"

typedef struct kt_model_result {
    size_t      n;  // outputs of the model
    kt_tensor_t values[KT_GRAPH_OUTPUTS];
} kt_model_result_t;

// Audio: rows [rows][width]; a picture: [1][3][height][width], or statistics of its luma [1][values]. KT_EINVAL:
// another kind of model. why may be "".
KT_MUST_USE kt_err_t kt_models_prepare(const kt_model_t *model, const kt_settings_t *settings, const char *path,
                                       kt_tensor_t *out, char why[KT_TENSOR_WHY]);
// Of rows (audio): all blocks, with the states from each to the next. A value per block becomes a row; of values per
// frame the context and the padding are cut off. KT_EINVAL: no whole block, or the sizes do not fit.
KT_MUST_USE kt_err_t kt_models_run_rows(kt_model_t *model, const kt_tensor_t *rows, kt_model_result_t *out,
                                        char why[KT_TENSOR_WHY]);
// Of the graph's input as it is, states zero.
KT_MUST_USE kt_err_t kt_models_run_input(kt_model_t *model, const kt_tensor_t *input, kt_model_result_t *out,
                                         char why[KT_TENSOR_WHY]);
void                 kt_model_result_fini(kt_model_result_t *self);
