#include "common/json.h"

#include "common/text.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

// Bounds nesting before parsing: jansson recurses up to 2,048 levels.
static bool
is_shallow(const char *text, size_t length, int *line)
{
    int  depth     = 0;
    bool in_string = false;
    *line          = 1;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '\n')
            (*line)++;
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '[') && ++depth > MAX_DEPTH)
            return false;
        else if (!in_string && (c == '}' || c == ']'))
            depth--;
    }
    return true;
}

kt_err_t
kt_json_parse(const char *text, size_t length, size_t max_bytes, json_t **out, char why[KT_JSON_WHY])
{
    json_error_t error;
    int          line;
    if (length > max_bytes)
        return kt_text_explain(why, KT_JSON_WHY, KT_EMESSAGE, "%zu bytes are more than the %zu that are permitted",
                               length, max_bytes);
    if (!is_shallow(text, length, &line))
        return kt_text_explain(why, KT_JSON_WHY, KT_EMESSAGE, "line %d: nested more than %d deep", line, MAX_DEPTH);
    json_t *value = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!value)
        return kt_text_explain(why, KT_JSON_WHY, KT_EMESSAGE, "line %d: %s", error.line > 0 ? error.line : 1,
                               error.text);
    if (!json_is_object(value)) {
        json_decref(value);
        return kt_text_explain(why, KT_JSON_WHY, KT_EMESSAGE, "line 1: an array where an object is expected");
    }
    *out = value;
    return KT_OK;
}

static int
append_to_buf(const char *bytes, size_t length, void *out)
{
    kt_buf_add(out, bytes, length);
    return ((kt_buf_t *)out)->err ? -1 : 0;
}

static void
write_json(const json_t *value, size_t flags, kt_buf_t *out)
{
    size_t length = out->length;
    int    failed = json_dump_callback(value, append_to_buf, out, JSON_ENCODE_ANY | flags);
    if (!failed)
        return;
    if (!out->err)
        out->err = KT_ENOMEM;
    // Removes the partial value.
    out->length = length;
    if (out->bytes)
        out->bytes[length] = '\0';
}

void
kt_json_write(const json_t *value, kt_buf_t *out)
{
    write_json(value, JSON_COMPACT | JSON_REAL_PRECISION(9), out);
}

void
kt_json_write_exact(const json_t *value, kt_buf_t *out)
{
    write_json(value, JSON_INDENT(1), out);
}

void
kt_json_free(json_t **value_p)
{
    json_decref(*value_p);
    *value_p = NULL;
}

json_t *
kt_json_object(void)
{
    return json_object();
}

json_t *
kt_json_array(void)
{
    return json_array();
}

bool
kt_json_set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

bool
kt_json_append(json_t *array, json_t *value)
{
    return json_array_append_new(array, value) == 0;
}

json_t *
kt_json_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *
kt_json_int(int64_t value)
{
    return json_integer(value);
}

json_t *
kt_json_bool(bool value)
{
    return json_boolean(value);
}

json_t *
kt_json_text(const char *text)
{
    if (!text)
        return json_null();
    size_t length = strlen(text);
    if (kt_text_is_utf8(text, length))
        return json_stringn_nocheck(text, length);
    char *clean = malloc(3 * length + 1);  // each byte may become U+FFFD
    if (!clean)
        return NULL;
    json_t *value = json_stringn_nocheck(clean, kt_text_sanitize(clean, 3 * length + 1, text, length));
    free(clean);
    return value;
}

json_t *
kt_json_null(void)
{
    return json_null();
}

const json_t *
kt_json_get(const json_t *object, const char *key)
{
    return json_object_get(object, key);
}

const json_t *
kt_json_at(const json_t *array, size_t index)
{
    return json_array_get(array, index);
}

const char *
kt_json_key(const json_t *object, size_t index)
{
    void *at = json_object_iter((json_t *)object);
    while (at && index-- > 0)
        at = json_object_iter_next((json_t *)object, at);
    return at ? json_object_iter_key(at) : NULL;
}

size_t
kt_json_count(const json_t *array_or_object)
{
    return json_is_array(array_or_object) ? json_array_size(array_or_object) : json_object_size(array_or_object);
}

const char *
kt_json_str(const json_t *object, const char *key, const char *fallback)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : fallback;
}

int64_t
kt_json_i64(const json_t *object, const char *key, int64_t fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

double
kt_json_f64(const json_t *object, const char *key, double fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : fallback;
}

bool
kt_json_flag(const json_t *object, const char *key, bool fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

bool
kt_json_is_null(const json_t *value)
{
    return json_is_null(value);
}

kt_json_kind_t
kt_json_kind(const json_t *value)
{
    static const kt_json_kind_t kinds[] = {
        [JSON_OBJECT] = KT_JSON_OBJECT, [JSON_ARRAY] = KT_JSON_ARRAY, [JSON_STRING] = KT_JSON_TEXT,
        [JSON_INTEGER] = KT_JSON_INT,   [JSON_REAL] = KT_JSON_REAL,   [JSON_TRUE] = KT_JSON_BOOL,
        [JSON_FALSE] = KT_JSON_BOOL,    [JSON_NULL] = KT_JSON_NULL,
    };
    return value ? kinds[json_typeof(value)] : KT_JSON_NONE;
}

const char *
kt_json_string(const json_t *value)
{
    return json_string_value(value);
}

bool
kt_json_integer(const json_t *value, int64_t *out)
{
    if (!json_is_integer(value))
        return false;
    *out = json_integer_value(value);
    return true;
}

bool
kt_json_boolean(const json_t *value, bool *out)
{
    if (!json_is_boolean(value))
        return false;
    *out = json_is_true(value);
    return true;
}

bool
kt_json_number(const json_t *value, double *out)
{
    if (!json_is_number(value))
        return false;
    *out = json_number_value(value);
    return true;
}

void
kt_json_plain(const json_t *value, char *out, size_t capacity)
{
    if (json_is_string(value)) {
        (void)kt_text_sanitize(out, capacity, json_string_value(value), json_string_length(value));
        return;
    }
    if (json_is_boolean(value)) {
        (void)kt_text_copy(out, capacity, json_is_true(value) ? "yes" : "no");
        return;
    }
    kt_buf_t text;
    kt_buf_init(&text, 1 << 20);
    kt_json_write(value, &text);
    (void)kt_text_sanitize(out, capacity, text.err ? "" : text.bytes, text.err ? 0 : text.length);
    kt_buf_fini(&text);
}

json_t *
kt_json_copy(const json_t *value)
{
    return json_deep_copy(value);
}
