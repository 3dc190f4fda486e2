#include "proto/features.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(features, every_row_is_found_by_its_group_and_name)
{
    for (unsigned i = 0; i < KT_FEATURES; i++) {
        const kt_feature_desc_t *desc = kt_feature_desc((kt_feature_t)i);
        cr_assert_eq(kt_feature_find(desc->group, desc->name), i, "%s is there twice", desc->name);
        cr_assert_gt(desc->max_count, 0);
        cr_assert_leq(desc->min, desc->max);
    }
    cr_assert_eq(kt_feature_find(KT_GROUP_MIR, "mfcc"), KT_FEATURES);
}

Test(features, numbers_have_a_range)
{
    for (unsigned i = 0; i < KT_FEATURES; i++) {
        const kt_feature_desc_t *desc = kt_feature_desc((kt_feature_t)i);
        if (desc->shape != KT_SHAPE_TEXT && desc->shape != KT_SHAPE_TEXTS && desc->shape != KT_SHAPE_TAGS)
            cr_assert_lt(desc->min, desc->max, "%s", desc->name);
    }
}

Test(features, keys_are_unique_and_qualified_only_where_needed)
{
    char a[KT_FEATURE_KEY], b[KT_FEATURE_KEY];
    cr_assert_str_eq(kt_feature_key(KT_FEATURE_SPECTRAL_mfcc, a), "mfcc");
    cr_assert_str_eq(kt_feature_key(KT_FEATURE_QUALITY_dynamic_range, a), "quality.dynamic_range");
    cr_assert_str_eq(kt_feature_key(KT_FEATURE_MOOD_valence, a), "mood.valence");
    for (unsigned i = 0; i < KT_FEATURES; i++)
        for (unsigned k = 0; k < i; k++)
            cr_assert_str_neq(kt_feature_key((kt_feature_t)i, a), kt_feature_key((kt_feature_t)k, b));
    for (unsigned i = 0; i < KT_FEATURES; i++)
        for (unsigned group = 0; group < KT_GROUPS; group++)
            cr_assert_str_neq(kt_feature_key((kt_feature_t)i, a), kt_group_name((kt_group_t)group));
}

Test(features, groups_have_their_places_in_the_message)
{
    cr_assert_str_eq(kt_group_path(KT_GROUP_SPECTRAL), "features.spectral");
    cr_assert_str_eq(kt_group_path(KT_GROUP_QUALITY), "quality_metrics");
    cr_assert_str_eq(kt_group_name(KT_GROUP_VECTORS), "vectors");
}

Test(features, the_documentation_has_a_row_for_each_and_is_reproducible)
{
    kt_buf_t a, b;
    char     row[80];
    kt_buf_init(&a, 1 << 20);
    kt_buf_init(&b, 1 << 20);
    kt_features_markdown(&a);
    kt_features_markdown(&b);
    cr_assert_eq(a.err, KT_OK);
    cr_assert_str_eq(a.bytes, b.bytes);
    for (unsigned i = 0; i < KT_FEATURES; i++) {
        snprintf(row, sizeof row, "| `%s` |", kt_feature_desc((kt_feature_t)i)->name);
        cr_assert_not_null(strstr(a.bytes, row), "%s", row);
    }
    for (unsigned group = 0; group < KT_GROUPS; group++)
        cr_assert_not_null(strstr(a.bytes, kt_group_path((kt_group_t)group)));
    kt_buf_fini(&a);
    kt_buf_fini(&b);
}
