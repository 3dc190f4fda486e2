#include "proto/document_private.h"

#include <jansson.h>

static void
map_number(json_t *value, kt_document_time_fn *map, const void *context)
{
    if (json_is_real(value))
        (void)json_real_set(value, map(context, json_real_value(value)));
}

void
kt_document_map_times(kt_document_t *self, kt_feature_t feature, kt_document_time_fn *map, const void *context)
{
    json_t *list = self->values[feature];
    for (size_t i = 0; json_is_array(list) && i < json_array_size(list); i++) {
        json_t *item = json_array_get(list, i);
        map_number(item, map, context);
        map_number(json_object_get(item, "begin"), map, context);
        map_number(json_object_get(item, "end"), map, context);
    }
}
