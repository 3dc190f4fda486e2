#include "proto/job_relax.h"

#include "common/json.h"
#include "common/text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 32 };  // of a value that is parsed; kt_json_parse takes 64 levels with all around it

typedef struct span {
    const char *at, *end;
} span_t;

typedef enum layer { LAYER_NONE, LAYER_MESSAGE, LAYER_METADATA, LAYER_OPTIONS } layer_t;

// What is read of an object, and the objects in it of which something is read.
static const struct {
    layer_t     layer, below;
    const char *name;
} READ[] = {
    {LAYER_MESSAGE, LAYER_NONE, "message_id"},          {LAYER_MESSAGE, LAYER_NONE, "media_id"},
    {LAYER_MESSAGE, LAYER_NONE, "file_path"},           {LAYER_MESSAGE, LAYER_NONE, "file_format"},
    {LAYER_MESSAGE, LAYER_NONE, "file_size"},           {LAYER_MESSAGE, LAYER_NONE, "priority"},
    {LAYER_MESSAGE, LAYER_NONE, "timestamp"},           {LAYER_MESSAGE, LAYER_METADATA, "metadata"},
    {LAYER_MESSAGE, LAYER_OPTIONS, "analysis_options"}, {LAYER_METADATA, LAYER_NONE, "duration"},
};

static bool
is_read(layer_t layer, const char *name, layer_t *below)
{
    *below = LAYER_NONE;
    if (layer == LAYER_OPTIONS)
        return kt_option_is_member(name);
    for (size_t i = 0; i < sizeof READ / sizeof *READ; i++)
        if (READ[i].layer == layer && !strcmp(READ[i].name, name)) {
            *below = READ[i].below;
            return true;
        }
    return false;
}

static void
skip_blanks(span_t *scan)
{
    while (scan->at < scan->end && *scan->at && strchr(" \t\r\n", *scan->at))
        scan->at++;
}

static bool
scan_char(span_t *scan, char c)
{
    skip_blanks(scan);
    if (scan->at == scan->end || *scan->at != c)
        return false;
    scan->at++;
    return true;
}

// At the opening quote; to behind the closing one.
static bool
scan_string(span_t *scan, span_t *out)
{
    out->at = scan->at;
    for (scan->at++; scan->at < scan->end; scan->at++)
        if (*scan->at == '\\') {
            if (++scan->at == scan->end)
                return false;
        } else if (*scan->at == '"') {
            out->end = ++scan->at;
            return true;
        }
    return false;
}

// To behind the bracket that closes the one at which it stands. *depth: the greatest nesting.
static bool
scan_brackets(span_t *scan, size_t *depth)
{
    size_t open = 0;
    span_t skipped;
    while (scan->at < scan->end) {
        char c = *scan->at;
        if (c == '"') {
            if (!scan_string(scan, &skipped))
                return false;
            continue;
        }
        scan->at++;
        if (c == '{' || c == '[')
            *depth = ++open > *depth ? open : *depth;
        else if ((c == '}' || c == ']') && --open == 0)
            return true;
    }
    return false;
}

static bool
scan_value(span_t *scan, span_t *out, size_t *depth)
{
    *depth = 0;
    skip_blanks(scan);
    if (scan->at == scan->end)
        return false;
    out->at = scan->at;
    if (*scan->at == '"')
        return scan_string(scan, out);
    if (*scan->at == '{' || *scan->at == '[') {
        bool closed = scan_brackets(scan, depth);
        out->end    = scan->at;
        return closed;
    }
    while (scan->at < scan->end && !strchr(",:]}[{\" \t\r\n", *scan->at))
        scan->at++;
    out->end = scan->at;
    return out->end > out->at;
}

