// Builds the bytes of a .ktm file from a short description, for tests and fuzzing. In JSON texts ' stands for ".
#pragma once

#include "models/format/ktm.h"

enum { KTM_BUILD_TENSORS = 12 };

typedef struct ktm_tensor {
    const char   *name;  // NULL: the end of the list
    kt_ktm_type_t type;
    int           rank;
    int64_t       dims[KT_KTM_RANK];
    const void   *data;
    const char   *scale;
} ktm_tensor_t;

// NULL leaves a member at a small valid value.
typedef struct ktm_text {
    const char  *graph, *free, *input, *outputs;
    const char  *more;            // more members of the header: ",'notes':''"
    const char  *name, *version;  // the model's
    const char  *tensor_table;    // in place of the one that fits the tensors
    ktm_tensor_t tensors[KTM_BUILD_TENSORS];
} ktm_text_t;

// 64-byte aligned; free it.
uint8_t *ktm_build(const ktm_text_t *text, size_t *length);
// The same from a whole header and the bytes of the data.
uint8_t *ktm_build_raw(const char *header, size_t header_length, const void *data, size_t data_length, size_t *length);
void     ktm_seal(uint8_t *bytes, size_t length);  // writes the checksum
