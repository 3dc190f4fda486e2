// The view `features`, made from the feature table: for each job that is done or has failed one row, with the code of
// the failure, one column a scalar feature, and the warnings as JSON. Each group of the document is taken apart once,
// however many columns it has.
#include "coordinator/ledger/postgres/schema.h"
#include "proto/features.h"

#include <string.h>

static const char *
type_of(const kt_feature_desc_t *feature)
{
    if (feature == kt_feature_desc(KT_FEATURE_TECHNICAL_warnings))
        return "json";
    switch (feature->shape) {
    case KT_SHAPE_REAL: return "double precision";
    case KT_SHAPE_INT: return "bigint";
    case KT_SHAPE_BOOL: return "boolean";
    case KT_SHAPE_TEXT: return "text";
    default: return NULL;
    }
}

static void
add_columns(kt_buf_t *out)
{
    for (int i = 0; i < KT_FEATURES; i++) {
        char                     key[KT_FEATURE_KEY];
        const kt_feature_desc_t *feature = kt_feature_desc((kt_feature_t)i);
        if (!type_of(feature))
            continue;
        kt_feature_key((kt_feature_t)i, key);
        for (char *dot = strchr(key, '.'); dot; dot = strchr(dot, '.'))
            *dot = '_';
        kt_buf_fmt(out, ",\n       g_%s.\"%s\" AS \"%s\"", kt_group_name(feature->group), feature->name, key);
    }
}

// "features.spectral" as the path of an operator: '{features,spectral}'.
static void
add_path(kt_buf_t *out, const char *path)
{
    kt_buf_str(out, "'{");
    for (const char *c = path; *c; c++)
        kt_buf_add(out, *c == '.' ? "," : c, 1);
    kt_buf_str(out, "}'");
}

static void
add_group(kt_buf_t *out, kt_group_t group)
{
    size_t columns = 0;
    for (int i = 0; i < KT_FEATURES; i++) {
        const kt_feature_desc_t *feature = kt_feature_desc((kt_feature_t)i);
        if (feature->group != group || !type_of(feature))
            continue;
        if (!columns) {
            kt_buf_str(out, "\n  CROSS JOIN LATERAL json_to_record(CASE WHEN json_typeof(r.document::json #> ");
            add_path(out, kt_group_path(group));
            kt_buf_str(out, ") = 'object' THEN r.document::json #> ");
            add_path(out, kt_group_path(group));
            kt_buf_fmt(out, " ELSE '{}' END) AS g_%s(", kt_group_name(group));
        }
        kt_buf_fmt(out, "%s\"%s\" %s", columns++ ? ", " : "", feature->name, type_of(feature));
    }
    if (columns)
        kt_buf_str(out, ")");
}

void
kt_pg_view_text(kt_buf_t *out)
{
    kt_buf_str(out, "SELECT j.id AS job, j.run, i.message_id, i.media_id, i.file_path, r.stored_ms, r.processing_us,"
                    " r.node, r.document::json #>> '{error,code}' AS error");
    add_columns(out);
    kt_buf_str(out, "\n  FROM jobs j JOIN inputs i ON i.job = j.id JOIN results r ON r.job = j.id AND r.run = j.run");
    for (int group = 0; group < KT_GROUPS; group++)
        add_group(out, (kt_group_t)group);
    kt_buf_str(out, "\n WHERE j.state IN (2, 3) AND r.document <> ''");
}
