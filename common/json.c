#include "common/json.h"

#include "common/text.h"

#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

// A parser of ordinary JSON, several times as fast as jansson's: a loop with a stack of open containers. Strings are
// taken as slices of the text, and numbers of at most 15 digits and a small exponent are computed exactly (W. D.
// Clinger, "How to read floating point numbers accurately", PLDI 1990). What it leaves is given to jansson.
enum { DIGITS_EXACT = 15, DIGITS_INTEGER = 18, POWER_EXACT = 22, NUMBER_BYTES = 64 };

typedef struct reader {
    const char *at, *end;
    char       *scratch;  // for strings with escapes; malloc'ed, `scratch_bytes` long
    size_t      scratch_bytes;
    size_t      depth;
    json_t     *open[MAX_DEPTH];  // borrowed but for the first

    const kt_json_leave_t *leave;                      // NULL: nothing
    enum { PART_WHOLE, PART_LEFT, PART_SPARSE } part;  // how much of the root's current member is kept
} reader_t;

typedef struct slice {
    const char *at;
    size_t      length;
    bool        ascii;
} slice_t;

static void
skip_space(reader_t *self)
{
    while (self->at < self->end && (*self->at == ' ' || *self->at == '\n' || *self->at == '\r' || *self->at == '\t'))
        self->at++;
}

static bool
take(reader_t *self, char c)
{
    bool there = self->at < self->end && *self->at == c;
    self->at += there;
    return there;
}

// Copies a string with escapes, from its first character up to the quote.
static bool
unescape(reader_t *self, slice_t *out)
{
    static const char FROM[] = "\"\\/bfnrt", TO[] = "\"\\/\b\f\n\r\t";
    size_t            n = 0, room = (size_t)(self->end - self->at);
    if (self->scratch_bytes < room) {
        char *more = realloc(self->scratch, room);
        if (!more)
            return false;
        self->scratch       = more;
        self->scratch_bytes = room;
    }
    for (; self->at < self->end && *self->at != '"'; self->at++) {
        const char *escape = NULL;
        if (*self->at == '\\') {
            self->at++;
            escape = self->at < self->end && *self->at ? strchr(FROM, *self->at) : NULL;
            if (!escape)
                return false;
        }
        self->scratch[n++] = escape ? TO[escape - FROM] : *self->at;
    }
    out->at     = self->scratch;
    out->length = n;
    return take(self, '"');
}

// Eight bytes at once: whether any is a control character, which is false, and whether all are ASCII.
static bool
look_at(const char *at, size_t length, bool *ascii)
{
    const uint64_t top = 0x8080808080808080u;
    uint64_t       all = 0, control = 0, word;
    for (; length >= sizeof word; at += sizeof word, length -= sizeof word) {
        memcpy(&word, at, sizeof word);
        all |= word;
        control |= (word - 0x2020202020202020u) & ~word;
    }
    for (; length; at++, length--) {
        all |= (unsigned char)*at;
        control |= (unsigned char)*at < 0x20 ? top : 0;
    }
    *ascii = !(all & top);
    return !(control & top);
}

// Behind the opening quote. The slice is valid until the next string.
static bool
read_string(reader_t *self, slice_t *out)
{
    const char *close = memchr(self->at, '"', (size_t)(self->end - self->at));
    bool        ascii = false;
    if (!close)
        return false;
    const bool escapes = memchr(self->at, '\\', (size_t)(close - self->at)) != NULL;
    if (escapes) {  // the quote may be one of them
        for (close = self->at; close < self->end && *close != '"'; close++)
            close += *close == '\\';
        if (close >= self->end)
            return false;
    }
    if (!look_at(self->at, (size_t)(close - self->at), &ascii))
        return false;
    *out = (slice_t){self->at, (size_t)(close - self->at), ascii};
    if (escapes)
        return unescape(self, out);
    self->at = close + 1;
    return true;
}

static json_t *
string_value(reader_t *self)
{
    slice_t slice;
    if (!read_string(self, &slice))
        return NULL;
    return slice.ascii ? json_stringn_nocheck(slice.at, slice.length) : json_stringn(slice.at, slice.length);
}

