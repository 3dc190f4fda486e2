#include "proto/job_relax.h"

#include "common/json.h"
#include "common/text.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 32 };  // of a value that is parsed; kt_json_parse takes 64 levels with all around it

typedef struct span {
    const char *at, *end;
} span_t;

typedef enum layer { LAYER_NONE, LAYER_MESSAGE, LAYER_METADATA, LAYER_OPTIONS } layer_t;

// One reading of a message.
typedef struct relax {
    bool   drop;   // what is no JSON is left out; else it is carried as a text
    bool   twice;  // a member that is read is there twice
    size_t more;   // members that have no room in
    char   names[KT_JOB_WHY - 64];
} relax_t;

// What is read of an object, and the objects in it of which something is read.
static const struct {
    layer_t     layer, below;
    const char *name;
} READ[] = {
    {LAYER_MESSAGE, LAYER_NONE, "message_id"},
    {LAYER_MESSAGE, LAYER_NONE, "media_id"},
    {LAYER_MESSAGE, LAYER_NONE, "file_path"},
    {LAYER_MESSAGE, LAYER_NONE, "file_size"},
    {LAYER_MESSAGE, LAYER_NONE, "priority"},
    {LAYER_MESSAGE, LAYER_METADATA, "metadata"},
    {LAYER_MESSAGE, LAYER_OPTIONS, "analysis_options"},
    {LAYER_METADATA, LAYER_NONE, "duration"},
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

// Metadata is read only as an object.
static bool
is_read_as(layer_t layer, const char *name, span_t value, layer_t *below)
{
    return is_read(layer, name, below) && (*below != LAYER_METADATA || *value.at == '{');
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

// Notes what became of a member that is not read.
static void
note_member(relax_t *self, layer_t layer, const char *name, const char *became)
{
    static const char *const BEFORE[] = {
        [LAYER_MESSAGE] = "", [LAYER_METADATA] = "metadata.", [LAYER_OPTIONS] = "analysis_options."};
    char   shown[48], text[128];
    size_t used = strlen(self->names);
    kt_text_sanitize(shown, sizeof shown, name, strlen(name));
    int length = snprintf(text, sizeof text, "%s%s%s (%s)", used ? ", " : "", BEFORE[layer], shown, became);
    if (self->more || used + (size_t)length >= sizeof self->names)
        self->more++;
    else
        memcpy(self->names + used, text, (size_t)length + 1);
}

static json_t *relax_object(relax_t *self, span_t *scan, layer_t layer);

// A member's value. NULL: it is left out, or, of one that is read, wrong.
static json_t *
relax_value(relax_t *self, span_t value, size_t depth, layer_t layer, const char *name)
{
    layer_t below;
    json_t *json = parse_value(value, depth);
    if (json)
        return json;
    if (is_read_as(layer, name, value, &below))
        return below != LAYER_NONE && *value.at == '{' ? relax_object(self, &value, below) : NULL;
    note_member(self, layer, name, self->drop ? "left out" : "carried as text");
    return self->drop ? NULL : text_of(value);
}

static bool
relax_member(relax_t *self, span_t *scan, layer_t layer, json_t *out)
{
    span_t  key, value;
    size_t  depth;
    layer_t below;
    skip_blanks(scan);
    if (scan->at == scan->end || *scan->at != '"' || !scan_string(scan, &key) || !scan_char(scan, ':') ||
        !scan_value(scan, &value, &depth))
        return false;
    json_t     *parsed = parse_value(key, 0), *name = parsed ? parsed : text_of(key);
    const char *text     = json_string_value(name);
    bool        read     = text && is_read(layer, text, &below);
    bool        repeated = text && json_object_get(out, text);
    bool        good     = text && !(read && repeated);
    self->twice          = self->twice || !good;
    if (good && repeated)
        note_member(self, layer, text, "repeated: the last one counts");
    json_t *json = good ? relax_value(self, value, depth, layer, text) : NULL;
    good         = json ? json_object_set_new(out, text, json) == 0
                        : good && self->drop && !is_read_as(layer, text, value, &below);
    json_decref(name);
    return good;
}

// At the opening brace; NULL: no object, a member that is read is wrong (or there twice), or memory is out.
static json_t *
relax_object(relax_t *self, span_t *scan, layer_t layer)
{
    json_t *out  = json_object();
    bool    good = out && scan_char(scan, '{');
    if (good && !scan_char(scan, '}')) {
        do
            good = relax_member(self, scan, layer, out);
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

static void
write_warning(const relax_t *self, const json_t *body, char warning[KT_JOB_WHY])
{
    char          more[32] = "";
    const json_t *metadata = json_object_get(body, "metadata");
    if (self->more)
        snprintf(more, sizeof more, " and %zu more", self->more);
    if (*self->names)
        snprintf(warning, KT_JOB_WHY, "no valid JSON: %s%s", self->names, more);
    else if (metadata && !json_is_object(metadata) && !json_is_null(metadata))
        kt_text_copy(warning, KT_JOB_WHY, "no object: metadata (carried, and not read)");
}

static kt_err_t
relax_text(span_t text, const char *message_id, kt_buf_t *out, char warning[KT_JOB_WHY], char why[KT_JOB_WHY])
{
    for (int drop = 0; drop < 2; drop++) {  // carried as texts it may be too long: then they are left out
        relax_t relax = {.drop = drop};
        span_t  scan  = text;
        json_t *body  = relax_object(&relax, &scan, LAYER_MESSAGE);
        if (relax.twice)
            kt_text_copy(why, KT_JOB_WHY, "a member that is read is there twice");
        skip_blanks(&scan);
        if (!body || scan.at < scan.end) {
            json_decref(body);
            return KT_EMESSAGE;
        }
        kt_err_t err = write_relaxed(body, message_id, out);
        write_warning(&relax, body, warning);
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
kt_job_relax(const char *text, size_t length, const char *message_id, kt_buf_t *out, char warning[KT_JOB_WHY],
             char why[KT_JOB_WHY])
{
    warning[0]    = '\0';
    span_t   span = without_mark(text, length);
    json_t  *body = NULL;
    kt_err_t err  = kt_json_parse(span.at, (size_t)(span.end - span.at), KT_JOB_MAX_BYTES, &body, why);
    if (err)
        return err == KT_EMESSAGE && length <= KT_JOB_MAX_BYTES ? relax_text(span, message_id, out, warning, why) : err;
    const char *id = kt_json_str(body, "message_id", "");
    if (span.at != text || (*message_id && !*id))
        err = write_relaxed(body, message_id, out);
    write_warning(&(relax_t){0}, body, warning);
    json_decref(body);
    return err;
}

// Behind the opening bracket; to behind the closing one.
static bool
visit_elements(span_t *scan, kt_job_text_fn *visit, void *context)
{
    span_t value;
    size_t depth;
    if (scan_char(scan, ']'))
        return true;
    do {
        if (!scan_value(scan, &value, &depth) || !visit(context, value.at, (size_t)(value.end - value.at)))
            return false;
    } while (scan_char(scan, ','));
    return scan_char(scan, ']');
}

// At the quote of a name; to behind the value.
static bool
visit_member(span_t *scan, const char *member, size_t *found, kt_job_text_fn *visit, void *context)
{
    span_t key, value;
    size_t depth;
    skip_blanks(scan);
    if (scan->at == scan->end || *scan->at != '"' || !scan_string(scan, &key) || !scan_char(scan, ':'))
        return false;
    json_t     *name  = parse_value(key, 0);
    const char *text  = json_string_value(name);
    const bool  named = text && !strcmp(text, member);
    json_decref(name);
    if (named && ++*found > 1)
        return false;
    return named && scan_char(scan, '[') ? visit_elements(scan, visit, context) : scan_value(scan, &value, &depth);
}

kt_err_t
kt_job_texts(const char *text, size_t length, const char *member, kt_job_text_fn *visit, void *context)
{
    span_t scan  = without_mark(text, length);
    size_t found = 0;
    bool   good  = scan_char(&scan, '{');
    if (good && !scan_char(&scan, '}')) {
        do
            good = visit_member(&scan, member, &found, visit, context);
        while (good && scan_char(&scan, ','));
        good = good && scan_char(&scan, '}');
    }
    skip_blanks(&scan);
    return good && scan.at == scan.end ? KT_OK : KT_EMESSAGE;
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
