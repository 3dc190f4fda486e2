#include "common/text.h"
#include "proto/document.h"
#include "proto/document_private.h"

#include <jansson.h>
#include <string.h>

// JSON types of the message's members.
enum { TEXT = 1, NUMBER = 2, BOOLEAN = 4, OBJECT = 8, NULL_VALUE = 16, INTEGER = 32 };

typedef struct member {
    const char *name;
    unsigned    types;
} member_t;

static const member_t MEMBERS[] = {
#define KT_MEMBER(name, types, meaning) {#name, types},
#include "proto/document.def"
#undef KT_MEMBER
};

static const member_t ERROR_MEMBERS[] = {{"code", TEXT}, {"number", INTEGER}, {"text", TEXT}, {"detail", TEXT}};

static kt_err_t
check_members(const json_t *object, const member_t *members, size_t n, const char *where, char why[KT_DOCUMENT_WHY])
{
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_object_get(object, members[i].name);
        if (!value)
            return kt_text_explain(why, KT_DOCUMENT_WHY, KT_EDOCUMENT, "%s%s is missing", where, members[i].name);
        unsigned types = members[i].types;
        bool     fits  = (types & TEXT && json_is_string(value)) || (types & NUMBER && json_is_number(value)) ||
                    (types & BOOLEAN && json_is_boolean(value)) || (types & OBJECT && json_is_object(value)) ||
                    (types & NULL_VALUE && json_is_null(value)) || (types & INTEGER && json_is_integer(value));
        if (!fits)
            return kt_text_explain(why, KT_DOCUMENT_WHY, KT_EDOCUMENT, "%s%s has the wrong type", where,
                                   members[i].name);
    }
    return KT_OK;
}

// Why a value violates its row of the feature table, or NULL.
static const char *
fault_of_number(const kt_feature_desc_t *desc, const json_t *value)
{
    if (!json_is_number(value))
        return "is not a number";
    double number = json_number_value(value);
    return number >= desc->min && number <= desc->max ? NULL : "is out of range";
}

static const char *
fault_of_region(const kt_feature_desc_t *desc, const json_t *region)
{
    const char   *key;
    const json_t *value;
    const char   *fault = json_is_object(region) ? NULL : "is not a list of objects";
    json_object_foreach((json_t *)region, key, value)
    {
        if (!fault && json_is_number(value))
            fault = fault_of_number(desc, value);
    }
    return fault;
}

static const char *
fault_of_list(const kt_feature_desc_t *desc, const json_t *list)
{
    if (!json_is_array(list))
        return "is not a list";
    if (json_array_size(list) > desc->max_count)
        return "has too many entries";
    const char *fault = NULL;
    for (size_t i = 0; i < json_array_size(list) && !fault; i++) {
        const json_t *value = json_array_get(list, i);
        if (desc->shape == KT_SHAPE_REALS)
            fault = fault_of_number(desc, value);
        else if (desc->shape == KT_SHAPE_OBJECTS)
            fault = fault_of_region(desc, value);
        else if (!json_is_string(value))
            fault = "is not a list of texts";
    }
    return fault;
}

static const char *
fault_of_object(const kt_feature_desc_t *desc, const json_t *object)
{
    const char   *key;
    const json_t *value;
    const char   *fault = NULL;
    if (!json_is_object(object))
        return "is not an object";
    if (json_object_size(object) > desc->max_count)
        return "has too many entries";
    json_object_foreach((json_t *)object, key, value)
    {
        if (fault)
            break;
        if (desc->shape == KT_SHAPE_MAP)
            fault = fault_of_number(desc, value);
        else if (!json_is_string(value))
            fault = "is not an object of texts";
    }
    return fault;
}

