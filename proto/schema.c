#include "proto/schema.h"

#include "proto/features.h"
#include "proto/job.h"

#include <stdio.h>
#include <string.h>

static json_t *
schema_of(const char *type, const char *meaning)  // type NULL: any
{
    json_t *schema = kt_json_object();
    if (type)
        kt_json_set(schema, "type", kt_json_text(type));
    if (meaning && *meaning)
        kt_json_set(schema, "description", kt_json_text(meaning));
    return schema;
}

// A value of one of two types: null is the second one.
static void
allow_null(json_t *schema)
{
    json_t *types = kt_json_array();
    kt_json_append(types, kt_json_text(kt_json_str(schema, "type", "object")));
    kt_json_append(types, kt_json_text("null"));
    kt_json_set(schema, "type", types);
}

static json_t *
schema_head(json_t *schema, const char *title)
{
    kt_json_set(schema, "$schema", kt_json_text("https://json-schema.org/draft/2020-12/schema"));
    kt_json_set(schema, "title", kt_json_text(title));
    return schema;
}

static json_t *
priority_schema(void)
{
    json_t *schema = schema_of("string", "the queue of the job; normal where it is missing"), *names = kt_json_array();
    for (int i = KT_PRIORITY_LOW; i <= KT_PRIORITY_HIGH; i++)
        kt_json_append(names, kt_json_text(kt_priority_name((kt_priority_t)i)));
    kt_json_set(schema, "enum", names);
    return schema;
}

static json_t *
options_schema(void)
{
    json_t     *schema = schema_of("object", "what to extract; a missing option is true"), *members = kt_json_object();
    const char *name;
    for (size_t i = 0; (name = kt_job_option_member(i)); i++)
        kt_json_set(members, name, schema_of("boolean", NULL));
    kt_json_set(schema, "properties", members);
    return schema;
}

static json_t *
metadata_schema(void)
{
    json_t *schema   = schema_of(NULL, "the producer's own; only duration of an object is read");
    json_t *members  = kt_json_object();
    json_t *duration = schema_of("number", "of the file, s: a hint");
    kt_json_set(duration, "minimum", kt_json_int(0));
    kt_json_set(members, "duration", duration);
    kt_json_set(schema, "properties", members);
    return schema;
}

json_t *
kt_schema_input(void)
{
    static const struct {
        const char *name, *meaning;
        size_t      most;  // bytes
    } TEXTS[] = {
        {"message_id", "the job; a message that repeats it is the same job. Missing: derived from the body",
         KT_JOB_ID_BYTES - 1},
        {"media_id", "the producer's name of the medium, returned as it is", KT_JOB_ID_BYTES - 1},
        {"file_path", "a path below the media roots of the nodes, or a URL (http, https) without a password",
         KT_JOB_PATH - 1},
    };
    json_t *schema  = schema_head(schema_of("object", "unknown members are ignored"), "input message");
    json_t *members = kt_json_object(), *required = kt_json_array(), *size = schema_of("integer", "bytes: a hint");
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        json_t *text = schema_of("string", TEXTS[i].meaning);
        kt_json_set(text, "maxLength", kt_json_int((int64_t)TEXTS[i].most));
        if (strcmp(TEXTS[i].name, "file_path") == 0)
            kt_json_set(text, "minLength", kt_json_int(1));
        else
            allow_null(text);
        kt_json_set(members, TEXTS[i].name, text);
    }
    kt_json_set(size, "minimum", kt_json_int(0));
    kt_json_set(members, "file_size", size);
    kt_json_set(members, "priority", priority_schema());
    kt_json_set(members, "analysis_options", options_schema());
    kt_json_set(members, "metadata", metadata_schema());
    kt_json_set(members, "file_format", schema_of(NULL, "not read: the file decides"));
    kt_json_set(members, "timestamp", schema_of(NULL, "of the message; not read, and not part of the job's identity"));
    kt_json_append(required, kt_json_text("file_path"));
    kt_json_set(schema, "properties", members);
    kt_json_set(schema, "required", required);
    return schema;
}

static json_t *
number_schema(const kt_feature_desc_t *desc, const char *type)
{
    json_t *schema = schema_of(type, NULL);
    if (desc->min < desc->max) {
        kt_json_set(schema, "minimum", kt_json_real(desc->min));
        kt_json_set(schema, "maximum", kt_json_real(desc->max));
    }
    return schema;
}

static json_t *
list_schema(const kt_feature_desc_t *desc, json_t *items)
{
    json_t *schema = schema_of("array", NULL);
    kt_json_set(schema, "items", items);
    kt_json_set(schema, "maxItems", kt_json_int((int64_t)desc->max_count));
    return schema;
}

