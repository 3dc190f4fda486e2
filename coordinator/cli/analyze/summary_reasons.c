#include "coordinator/cli/analyze/analyze.h"
#include "coordinator/cli/analyze/summary.h"

#include <string.h>

// The names of the features with this reason, wrapped. column: where the line is so far.
static void
add_names(kt_buf_t *out, const json_t *reasons, size_t first, const char *reason, size_t column)
{
    for (size_t i = first, n = kt_json_count(reasons); i < n; i++) {
        const char *name = kt_json_key(reasons, i);
        if (strcmp(kt_json_str(reasons, name, ""), reason) != 0)
            continue;
        size_t width = strlen(name) + 2;
        bool   wraps = column + width > KT_SUMMARY_WIDTH;
        kt_buf_fmt(out, "%s%s%s", i == first ? "" : ",", wraps ? "\n    " : " ", name);
        column = wraps ? 4 + width : column + width;
    }
}

// What the reader has asked for, or sees in the lines above.
static bool
is_known(const char *reason)
{
    static const char *const KNOWN[] = {"not asked for", "no video", "no sound"};
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (strcmp(reason, KNOWN[i]) == 0)
            return true;
    return false;
}

void
kt_summary_reasons(const json_t *document, bool color, kt_buf_t *out)
{
    const json_t *reasons = kt_json_get(document, "reasons");
    size_t        n       = kt_json_count(reasons);
    bool          titled  = false;
    for (size_t i = 0; i < n; i++) {
        const char *reason = kt_json_str(reasons, kt_json_key(reasons, i), "");
        bool        shown  = is_known(reason);
        for (size_t k = 0; k < i && !shown; k++)
            shown = strcmp(kt_json_str(reasons, kt_json_key(reasons, k), ""), reason) == 0;
        if (shown)
            continue;
        if (!titled)
            kt_buf_fmt(out, "  %sabsent%s\n", color ? KT_SUMMARY_DIM : "", color ? KT_SUMMARY_PLAIN : "");
        titled = true;
        kt_buf_str(out, "  ");
        kt_summary_clean(out, reason);
        kt_buf_str(out, ":");
        add_names(out, reasons, i, reason, strlen(reason) + 3);
        kt_buf_str(out, "\n");
    }
}