const char *
kt_document_fault(const kt_feature_desc_t *desc, const json_t *value)
{
    if (json_is_null(value))
        return NULL;
    switch (desc->shape) {
    case KT_SHAPE_REAL: return fault_of_number(desc, value);
    case KT_SHAPE_INT: return json_is_integer(value) ? fault_of_number(desc, value) : "is not an integer";
    case KT_SHAPE_BOOL: return json_is_boolean(value) ? NULL : "is not a boolean";
    case KT_SHAPE_TEXT:
        if (!json_is_string(value))
            return "is not a text";
        return json_string_length(value) <= desc->max_count ? NULL : "is too long";
    case KT_SHAPE_REALS:
    case KT_SHAPE_TEXTS:
    case KT_SHAPE_OBJECTS: return fault_of_list(desc, value);
    case KT_SHAPE_MAP:
    case KT_SHAPE_TAGS: return fault_of_object(desc, value);
    }
    return "is of an unknown shape";
}

const json_t *
kt_document_group(const json_t *document, kt_group_t group)
{
    const char   *path  = kt_group_path(group);
    const char   *point = strchr(path, '.');
    const json_t *value =
        point ? json_object_get(json_object_get(document, "features"), point + 1) : json_object_get(document, path);
    return json_is_object(value) ? value : NULL;
}

static kt_err_t
check_feature(const json_t *document, kt_feature_t feature, char why[KT_DOCUMENT_WHY])
{
    const kt_feature_desc_t *desc  = kt_feature_desc(feature);
    const json_t            *group = kt_document_group(document, desc->group);
    const json_t            *value = json_object_get(group, desc->name);
    char                     key[KT_FEATURE_KEY];
    if (!group && desc->group == KT_GROUP_VISUAL &&
        !json_is_true(json_object_get(kt_document_group(document, KT_GROUP_TECHNICAL), "has_video")))
        return KT_OK;
    if (!value)
        return kt_text_explain(why, KT_DOCUMENT_WHY, KT_EDOCUMENT, "%s.%s is missing", kt_group_path(desc->group),
                               desc->name);
    const char *fault = kt_document_fault(desc, value);
    if (fault)
        return kt_text_explain(why, KT_DOCUMENT_WHY, KT_EDOCUMENT, "%s.%s %s", kt_group_path(desc->group), desc->name,
                               fault);
    const json_t *reasons = json_object_get(document, "reasons");
    if (json_is_null(value) && !json_object_get(reasons, kt_feature_key(feature, key)) &&
        !json_object_get(reasons, kt_group_name(desc->group)))
        return kt_text_explain(why, KT_DOCUMENT_WHY, KT_EDOCUMENT, "%s.%s is null without a reason",
                               kt_group_path(desc->group), desc->name);
    return KT_OK;
}

static kt_err_t
check_statistics(const json_t *statistics, char why[KT_DOCUMENT_WHY])
{
    static const char *const names[] = {"std", "min", "max", "median"};
    const char              *key;
    const json_t            *entry;
    if (!json_is_object(statistics))
        return kt_text_explain(why, KT_DOCUMENT_WHY, KT_EDOCUMENT, "features.statistics is not an object");
    json_object_foreach((json_t *)statistics, key, entry)
    {
        char     name[KT_FEATURE_KEY];
        unsigned feature = 0;
        while (feature < KT_FEATURES && strcmp(kt_feature_key((kt_feature_t)feature, name), key) != 0)
            feature++;
        if (feature == KT_FEATURES || !json_is_object(entry))
            return kt_text_explain(why, KT_DOCUMENT_WHY, KT_EDOCUMENT, "features.statistics.%.64s is not a feature",
                                   key);
        // min, max and median have the feature's shape and range; std is at most as wide as the range.
        kt_feature_desc_t range = *kt_feature_desc((kt_feature_t)feature), spread = range;
        spread.min = 0;
        spread.max = range.max - range.min;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            const json_t *value = json_object_get(entry, names[i]);
            const char   *fault = value ? kt_document_fault(i ? &range : &spread, value) : "is missing";
            if (fault)
                return kt_text_explain(why, KT_DOCUMENT_WHY, KT_EDOCUMENT, "features.statistics.%.64s.%s %s", key,
                                       names[i], fault);
        }
    }
    return KT_OK;
}