static json_t *
map_schema(json_t *values)
{
    json_t *schema = schema_of("object", NULL);
    kt_json_set(schema, "additionalProperties", values);
    return schema;
}

static json_t *
feature_schema(const kt_feature_desc_t *desc)
{
    char    meaning[1024];
    json_t *schema = NULL;
    switch (desc->shape) {
    case KT_SHAPE_REAL: schema = number_schema(desc, "number"); break;
    case KT_SHAPE_INT: schema = number_schema(desc, "integer"); break;
    case KT_SHAPE_BOOL: schema = schema_of("boolean", NULL); break;
    case KT_SHAPE_TEXT: schema = schema_of("string", NULL); break;
    case KT_SHAPE_REALS: schema = list_schema(desc, number_schema(desc, "number")); break;
    case KT_SHAPE_TEXTS: schema = list_schema(desc, schema_of("string", NULL)); break;
    case KT_SHAPE_OBJECTS: schema = list_schema(desc, schema_of("object", NULL)); break;
    case KT_SHAPE_MAP: schema = map_schema(number_schema(desc, "number")); break;
    case KT_SHAPE_TAGS: schema = map_schema(schema_of("string", NULL)); break;
    }
    allow_null(schema);
    snprintf(meaning, sizeof meaning, "%s%s%s", desc->meaning, *desc->unit ? "; " : "", desc->unit);
    kt_json_set(schema, "description", kt_json_text(meaning));
    return schema;
}

static json_t *
group_schema(kt_group_t group)
{
    json_t *schema = schema_of("object", NULL), *members = kt_json_object();
    for (int i = 0; i < KT_FEATURES; i++) {
        const kt_feature_desc_t *desc = kt_feature_desc((kt_feature_t)i);
        if (desc->group == group)
            kt_json_set(members, desc->name, feature_schema(desc));
    }
    allow_null(schema);
    kt_json_set(schema, "properties", members);
    return schema;
}

static json_t *
features_members(void)
{
    json_t *members = kt_json_object();
    for (int i = 0; i < KT_GROUPS; i++) {
        const char *path = kt_group_path((kt_group_t)i);
        if (strncmp(path, "features.", 9) == 0)
            kt_json_set(members, path + 9, group_schema((kt_group_t)i));
    }
    kt_json_set(members, "statistics", map_schema(schema_of("object", NULL)));
    return members;
}

static json_t *
error_schema(void)
{
    json_t *schema = schema_of("object", "of a failure"), *members = kt_json_object();
    kt_json_set(members, "code", schema_of("string", "docs/errors.md"));
    kt_json_set(members, "number", schema_of("integer", NULL));
    kt_json_set(members, "text", schema_of("string", NULL));
    kt_json_set(members, "detail", schema_of("string", NULL));
    kt_json_set(schema, "properties", members);
    return schema;
}

json_t *
kt_schema_output(void)
{
    enum { TEXT = 1, NUMBER = 2, BOOLEAN = 4, OBJECT = 8, NULL_VALUE = 16 };
    static const struct {
        const char *name, *meaning;
        unsigned    types;
    } MEMBERS[] = {
#define KT_MEMBER(name, types, meaning) {#name, meaning, types},
#include "proto/document.def"
#undef KT_MEMBER
    };
    json_t *schema  = schema_head(schema_of("object", NULL), "output message");
    json_t *members = kt_json_object(), *required = kt_json_array();
    for (size_t i = 0; i < sizeof MEMBERS / sizeof *MEMBERS; i++) {
        const unsigned types = MEMBERS[i].types;
        json_t        *one   = schema_of(types & TEXT      ? "string"
                                         : types & NUMBER  ? "number"
                                         : types & BOOLEAN ? "boolean"
                                                           : "object",
                                MEMBERS[i].meaning);
        if (types & NULL_VALUE)
            allow_null(one);
        if (strcmp(MEMBERS[i].name, "features") == 0)
            kt_json_set(one, "properties", features_members());
        for (int group = 0; group < KT_GROUPS; group++)
            if (strcmp(MEMBERS[i].name, kt_group_path((kt_group_t)group)) == 0) {
                json_t *whole = group_schema((kt_group_t)group);
                kt_json_set(one, "properties", kt_json_copy(kt_json_get(whole, "properties")));
                kt_json_free(&whole);
            }
        kt_json_set(members, MEMBERS[i].name, one);
        kt_json_append(required, kt_json_text(MEMBERS[i].name));
    }
    kt_json_set(members, "device", schema_of("string", "the GPU that computed rows; absent: the processor"));
    kt_json_set(members, "error", error_schema());
    kt_json_set(schema, "properties", members);
    kt_json_set(schema, "required", required);
    return schema;
}
