// Parts of the reader; inside of models/format.
#pragma once

#include "models/format/ktm.h"
#include "models/format/names.h"

enum { KT_KTM_ALIGN = 64 };

struct kt_ktm {
    const uint8_t   *bytes;
    size_t           length;
    bool             mapped;
    json_t          *header;
    size_t           n_tensors;
    kt_ktm_tensor_t *tensors;
    kt_names_t       names;  // of tensors
};

// Name, version and type of each member that the reader or its users need. KT_EMODEL.
KT_MUST_USE kt_err_t kt_ktm_check_header(const json_t *header, char why[KT_KTM_WHY]);
// Fills tensors and names from the header; checks place, padding and values of each. KT_EMODEL, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_ktm_read_tensors(kt_ktm_t *self, const uint8_t *data, size_t bytes, char why[KT_KTM_WHY]);
bool                 kt_ktm_all_finite(kt_ktm_type_t type, const void *data, size_t count);
