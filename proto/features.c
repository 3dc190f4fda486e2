#include "proto/features.h"

#include "common/assert.h"

#include <stdio.h>
#include <string.h>

static const kt_feature_desc_t TABLE[] = {
#define KT_FEATURE(group, name, shape, max_count, unit, min, max, method, meaning, source)                             \
    {KT_GROUP_##group, KT_SHAPE_##shape, #name, max_count, unit, min, max, method, meaning, source},
#include "proto/features.def"
#undef KT_FEATURE
};

static const struct {
    const char *name, *path;
} GROUPS[KT_GROUPS] = {
    [KT_GROUP_SPECTRAL]    = {"spectral", "features.spectral"},
    [KT_GROUP_MIR]         = {"mir", "features.mir"},
    [KT_GROUP_PERCEPTUAL]  = {"perceptual", "features.perceptual"},
    [KT_GROUP_TECHNICAL]   = {"technical", "features.technical"},
    [KT_GROUP_VISUAL]      = {"visual", "features.visual"},
    [KT_GROUP_MOOD]        = {"mood", "features.mood"},
    [KT_GROUP_INSTRUMENTS] = {"instruments", "features.instruments"},
    [KT_GROUP_QUALITY]     = {"quality", "quality_metrics"},
    [KT_GROUP_VECTORS]     = {"vectors", "similarity_vectors"},
};

const kt_feature_desc_t *
kt_feature_desc(kt_feature_t feature)
{
    kt_assert((unsigned)feature < KT_FEATURES);
    return &TABLE[feature];
}

const char *
kt_group_path(kt_group_t group)
{
    kt_assert((unsigned)group < KT_GROUPS);
    return GROUPS[group].path;
}

const char *
kt_group_name(kt_group_t group)
{
    kt_assert((unsigned)group < KT_GROUPS);
    return GROUPS[group].name;
}

kt_feature_t
kt_feature_find(kt_group_t group, const char *name)
{
    for (unsigned i = 0; i < KT_FEATURES; i++)
        if (TABLE[i].group == group && !strcmp(TABLE[i].name, name))
            return (kt_feature_t)i;
    return KT_FEATURES;
}

const char *
kt_feature_key(kt_feature_t feature, char out[KT_FEATURE_KEY])
{
    const kt_feature_desc_t *desc  = kt_feature_desc(feature);
    unsigned                 named = 0;
    for (unsigned group = 0; group < KT_GROUPS; group++)
        named += kt_feature_find((kt_group_t)group, desc->name) != KT_FEATURES;
    if (named == 1)
        snprintf(out, KT_FEATURE_KEY, "%s", desc->name);
    else
        snprintf(out, KT_FEATURE_KEY, "%s.%s", kt_group_name(desc->group), desc->name);
    return out;
}

static void
shape_text(const kt_feature_desc_t *desc, kt_buf_t *out)
{
    switch (desc->shape) {
    case KT_SHAPE_REAL: kt_buf_str(out, "number"); break;
    case KT_SHAPE_INT: kt_buf_str(out, "integer"); break;
    case KT_SHAPE_BOOL: kt_buf_str(out, "boolean"); break;
    case KT_SHAPE_TEXT: kt_buf_fmt(out, "text (%zu bytes)", desc->max_count); break;
    case KT_SHAPE_REALS: kt_buf_fmt(out, "up to %zu numbers", desc->max_count); break;
    case KT_SHAPE_TEXTS: kt_buf_fmt(out, "up to %zu texts", desc->max_count); break;
    case KT_SHAPE_MAP: kt_buf_fmt(out, "up to %zu named numbers", desc->max_count); break;
    case KT_SHAPE_TAGS: kt_buf_fmt(out, "up to %zu named texts", desc->max_count); break;
    case KT_SHAPE_OBJECTS: kt_buf_fmt(out, "up to %zu objects", desc->max_count); break;
    }
}

static void
row(const kt_feature_desc_t *desc, kt_buf_t *out)
{
    kt_buf_fmt(out, "| `%s` | ", desc->name);
    shape_text(desc, out);
    kt_buf_fmt(out, " | %s | ", desc->unit);
    if (desc->min < desc->max && desc->shape != KT_SHAPE_BOOL)
        kt_buf_fmt(out, "%.9g to %.9g", desc->min, desc->max);
    kt_buf_fmt(out, " | %s | %s | %s |\n", desc->method, desc->meaning, desc->source);
}

void
kt_features_markdown(kt_buf_t *out)
{
    kt_buf_str(
        out,
        "# Features\n\nGenerated from `proto/features.def`; change that. Every row is a member of the output message. "
        "A value\n"
        "that was not computed is `null`, and `reasons` says why; a number outside of its range never leaves a node.\n"
        "\"Method\" is what `methods` says beside a value unless the analysis says otherwise; a fact of the file has "
        "none.\n");
    for (unsigned group = 0; group < KT_GROUPS; group++) {
        kt_buf_fmt(out, "\n## %s\n\n| name | shape | unit | range | method | meaning | source |\n", GROUPS[group].path);
        kt_buf_str(out, "| --- | --- | --- | --- | --- | --- | --- |\n");
        for (unsigned i = 0; i < KT_FEATURES; i++)
            if (TABLE[i].group == (kt_group_t)group)
                row(&TABLE[i], out);
    }
}
