// The body of GET /v1/models: each model of the catalogue with the facts of its file, and the models that the
// specification names where the catalogue lacks them. Private to coordinator/models.
#pragma once

#include "common/json.h"
#include "models/catalogue/catalogue.h"
#include "models/format/ktm.h"

typedef struct kt_model_view {
    json_t *models;  // array
    size_t  loaded;
    double  bytes;
} kt_model_view_t;

// file: NULL: err and why say what is wrong, or no version is deployed (err KT_OK).
void kt_model_view_add(kt_model_view_t *self, const kt_catalogue_model_t *model, const kt_ktm_t *file,
                       const kt_digest_t *digest, kt_err_t err, const char *why);
// Adds the missing ones of the specification. The result owns self->models. NULL: out of memory.
json_t *kt_model_view_finish(kt_model_view_t *self, const kt_catalogue_t *catalogue, const kt_digest_t *digest);
