// What the files of the technical group share. Private to node/run.
#pragma once

#include "node/run/completeness.h"
#include "node/run/technical.h"

#define FEATURE(name) KT_FEATURE_TECHNICAL_##name

// A value, or null if the file does not state it. method: how it was found.
void kt_technical_text(kt_document_t *document, kt_feature_t feature, const char *value);
void kt_technical_count(kt_document_t *document, kt_feature_t feature, uint64_t value);
void kt_technical_positive(kt_document_t *document, kt_feature_t feature, double value, const char *method);

// The rows of the moving picture.
void kt_technical_write_picture(kt_document_t *document, const kt_technical_t *facts);
// The list of what is missing, damaged or uncertain: {code, text}. NULL: out of memory.
json_t *kt_technical_warnings(const kt_technical_t *facts, const kt_completeness_t *judged);