static kt_err_t
check_features(const json_t *document, char why[KT_DOCUMENT_WHY])
{
    for (unsigned i = 0; i < KT_FEATURES; i++) {
        kt_err_t err = check_feature(document, (kt_feature_t)i, why);
        if (err)
            return err;
    }
    for (unsigned i = 0; i < KT_GROUPS; i++) {
        const char   *key;
        const json_t *value;
        const json_t *group = kt_document_group(document, (kt_group_t)i);
        json_object_foreach((json_t *)group, key, value)
        {
            if (kt_feature_find((kt_group_t)i, key) == KT_FEATURES)
                return kt_text_explain(why, KT_DOCUMENT_WHY, KT_EDOCUMENT, "%s.%.64s is not in the feature table",
                                       kt_group_path((kt_group_t)i), key);
        }
    }
    return check_statistics(json_object_get(json_object_get(document, "features"), "statistics"), why);
}

static kt_err_t
check_success(const json_t *document, char why[KT_DOCUMENT_WHY])
{
    if (json_object_get(document, "error"))
        return kt_text_explain(why, KT_DOCUMENT_WHY, KT_EDOCUMENT, "error is present in a success");
    return check_features(document, why);
}

// A failure has no features, or all of the part that was read.
static kt_err_t
check_failure(const json_t *document, char why[KT_DOCUMENT_WHY])
{
    static const char *const groups[] = {"features", "quality_metrics", "similarity_vectors"};
    const json_t            *error    = json_object_get(document, "error");
    const bool               part     = !json_is_null(json_object_get(document, "features"));
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (json_is_null(json_object_get(document, groups[i])) == part)
            return kt_text_explain(why, KT_DOCUMENT_WHY, KT_EDOCUMENT,
                                   part ? "%s is null beside other features of a failure"
                                        : "%s is not null in a failure without features",
                                   groups[i]);
    if (!json_is_object(error))
        return kt_text_explain(why, KT_DOCUMENT_WHY, KT_EDOCUMENT, "error is missing in a failure");
    kt_err_t err = check_members(error, ERROR_MEMBERS, sizeof ERROR_MEMBERS / sizeof *ERROR_MEMBERS, "error.", why);
    if (!err && json_integer_value(json_object_get(error, "number")) >= 0)
        err = kt_text_explain(why, KT_DOCUMENT_WHY, KT_EDOCUMENT, "error.number is not an error");
    return err || !part ? err : check_features(document, why);
}

kt_err_t
kt_document_check_tree(const json_t *document, char why[KT_DOCUMENT_WHY])
{
    static const char *const maps[] = {"methods", "reasons", "model_versions"};
    kt_err_t                 err    = check_members(document, MEMBERS, sizeof MEMBERS / sizeof *MEMBERS, "", why);
    if (err)
        return err;
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        const char   *key;
        const json_t *value;
        json_object_foreach(json_object_get(document, maps[i]), key, value)
        {
            if (!json_is_string(value))
                return kt_text_explain(why, KT_DOCUMENT_WHY, KT_EDOCUMENT, "%s.%.64s is not a text", maps[i], key);
        }
    }
    if (!json_string_length(json_object_get(document, "message_id")))
        return kt_text_explain(why, KT_DOCUMENT_WHY, KT_EDOCUMENT, "message_id is empty");
    if (json_number_value(json_object_get(document, "processing_time")) < 0)
        return kt_text_explain(why, KT_DOCUMENT_WHY, KT_EDOCUMENT, "processing_time is negative");
    return json_is_true(json_object_get(document, "success")) ? check_success(document, why)
                                                              : check_failure(document, why);
}

kt_err_t
kt_document_check(const char *text, size_t length, char why[KT_DOCUMENT_WHY])
{
    json_t *document;
    if (kt_json_parse(text, length, KT_DOCUMENT_MAX_BYTES, &document, why))
        return KT_EDOCUMENT;
    kt_err_t err = kt_document_check_tree(document, why);
    kt_json_free(&document);
    return err;
}
