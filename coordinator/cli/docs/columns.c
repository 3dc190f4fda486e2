// The columns of a result as JSON, for programs that make rows of messages (python/kithara).
#include "proto/columns.h"

#include "coordinator/cli/docs/docs.h"

#include <string.h>

static const char *const TYPES[KT_COLUMN_TYPES] = {
    [KT_COLUMN_BOOL] = "bool", [KT_COLUMN_INT] = "int",     [KT_COLUMN_REAL] = "real",   [KT_COLUMN_TEXT] = "text",
    [KT_COLUMN_TIME] = "time", [KT_COLUMN_REALS] = "reals", [KT_COLUMN_TEXTS] = "texts", [KT_COLUMN_JSON] = "json",
};

// "a.b" as "a","b"
static void
add_path(kt_buf_t *out, const char *path)
{
    for (; *path; path++) {
        if (*path == '.')
            kt_buf_str(out, "\",\"");
        else
            kt_buf_add(out, path, 1);
    }
}

static void
add_json_text(kt_buf_t *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            kt_buf_str(out, "\\");
        kt_buf_add(out, text, 1);
    }
}

void
kt_docs_columns(kt_buf_t *out)
{
    kt_buf_str(out, "[\n");
    for (size_t i = 0; i < kt_columns_count(); i++) {
        kt_column_desc_t column;
        char             path[192];
        kt_column_describe(i, &column);
        kt_column_path(i, path, sizeof path);
        kt_buf_fmt(out, "%s{\"name\":\"%s\",\"type\":\"%s\",\"path\":[\"", i > 0 ? ",\n" : "", column.name,
                   TYPES[column.type]);
        add_path(out, path);
        kt_buf_str(out, "\"],\"unit\":\"");
        add_json_text(out, column.unit);
        kt_buf_str(out, "\",\"meaning\":\"");
        add_json_text(out, column.meaning);
        kt_buf_str(out, "\"}");
    }
    kt_buf_str(out, "\n]\n");
}
