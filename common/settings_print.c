#include "common/file.h"
#include "common/settings.h"
#include "common/settings_table.h"

#include <string.h>
#include <sys/stat.h>

// ...?password=secret, as libpq's URLs permit.
static const char *
password_in_query(const char *text, const char **end)
{
    static const char key[]    = "password=";
    const char       *password = strcasestr(text, key);
    if (!password)
        return NULL;
    password += sizeof key - 1;
    *end = password + strcspn(password, "& ");
    return password;
}

// Adds the text with its passwords masked; true if something was masked.
static bool
add_masked(kt_buf_t *out, bool secret, const char *text)
{
    // scheme://user:password@host. A password that is not percent-encoded may contain any character, so the last '@'
    // ends it.
    const char *scheme   = strstr(text, "://");
    const char *at       = scheme ? strrchr(scheme, '@') : NULL;
    const char *colon    = at ? memchr(scheme + 3, ':', (size_t)(at - scheme - 3)) : NULL;
    const char *password = colon ? colon + 1 : NULL;
    const char *end      = at;  // behind the password
    bool        hidden   = false;
    bool        file     = strncmp(text, "sqlite:", 7) == 0 || strncmp(text, "memory:", 7) == 0;
    if (secret && *text && !scheme && !file) {
        kt_buf_str(out, "***");
        return true;
    }
    if (!password)
        password = password_in_query(text, &end);
    for (; password; password = password_in_query(text, &end)) {
        kt_buf_add(out, text, (size_t)(password - text));
        kt_buf_str(out, "***");
        text   = end;
        hidden = true;
    }
    kt_buf_str(out, text);
    return hidden;
}

// In the file's syntax: quoted if it contains a blank, a quote, a backslash or '#'.
static void
add_quoted(kt_buf_t *out, const char *text)
{
    if (!strpbrk(text, " #\"'\\")) {
        kt_buf_str(out, text);
        return;
    }
    kt_buf_str(out, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            kt_buf_str(out, "\\");
        kt_buf_add(out, text, 1);
    }
    kt_buf_str(out, "\"");
}

// True if something was masked.
static bool
add_setting_value(const kt_settings_t *self, int row, kt_buf_t *out)
{
    const kt_setting_row_t *r      = &KT_SETTING_TABLE[row];
    const void             *member = (const char *)self + r->offset;
    kt_buf_t                masked;
    bool                    hidden = false;
    switch (r->kind) {
    case KT_SETTING_INT:
        if (kt_setting_has_auto(r) && *(const int64_t *)member == 0)
            kt_buf_str(out, "auto");
        else
            kt_buf_fmt(out, "%lld", (long long)*(const int64_t *)member);
        break;
    case KT_SETTING_REAL: kt_buf_fmt(out, "%.17g", *(const double *)member); break;
    case KT_SETTING_BOOL: kt_buf_str(out, *(const bool *)member ? "true" : "false"); break;
    default:
        kt_buf_init(&masked, out->max_bytes);
        hidden = add_masked(&masked, r->kind == KT_SETTING_SECRET, *(const char *const *)member);
        kt_buf_add(&masked, "", 0);
        if (masked.err)
            out->err = out->err ? out->err : masked.err;
        else
            add_quoted(out, masked.bytes);
        kt_buf_fini(&masked);
    }
    return hidden;
}

bool
kt_settings_are_open(const kt_settings_t *self, const char **name)
{
    const kt_settings_memory_t *memory = self->memory;
    struct stat                 facts;
    if (!*self->config || stat(self->config, &facts) || kt_file_is_private(facts.st_mode, facts.st_uid))
        return false;
    for (int row = 0; row < KT_SETTING_ROWS; row++) {
        kt_buf_t value;
        kt_buf_init(&value, 1 << 16);
        const bool secret = memory->sources[row] == KT_SETTING_FILE && add_setting_value(self, row, &value);
        kt_buf_fini(&value);
        if (secret) {
            *name = KT_SETTING_TABLE[row].env;
            return true;
        }
    }
    return false;
}

void
kt_settings_print(const kt_settings_t *self, kt_buf_t *out)
{
    static const char *const    sources[] = {"default", "file", "environment", "set"};
    const kt_settings_memory_t *memory    = self->memory;
    for (int row = 0; row < KT_SETTING_ROWS; row++) {
        kt_buf_t line;
        kt_buf_init(&line, out->max_bytes);
        bool hidden = add_setting_value(self, row, &line);
        kt_buf_add(&line, "", 0);
        // Commented out: *** would be read back as a password.
        kt_buf_fmt(out, "%s%s=%s  # %s%s\n", hidden ? "# " : "", KT_SETTING_TABLE[row].env, line.err ? "" : line.bytes,
                   sources[memory->sources[row]], hidden ? ", masked" : "");
        if (line.err && !out->err)
            out->err = line.err;
        kt_buf_fini(&line);
    }
}

static void
add_markdown(kt_buf_t *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            kt_buf_str(out, "\\");
        kt_buf_add(out, text, 1);
    }
}

enum { HELP_INDENT = 33, HELP_WIDTH = 100 };

// Wraps the words to lines of HELP_WIDTH; the first line starts at the indent.
static void
add_wrapped(kt_buf_t *out, const char *text)
{
    size_t column = HELP_INDENT;
    for (size_t length; *text; text += length + (text[length] == ' ')) {
        length    = strcspn(text, " ");
        bool next = column > HELP_INDENT && column + 1 + length > HELP_WIDTH;
        if (next)
            kt_buf_fmt(out, "\n%*s", HELP_INDENT, "");
        else if (column > HELP_INDENT)
            kt_buf_str(out, " ");
        column = next ? HELP_INDENT + length : column + (column > HELP_INDENT) + length;
        kt_buf_add(out, text, length);
    }
}

void
kt_settings_help(kt_buf_t *out, bool markdown)
{
    if (markdown)
        kt_buf_str(out, "| setting | default | permitted | meaning |\n| --- | --- | --- | --- |\n");
    for (int row = 0; row < KT_SETTING_ROWS; row++) {
        const kt_setting_row_t *r = &KT_SETTING_TABLE[row];
        char                    permits[160];
        kt_setting_permits(row, permits, sizeof permits);
        if (markdown) {
            kt_buf_fmt(out, "| `%s` | ", r->env);
            add_markdown(out, r->default_text);
            kt_buf_fmt(out, " | %s%s%s | ", permits, *r->unit ? " " : "", r->unit);
            add_markdown(out, r->meaning);
            kt_buf_str(out, " |\n");
        } else {
            kt_buf_fmt(out, "  %-30s ", r->env);
            add_wrapped(out, r->meaning);
            kt_buf_fmt(out, "\n  %-30s   %s%s%s; default: %s\n", "", permits, *r->unit ? " " : "", r->unit,
                       *r->default_text ? r->default_text : "empty");
        }
    }
}
