// What the three files of kt_document share: setters (document.c), assembly (document_write.c), validation
// (document_check.c). Private to proto/.
#pragma once

#include "proto/document.h"

struct kt_document {
    kt_job_t job;
    json_t  *values[KT_FEATURES];  // NULL: null
    json_t  *statistics[KT_FEATURES];
    char    *reasons[KT_FEATURES];  // NULL: the general one
    char    *methods[KT_FEATURES];  // NULL: the table's
    json_t  *models;
    bool     snapshot;
    kt_err_t err;  // the first failure, with its sentence
    char     why[KT_DOCUMENT_WHY];
};

// The one validator, on the parsed tree: finish asks it before a document leaves, kt_document_check for any text.
// KT_EDOCUMENT with why.
KT_MUST_USE kt_err_t kt_document_check_tree(const json_t *document, char why[KT_DOCUMENT_WHY]);