static json_t *
parse_value(span_t value, size_t depth)
{
    if (depth > DEPTH)
        return NULL;
    return json_loadb(value.at, (size_t)(value.end - value.at), JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
}

static json_t *
text_of(span_t value)
{
    size_t  capacity = 3 * (size_t)(value.end - value.at) + 1;  // a bad byte becomes U+FFFD
    char   *text     = malloc(capacity);
    json_t *json     = NULL;
    if (text) {
        kt_text_sanitize(text, capacity, value.at, (size_t)(value.end - value.at));
        json = json_string(text);
    }
    free(text);
    return json;
}

static json_t *relax_object(span_t *scan, layer_t layer, bool drop, bool *twice);

// A member's value. NULL: it is left out, or, of one that is read, wrong.
static json_t *
relax_value(span_t value, size_t depth, bool read, layer_t below, bool drop, bool *twice)
{
    json_t *json = parse_value(value, depth);
    if (json)
        return json;
    if (read)
        return below != LAYER_NONE && *value.at == '{' ? relax_object(&value, below, drop, twice) : NULL;
    return drop ? NULL : text_of(value);
}

static bool
relax_member(span_t *scan, layer_t layer, bool drop, json_t *out, bool *twice)
{
    span_t  key, value;
    size_t  depth;
    layer_t below;
    skip_blanks(scan);
    if (scan->at == scan->end || *scan->at != '"' || !scan_string(scan, &key) || !scan_char(scan, ':') ||
        !scan_value(scan, &value, &depth))
        return false;
    json_t     *parsed = parse_value(key, 0), *name = parsed ? parsed : text_of(key);
    const char *text = json_string_value(name);
    bool        read = text && is_read(layer, text, &below);
    bool        good = text && !(read && json_object_get(out, text));
    *twice           = *twice || !good;
    json_t *json     = good ? relax_value(value, depth, read, below, drop, twice) : NULL;
    good             = json ? json_object_set_new(out, text, json) == 0 : good && !read && drop;
    json_decref(name);
    return good;
}

// At the opening brace; NULL: no object, a member that is read is wrong (or there *twice), or memory is out.
static json_t *
relax_object(span_t *scan, layer_t layer, bool drop, bool *twice)
{
    json_t *out  = json_object();
    bool    good = out && scan_char(scan, '{');
    if (good && !scan_char(scan, '}')) {
        do
            good = relax_member(scan, layer, drop, out, twice);
        while (good && scan_char(scan, ','));
        good = good && scan_char(scan, '}');
    }
    if (good)
        return out;
    json_decref(out);
    return NULL;
}

static kt_err_t
write_relaxed(json_t *body, const char *message_id, kt_buf_t *out)
{
    const json_t *id = json_object_get(body, "message_id");
    if (*message_id && (!id || json_is_null(id) || (json_is_string(id) && !json_string_length(id))) &&
        json_object_set_new(body, "message_id", json_string(message_id)))
        return KT_ENOMEM;
    char *text = json_dumps(body, JSON_COMPACT);
    if (!text)
        return KT_ENOMEM;
    kt_buf_clear(out);
    kt_buf_add(out, text, strlen(text));
    free(text);
    return out->err;
}

static kt_err_t
relax_text(span_t text, const char *message_id, kt_buf_t *out, char why[KT_JOB_WHY])
{
    bool twice = false;
    for (int drop = 0; drop < 2; drop++) {  // carried as texts it may be too long: then they are left out
        span_t  scan = text;
        json_t *body = relax_object(&scan, LAYER_MESSAGE, drop, &twice);
        if (twice)
            kt_text_copy(why, KT_JOB_WHY, "a member that is read is there twice");
        skip_blanks(&scan);
        if (!body || scan.at < scan.end) {
            json_decref(body);
            return KT_EMESSAGE;
        }
        kt_err_t err = write_relaxed(body, message_id, out);
        json_decref(body);
        if (err || out->length <= KT_JOB_MAX_BYTES)
            return err;
    }
    kt_text_copy(why, KT_JOB_WHY, "the message is too long");
    return KT_EMESSAGE;
}

static span_t
without_mark(const char *text, size_t length)
{
    size_t mark = length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
    return (span_t){text + mark, text + length};
}

kt_err_t
kt_job_relax(const char *text, size_t length, const char *message_id, kt_buf_t *out, char why[KT_JOB_WHY])
{
    span_t   span = without_mark(text, length);
    json_t  *body = NULL;
    kt_err_t err  = kt_json_parse(span.at, (size_t)(span.end - span.at), KT_JOB_MAX_BYTES, &body, why);
    if (err)
        return err == KT_EMESSAGE && length <= KT_JOB_MAX_BYTES ? relax_text(span, message_id, out, why) : err;
    const char *id = kt_json_str(body, "message_id", "");
    if (span.at != text || (*message_id && !*id))
        err = write_relaxed(body, message_id, out);
    json_decref(body);
    return err;
}

// The value behind a name, where `scan` stands behind the name's closing quote.
static bool
read_found(span_t scan, char *out, size_t capacity)
{
    span_t value;
    size_t depth;
    if (!scan_char(&scan, ':') || !scan_value(&scan, &value, &depth) || depth)
        return false;
    if (*value.at != '"' && !strchr("-0123456789", *value.at))
        return false;
    json_t     *json = *value.at == '"' ? parse_value(value, 0) : NULL;
    const char *text = json_string_value(json);
    if (!text && *value.at == '"')
        value = (span_t){value.at + 1, value.end - 1};
    if (text)
        kt_text_sanitize(out, capacity, text, strlen(text));
    else
        kt_text_sanitize(out, capacity, value.at, (size_t)(value.end - value.at));
    json_decref(json);
    return *out != '\0';
}

bool
kt_job_find_text(const char *text, size_t length, const char *name, char *out, size_t capacity)
{
    size_t n = strlen(name);
    *out     = '\0';
    for (int anywhere = 0; anywhere < 2; anywhere++) {
        span_t scan  = without_mark(text, length), found;
        int    depth = 0;
        while (scan.at < scan.end) {
            char c = *scan.at;
            if (c != '"') {
                depth += (c == '{' || c == '[') - (c == '}' || c == ']');
                scan.at++;
                continue;
            }
            const char *quote = scan.at;
            if (!anywhere && !scan_string(&scan, &found))
                break;
            if (anywhere) {  // strings may be broken: each quote may begin a name
                found   = (span_t){quote, quote + n + 2 <= scan.end ? quote + n + 2 : quote};
                scan.at = quote + 1;
            }
            if ((size_t)(found.end - found.at) == n + 2 && !memcmp(found.at + 1, name, n) && found.at[n + 1] == '"' &&
                (anywhere || depth == 1) && read_found((span_t){found.end, scan.end}, out, capacity))
                return true;
        }
    }
    return false;
}