static size_t
count_digits(const char *at, const char *end)
{
    const char *c = at;
    while (c < end && *c >= '0' && *c <= '9')
        c++;
    return (size_t)(c - at);
}

static json_t *
real_value(const char *from, size_t length, uint64_t mantissa, bool exact, int power, bool negative)
{
    static const double POWERS[POWER_EXACT + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    char                number[NUMBER_BYTES];
    double              value = (double)mantissa;
    if (exact && power >= -POWER_EXACT && power <= POWER_EXACT) {
        value = power < 0 ? value / POWERS[-power] : value * POWERS[power];
        return json_real(negative ? -value : value);
    }
    if (length >= sizeof number)
        return NULL;
    memcpy(number, from, length);
    number[length] = '\0';
    value          = strtod(number, NULL);
    return isfinite(value) ? json_real(value) : NULL;
}

// The exponent behind the digits of a number, if any; false: it is none.
static bool
read_exponent(reader_t *self, int *power)
{
    if (self->at == self->end || (*self->at != 'e' && *self->at != 'E'))
        return true;
    self->at++;
    const bool negative = self->at < self->end && *self->at == '-';
    if (negative || (self->at < self->end && *self->at == '+'))
        self->at++;
    size_t n = count_digits(self->at, self->end);
    int    e = 0;
    if (!n || n > 4)
        return false;
    for (; n; n--)
        e = 10 * e + (*self->at++ - '0');
    *power += negative ? -e : e;
    return true;
}

static json_t *
number_value(reader_t *self)
{
    const char *from     = self->at;
    const bool  negative = take(self, '-');
    uint64_t    mantissa = 0;
    size_t      whole = count_digits(self->at, self->end), part = 0;
    int         power = 0;
    if (!whole || (whole > 1 && *self->at == '0'))
        return NULL;
    for (size_t i = 0; i < whole && i < DIGITS_INTEGER; i++)
        mantissa = 10 * mantissa + (uint64_t)(self->at[i] - '0');
    self->at += whole;
    const bool real = self->at < self->end && (*self->at == '.' || *self->at == 'e' || *self->at == 'E');
    if (!real)
        return whole > DIGITS_INTEGER ? NULL : json_integer(negative ? -(json_int_t)mantissa : (json_int_t)mantissa);
    if (take(self, '.')) {
        part = count_digits(self->at, self->end);
        if (!part)
            return NULL;
        for (size_t i = 0; i < part && whole + i < DIGITS_INTEGER; i++)
            mantissa = 10 * mantissa + (uint64_t)(self->at[i] - '0');
        self->at += part;
        power = part > NUMBER_BYTES ? -NUMBER_BYTES : -(int)part;
    }
    if (!read_exponent(self, &power))
        return NULL;
    return real_value(from, (size_t)(self->at - from), mantissa, whole + part <= DIGITS_EXACT, power, negative);
}

static json_t *
word_value(reader_t *self)
{
    static const struct {
        const char *text;
        size_t      length;
        json_t *(*make)(void);
    } WORDS[] = {{"true", 4, json_true}, {"false", 5, json_false}, {"null", 4, json_null}};
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        if ((size_t)(self->end - self->at) < WORDS[i].length || memcmp(self->at, WORDS[i].text, WORDS[i].length) != 0)
            continue;
        self->at += WORDS[i].length;
        return WORDS[i].make();
    }
    return NULL;
}

static json_t *
next_value(reader_t *self)
{
    if (self->at == self->end)
        return NULL;
    switch (*self->at) {
    case '"': self->at++; return string_value(self);
    case '{': self->at++; return json_object();
    case '[': self->at++; return json_array();
    case 't':
    case 'f':
    case 'n': return word_value(self);
    default: return number_value(self);
    }
}

// The key of the next member, and the colon.
static bool
read_key(reader_t *self, char *key, size_t capacity)
{
    slice_t slice;
    if (!take(self, '"') || !read_string(self, &slice) || slice.length >= capacity || !slice.ascii ||
        memchr(slice.at, '\0', slice.length))
        return false;
    memcpy(key, slice.at, slice.length);
    key[slice.length] = '\0';
    skip_space(self);
    bool colon = take(self, ':');
    skip_space(self);
    return colon;
}

