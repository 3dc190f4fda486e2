#include "proto/columns.h"

#include "common/assert.h"
#include "proto/document_private.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char      *name;
    kt_column_type_t type;
    const char      *tag;  // a member of the tags; NULL: a member of the message
    bool             indexed;
    const char      *unit, *meaning;
} HEAD[] = {
    [KT_COLUMN_SUCCESS]      = {"success", KT_COLUMN_BOOL, NULL, false, "", "the file was analysed"},
    [KT_COLUMN_ERROR]        = {"error", KT_COLUMN_TEXT, NULL, false, "", "code of the failure (docs/errors.md)"},
    [KT_COLUMN_ERROR_DETAIL] = {"error_detail", KT_COLUMN_TEXT, NULL, false, "", "more about the failure"},
    [KT_COLUMN_OF_MESSAGE]   = {"analysis_version", KT_COLUMN_TEXT, NULL, false, "", "version of the analysis"},
    {"timestamp", KT_COLUMN_TIME, NULL, false, "", "when the analysis ended, by the node's clock"},
    {"processing_time", KT_COLUMN_REAL, NULL, false, "s", "time that the analysis took"},
    {"artist", KT_COLUMN_TEXT, "artist", true, "", "tag of the file"},
    {"title", KT_COLUMN_TEXT, "title", false, "", "tag of the file"},
    {"album", KT_COLUMN_TEXT, "album", false, "", "tag of the file"},
    {"model_versions", KT_COLUMN_JSON, NULL, false, "", "versions of the models that took part, by name"},
};
enum { HEADS = sizeof HEAD / sizeof *HEAD };
_Static_assert((int)HEADS == (int)KT_COLUMN_FEATURES, "the features follow the head");

// What is asked for in ranges or by value.
static const kt_feature_t INDEXED[] = {KT_FEATURE_MIR_tempo,
                                       KT_FEATURE_MIR_key,
                                       KT_FEATURE_PERCEPTUAL_loudness,
                                       KT_FEATURE_PERCEPTUAL_energy,
                                       KT_FEATURE_PERCEPTUAL_danceability,
                                       KT_FEATURE_TECHNICAL_duration};

static const kt_column_type_t TYPES[] = {
    [KT_SHAPE_REAL] = KT_COLUMN_REAL, [KT_SHAPE_INT] = KT_COLUMN_INT,     [KT_SHAPE_BOOL] = KT_COLUMN_BOOL,
    [KT_SHAPE_TEXT] = KT_COLUMN_TEXT, [KT_SHAPE_REALS] = KT_COLUMN_REALS, [KT_SHAPE_TEXTS] = KT_COLUMN_TEXTS,
    [KT_SHAPE_MAP] = KT_COLUMN_JSON,  [KT_SHAPE_TAGS] = KT_COLUMN_JSON,   [KT_SHAPE_OBJECTS] = KT_COLUMN_JSON,
};

size_t
kt_columns_count(void)
{
    return HEADS + KT_FEATURES;
}

kt_column_type_t
kt_column_type(size_t column)
{
    kt_assert(column < kt_columns_count());
    return column < HEADS ? HEAD[column].type : TYPES[kt_feature_desc((kt_feature_t)(column - HEADS))->shape];
}

const char *
kt_column_name(kt_feature_t feature, char out[KT_FEATURE_KEY])
{
    const kt_feature_desc_t *desc  = kt_feature_desc(feature);
    const char              *group = kt_group_name(desc->group);
    bool                     other = false;
    for (unsigned i = 0; i < KT_GROUPS && desc->group != KT_GROUP_PERCEPTUAL; i++)
        other |= i != desc->group && kt_feature_find((kt_group_t)i, desc->name) != KT_FEATURES;
    if (other && strncmp(desc->name, group, strlen(group)) != 0)
        snprintf(out, KT_FEATURE_KEY, "%s_%s", group, desc->name);
    else
        snprintf(out, KT_FEATURE_KEY, "%s", desc->name);
    return out;
}

