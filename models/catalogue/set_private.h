// What model_set.c and model_folder.c share. Private to models/catalogue.
#pragma once

#include "models/catalogue/model_set.h"
#include "models/catalogue/verified.h"

typedef struct kt_model_source {
    const char            *folder;
    const kt_model_opts_t *opts;
    kt_verified_t         *verified;
} kt_model_source_t;

// kt_model_set_open; models whose files have not changed since `before` (NULL: none) are shared with it.
KT_MUST_USE kt_err_t kt_model_set_open_after(kt_model_set_t **self_p, const kt_model_set_t *before, const char *folder,
                                             const kt_model_opts_t *opts, char why[KT_CATALOGUE_WHY]);
