#include "proto/columns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t
column(const char *name)
{
    kt_column_desc_t desc;
    size_t           i = 0;
    for (; i < kt_columns_count(); i++) {
        kt_column_describe(i, &desc);
        if (strcmp(desc.name, name) == 0)
            break;
    }
    cr_assert_lt(i, kt_columns_count(), "no column %s", name);
    return i;
}

static json_t *
parse(const char *text)
{
    char    why[KT_JSON_WHY];
    json_t *json = NULL;
    cr_assert_eq(kt_json_parse(text, strlen(text), 1 << 20, &json, why), KT_OK, "%s", why);
    return json;
}

Test(columns, names_are_unique_and_of_letters)
{
    kt_column_desc_t a, b;
    for (size_t i = 0; i < kt_columns_count(); i++) {
        kt_column_describe(i, &a);
        cr_assert_eq(strspn(a.name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(a.name), "%s", a.name);
        cr_assert_eq(a.type, kt_column_type(i));
        cr_assert_gt(strlen(a.meaning), 0, "%s", a.name);
        for (size_t k = 0; k < i; k++) {
            kt_column_describe(k, &b);
            cr_assert_str_neq(a.name, b.name);
        }
    }
}

Test(columns, a_group_is_named_only_where_two_groups_share_a_name)
{
    char name[KT_FEATURE_KEY];
    cr_assert_str_eq(kt_column_name(KT_FEATURE_MIR_tempo, name), "tempo");
    cr_assert_str_eq(kt_column_name(KT_FEATURE_PERCEPTUAL_valence, name), "valence");
    cr_assert_str_eq(kt_column_name(KT_FEATURE_MOOD_valence, name), "mood_valence");
    cr_assert_str_eq(kt_column_name(KT_FEATURE_QUALITY_dynamic_range, name), "quality_dynamic_range");
    cr_assert_str_eq(kt_column_name(KT_FEATURE_QUALITY_quality_score, name), "quality_score");
    cr_assert_str_eq(kt_column_name(KT_FEATURE_TECHNICAL_quality_score, name), "technical_quality_score");
}

Test(columns, each_shape_has_its_type)
{
    cr_assert_eq(kt_column_type(column("tempo")), KT_COLUMN_REAL);
    cr_assert_eq(kt_column_type(column("sample_rate")), KT_COLUMN_INT);
    cr_assert_eq(kt_column_type(column("has_video")), KT_COLUMN_BOOL);
    cr_assert_eq(kt_column_type(column("key")), KT_COLUMN_TEXT);
    cr_assert_eq(kt_column_type(column("mfcc")), KT_COLUMN_REALS);
    cr_assert_eq(kt_column_type(column("subtitle_languages")), KT_COLUMN_TEXTS);
    cr_assert_eq(kt_column_type(column("tags")), KT_COLUMN_JSON);
    cr_assert_eq(kt_column_type(column("warnings")), KT_COLUMN_JSON);
    cr_assert_eq(kt_column_type(column("model_versions")), KT_COLUMN_JSON);
    cr_assert_eq(kt_column_type(column("timestamp")), KT_COLUMN_TIME);
}

static const char *
text_of(const kt_columns_view_t *view, const char *name)
{
    static char   out[2048];
    const json_t *value = kt_columns_value(view, column(name));
    if (value)
        kt_json_plain(value, out, sizeof out);
    return value ? out : "null";
}

Test(columns, values_come_from_head_tags_and_groups)
{
    kt_columns_view_t view;
    json_t           *json =
        parse("{\"success\":false,\"analysis_version\":\"9\",\"error\":{\"code\":\"ETIME\",\"detail\":\"late\"},"
              "\"model_versions\":{\"m\":\"1\"},\"features\":{\"mir\":{\"tempo\":120,\"beats\":[1.5,2]},"
              "\"technical\":{\"tags\":{\"artist\":\"B\xc3\xb6hm\"}}},\"quality_metrics\":{\"quality_score\":0.5}}");
    kt_columns_view_of(json, &view);
    cr_assert_str_eq(text_of(&view, "success"), "no");
    cr_assert_str_eq(text_of(&view, "error"), "ETIME");
    cr_assert_str_eq(text_of(&view, "error_detail"), "late");
    cr_assert_str_eq(text_of(&view, "analysis_version"), "9");
    cr_assert_str_eq(text_of(&view, "artist"), "B\xc3\xb6hm");
    cr_assert_str_eq(text_of(&view, "title"), "null");
    cr_assert_str_eq(text_of(&view, "tempo"), "120");
    cr_assert_str_eq(text_of(&view, "beats"), "[1.5,2]");
    cr_assert_str_eq(text_of(&view, "quality_score"), "0.5");
    cr_assert_str_eq(text_of(&view, "technical_quality_score"), "null");
    cr_assert_str_eq(text_of(&view, "model_versions"), "{\"m\":\"1\"}");
    kt_json_free(&json);
}

Test(columns, what_the_table_does_not_permit_is_null_and_costs_no_other_value)
{
    kt_columns_view_t view;
    char              text[8192], artist[1100];
    memset(artist, 'a', sizeof artist - 1);
    artist[sizeof artist - 1] = '\0';
    snprintf(text, sizeof text,
             "{\"success\":\"yes\",\"processing_time\":[],\"model_versions\":[],\"features\":{\"mir\":{\"tempo\":-3,"
             "\"key\":\"C sharp major\",\"beats\":[1,\"x\"],\"onset_rate\":2},\"technical\":{\"sample_rate\":44100.5,"
             "\"has_video\":1,\"tags\":{\"artist\":\"%s\",\"title\":7}},\"spectral\":7},\"quality_metrics\":null}",
             artist);
    json_t *json = parse(text);
    kt_columns_view_of(json, &view);
    static const char *const NULLS[] = {"success",      "processing_time", "model_versions", "tempo", "key",  "beats",
                                        "sample_rate",  "has_video",       "artist",         "title", "tags", "mfcc",
                                        "quality_score"};
    for (size_t i = 0; i < sizeof NULLS / sizeof *NULLS; i++)
        cr_assert_null(kt_columns_value(&view, column(NULLS[i])), "%s", NULLS[i]);
    cr_assert_str_eq(text_of(&view, "onset_rate"), "2");
    kt_json_free(&json);
    kt_columns_view_of(NULL, &view);
    for (size_t i = 0; i < kt_columns_count(); i++)
        cr_assert_null(kt_columns_value(&view, i));
}