static void
choose_part(reader_t *self, const char *key)
{
    self->part = PART_WHOLE;
    if (self->leave && strcmp(key, self->leave->scalars_of) == 0)
        self->part = PART_LEFT;
    else if (self->leave && strcmp(key, self->leave->nulls_of) == 0)
        self->part = PART_SPARSE;
}

static bool
is_left(const reader_t *self, const json_t *value)
{
    enum { GROUP_DEPTH = 3 };
    return (self->part == PART_LEFT && self->depth > 1 && !json_is_object(value) && !json_is_array(value)) ||
           (self->part == PART_SPARSE && self->depth == GROUP_DEPTH && json_is_null(value));
}

// A key that is there already is replaced, so that the object does not grow.
static bool
put_value(json_t *in, const char *key, json_t *value)
{
    if (json_is_array(in))
        return json_array_append_new(in, value) == 0;
    const size_t before = json_object_size(in);
    return json_object_set_new_nocheck(in, key, value) == 0 && json_object_size(in) > before;
}

// One member or element of the innermost container.
static bool
read_entry(reader_t *self, size_t max_depth)
{
    enum { KEY_BYTES = 256 };
    char    key[KEY_BYTES];
    json_t *in     = self->open[self->depth - 1];
    bool    object = json_is_object(in);
    if (object && !read_key(self, key, sizeof key))
        return false;
    if (self->depth == 1)
        choose_part(self, key);
    json_t *value = next_value(self);
    if (!value)
        return false;
    if (is_left(self, value)) {
        json_decref(value);
        return true;
    }
    if (!put_value(in, key, value))
        return false;
    if (!json_is_object(value) && !json_is_array(value))
        return true;
    if (self->depth == MAX_DEPTH || self->depth == max_depth)
        return false;
    self->open[self->depth++] = value;
    return true;
}

// Everything within the outermost object.
static bool
read_entries(reader_t *self, size_t max_depth)
{
    bool first = true;  // no entry of the innermost container has been read
    while (self->depth) {
        json_t    *in    = self->open[self->depth - 1];
        const char close = json_is_object(in) ? '}' : ']';
        skip_space(self);
        if (take(self, close)) {
            self->depth--;
            first = false;
            continue;
        }
        if (!first && !take(self, ','))
            return false;
        skip_space(self);
        const size_t depth = self->depth;
        if (!read_entry(self, max_depth))
            return false;
        first = self->depth > depth;
    }
    skip_space(self);
    return self->at == self->end;
}

static json_t *
read_text(const char *text, size_t length, size_t max_depth, const kt_json_leave_t *leave)
{
    reader_t self = {.at = text, .end = text + length, .leave = leave};
    skip_space(&self);
    json_t *root = take(&self, '{') && max_depth ? json_object() : NULL;
    if (!root)
        return NULL;
    self.open[self.depth++] = root;
    if (!read_entries(&self, max_depth)) {
        json_decref(root);
        root = NULL;
    }
    free(self.scratch);
    return root;
}

json_t *
kt_json_read(const char *text, size_t length, size_t max_depth)
{
    return read_text(text, length, max_depth, NULL);
}

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
kt_json_parse_part(const char *text, size_t length, size_t max_bytes, const kt_json_leave_t *leave, json_t **out,
                   char why[KT_JSON_WHY])
{
    json_error_t error;
    int          line;
    if (length > max_bytes)
        return kt_text_explain(why, KT_JSON_WHY, KT_EMESSAGE, "%zu bytes are more than the %zu that are permitted",
                               length, max_bytes);
    json_t *value = read_text(text, length, MAX_DEPTH, leave);
    if (value) {
        *out = value;
        return KT_OK;
    }
    if (!is_shallow(text, length, &line))
        return kt_text_explain(why, KT_JSON_WHY, KT_EMESSAGE, "line %d: nested more than %d deep", line, MAX_DEPTH);
    value = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
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

kt_err_t
kt_json_parse(const char *text, size_t length, size_t max_bytes, json_t **out, char why[KT_JSON_WHY])
{
    return kt_json_parse_part(text, length, max_bytes, NULL, out, why);
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
