#include "proto/document_private.h"

#include <jansson.h>

size_t
kt_document_values(const kt_document_t *self, kt_feature_t feature, double *out, size_t capacity)
{
    const json_t *value = self->values[feature];
    if (json_is_boolean(value) && capacity)
        out[0] = json_is_true(value);
    else if (json_is_number(value) && capacity)
        out[0] = json_number_value(value);
    for (size_t i = 0; json_is_array(value) && i < json_array_size(value) && i < capacity; i++)
        out[i] = json_number_value(json_array_get(value, i));
    return json_is_array(value) ? json_array_size(value) : json_is_number(value) || json_is_boolean(value);
}

const char *
kt_document_text_of(const kt_document_t *self, kt_feature_t feature)
{
    return json_string_value(self->values[feature]);
}
