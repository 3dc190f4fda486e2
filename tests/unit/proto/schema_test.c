#include "proto/features.h"
#include "proto/job.h"
#include "proto/schema.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const json_t *
properties_of(const json_t *schema)
{
    return kt_json_get(schema, "properties");
}

Test(schema, every_feature_of_the_table_is_in_the_schema_of_the_output)
{
    json_t       *schema   = kt_schema_output();
    const json_t *features = properties_of(kt_json_get(properties_of(schema), "features"));
    for (int i = 0; i < KT_FEATURES; i++) {
        const kt_feature_desc_t *desc  = kt_feature_desc((kt_feature_t)i);
        const char              *path  = kt_group_path(desc->group);
        const json_t            *group = strncmp(path, "features.", 9) == 0 ? kt_json_get(features, path + 9)
                                                                            : kt_json_get(properties_of(schema), path);
        const json_t            *one   = kt_json_get(properties_of(group), desc->name);
        cr_assert_not_null(one, "%s.%s", path, desc->name);
        cr_assert_str_eq(kt_json_string(kt_json_at(kt_json_get(one, "type"), 1)), "null");
    }
    kt_json_free(&schema);
}

// What the schema of the input says a member is, the reader of messages demands.
Test(schema, a_member_of_another_type_than_the_schemas_is_refused)
{
    json_t       *schema  = kt_schema_input();
    const json_t *members = properties_of(schema);
    cr_assert_gt(kt_json_count(members), 8);
    for (size_t i = 0; i < kt_json_count(members); i++) {
        char          text[256], why[KT_JOB_WHY];
        kt_job_t      job;
        const char   *name = kt_json_key(members, i);
        const json_t *type = kt_json_get(kt_json_get(members, name), "type");
        if (!type)
            continue;  // not read
        const bool is_text =
            strcmp(kt_json_string(type) ? kt_json_string(type) : kt_json_string(kt_json_at(type, 0)), "string") == 0;
        snprintf(text, sizeof text, "{%s\"%s\": %s}", strcmp(name, "file_path") ? "\"file_path\": \"/a\", " : "", name,
                 is_text ? "7" : "\"seven\"");
        cr_assert_eq(kt_job_parse(text, strlen(text), &job, why), KT_EMESSAGE, "%s", text);
    }
    kt_json_free(&schema);
}

Test(schema, each_option_of_the_schema_is_one_of_a_job)
{
    json_t       *schema  = kt_schema_input();
    const json_t *options = properties_of(kt_json_get(properties_of(schema), "analysis_options"));
    uint32_t      all     = 0;
    for (size_t i = 0; i < kt_json_count(options); i++) {
        char     text[256], why[KT_JOB_WHY];
        kt_job_t job;
        snprintf(text, sizeof text, "{\"file_path\": \"/a\", \"analysis_options\": {\"%s\": false}}",
                 kt_json_key(options, i));
        cr_assert_eq(kt_job_parse(text, strlen(text), &job, why), KT_OK, "%s", text);
        all |= KT_OPTION_ALL & ~job.options;
    }
    cr_assert_eq(all, (uint32_t)KT_OPTION_ALL);
    kt_json_free(&schema);
}
