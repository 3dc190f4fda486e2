// Whether a model file is what its entry of models.yml says: name, version, shape of the first input, number of
// classes. Pure; any thread.
#pragma once

#include "models/catalogue/catalogue.h"
#include "models/graph/graph.h"

// KT_ECATALOGUE: they differ; why says in what. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_model_fit(const kt_catalogue_model_t *entry, const char *version, const kt_ktm_t *file,
                                  const kt_graph_t *graph, char why[KT_KTM_WHY]);
