// Shared by the files of kt_document: setters (document.c), reading back (document_read.c), assembly
// (document_write.c), validation (document_check.c), columns (columns.c). Private to proto/.
#pragma once

#include "proto/document.h"

enum { KT_DOCUMENT_DETAIL = 512 };  // bytes of an error's detail, with NUL

struct kt_document {
    kt_job_t job;
    json_t  *values[KT_FEATURES];  // NULL: null
    json_t  *statistics[KT_FEATURES];
    char    *reasons[KT_FEATURES];  // NULL: the default reason
    char    *methods[KT_FEATURES];  // NULL: the table's
    json_t  *models;
    bool     snapshot;
    char     device[KT_DOCUMENT_DEVICE];  // "": a processor
    kt_err_t failure;                     // not KT_OK: success is false
    char     detail[KT_DOCUMENT_DETAIL];
    kt_err_t err;  // the first failure
    char     why[KT_DOCUMENT_WHY];
};

// Validates the parsed message: called by finish and by kt_document_check. KT_EDOCUMENT with why.
KT_MUST_USE kt_err_t kt_document_check_tree(const json_t *document, char why[KT_DOCUMENT_WHY]);
// Why a value violates its row of the feature table, or NULL. Null violates nothing.
const char *kt_document_fault(const kt_feature_desc_t *desc, const json_t *value);
// The object with a group's members; NULL if it is null or missing.
const json_t *kt_document_group(const json_t *document, kt_group_t group);