void
kt_column_describe(size_t column, kt_column_desc_t *out)
{
    kt_assert(column < kt_columns_count());
    if (column < HEADS) {
        *out = (kt_column_desc_t){.type    = HEAD[column].type,
                                  .feature = KT_FEATURES,
                                  .unit    = HEAD[column].unit,
                                  .meaning = HEAD[column].meaning,
                                  .indexed = HEAD[column].indexed};
        snprintf(out->name, sizeof out->name, "%s", HEAD[column].name);
        return;
    }
    const kt_feature_t       feature = (kt_feature_t)(column - HEADS);
    const kt_feature_desc_t *desc    = kt_feature_desc(feature);
    *out                             = (kt_column_desc_t){
                                    .type = TYPES[desc->shape], .feature = feature, .unit = desc->unit, .meaning = desc->meaning};
    kt_column_name(feature, out->name);
    for (size_t i = 0; i < sizeof INDEXED / sizeof *INDEXED; i++)
        out->indexed |= INDEXED[i] == feature;
}

const char *
kt_column_path(size_t column, char *out, size_t capacity)
{
    kt_assert(column < kt_columns_count());
    if (column >= HEADS) {
        const kt_feature_desc_t *desc = kt_feature_desc((kt_feature_t)(column - HEADS));
        snprintf(out, capacity, "%s.%s", kt_group_path(desc->group), desc->name);
    } else if (column == KT_COLUMN_ERROR || column == KT_COLUMN_ERROR_DETAIL) {
        snprintf(out, capacity, "error.%s", column == KT_COLUMN_ERROR ? "code" : "detail");
    } else if (HEAD[column].tag) {
        snprintf(out, capacity, "%s.tags.%s", kt_group_path(KT_GROUP_TECHNICAL), HEAD[column].tag);
    } else {
        snprintf(out, capacity, "%s", HEAD[column].name);
    }
    return out;
}

void
kt_columns_view_of(const json_t *document, kt_columns_view_t *out)
{
    *out = (kt_columns_view_t){.document = document};
    for (unsigned group = 0; group < KT_GROUPS; group++)
        out->groups[group] = kt_document_group(document, (kt_group_t)group);
    const json_t *tags = kt_json_get(out->groups[KT_GROUP_TECHNICAL], "tags");
    out->tags          = kt_json_kind(tags) == KT_JSON_OBJECT ? tags : NULL;
}

static bool
is_of_type(const json_t *value, kt_column_type_t type)
{
    double number;
    switch (type) {
    case KT_COLUMN_BOOL: return kt_json_kind(value) == KT_JSON_BOOL;
    case KT_COLUMN_INT: return kt_json_kind(value) == KT_JSON_INT;
    case KT_COLUMN_REAL: return kt_json_number(value, &number);
    case KT_COLUMN_TEXT:
    case KT_COLUMN_TIME: return kt_json_kind(value) == KT_JSON_TEXT && strlen(kt_json_string(value)) < KT_DOCUMENT_TAG;
    case KT_COLUMN_JSON: return kt_json_kind(value) == KT_JSON_OBJECT;
    default: return false;  // no head has a list
    }
}

const json_t *
kt_columns_value(const kt_columns_view_t *self, size_t column)
{
    if (column < HEADS) {
        const json_t *value = HEAD[column].tag ? kt_json_get(self->tags, HEAD[column].tag)
                                               : kt_json_get(self->document, HEAD[column].name);
        if (column == KT_COLUMN_ERROR || column == KT_COLUMN_ERROR_DETAIL)
            value = kt_json_get(kt_json_get(self->document, "error"), column == KT_COLUMN_ERROR ? "code" : "detail");
        return value && is_of_type(value, HEAD[column].type) ? value : NULL;
    }
    const kt_feature_desc_t *desc  = kt_feature_desc((kt_feature_t)(column - HEADS));
    const json_t            *value = kt_json_get(self->groups[desc->group], desc->name);
    return value && !kt_json_is_null(value) && !kt_document_fault(desc, value) ? value : NULL;
}
