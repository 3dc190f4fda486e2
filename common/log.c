#include "common/log.h"

#include "common/clock.h"
#include "common/text.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A text line stays under PIPE_BUF (4096), so that the lines of several processes on one pipe do not mix.
enum { FIELDS_BYTES = 3072, LINE_BYTES = 8192, PROGRAM_BYTES = 64 };

// Written by kt_log_setup before threads start, constant afterwards.
static kt_log_level_t  least_level = KT_LOG_INFO;
static kt_log_format_t line_format = KT_LOG_TEXT;
static char            program_name[PROGRAM_BYTES];

// Held while a sink runs, so that sinks need no lock; stderr needs none.
static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static kt_log_sink_fn *sink_fn;
static void           *sink_context;
static atomic_bool     has_sink;

// A line under construction; text over the limit is dropped.
typedef struct line {
    char   bytes[LINE_BYTES];
    size_t length;
    size_t limit;  // at most LINE_BYTES
} line_t;

void
kt_log_setup(kt_log_level_t least, kt_log_format_t format, const char *program)
{
    least_level = least;
    line_format = format;
    kt_text_sanitize(program_name, sizeof program_name, program ? program : "", program ? strlen(program) : 0);
}

void
kt_log_set_sink(kt_log_sink_fn *sink, void *context)
{
    pthread_mutex_lock(&sink_lock);
    sink_fn      = sink;
    sink_context = context;
    has_sink     = sink != NULL;
    pthread_mutex_unlock(&sink_lock);
}

bool
kt_log_wants(kt_log_level_t level)
{
    return level >= least_level;
}

const char *
kt_log_quote(char *out, size_t capacity, const char *text)
{
    size_t length = 0;
    if (!capacity)
        return out;
    for (; *text; text++) {
        bool escape = *text == '"' || *text == '\\';
        if (length + escape + 1 >= capacity)
            break;
        if (escape)
            out[length++] = '\\';
        out[length++] = *text;
    }
    out[length] = '\0';
    return out;
}

static const char *
level_name(kt_log_level_t level)
{
    static const char *const names[] = {"DEBUG", "INFO", "WARNING", "ERROR"};
    return (unsigned)level < sizeof names / sizeof *names ? names[level] : "ERROR";
}

static bool
line_add(line_t *line, const char *text, size_t length)
{
    if (length > line->limit - line->length)
        return false;
    memcpy(line->bytes + line->length, text, length);
    line->length += length;
    return true;
}

static bool
line_add_text(line_t *line, const char *text)
{
    return line_add(line, text, strlen(text));
}

// "text" as a JSON string. In a quoted value of a field a backslash escapes the next character.
static bool
add_json_string(line_t *line, const char *text, size_t length, bool quoted)
{
    bool fits = line_add_text(line, "\"");
    for (size_t i = 0; i < length && fits; i++) {
        if (quoted && text[i] == '\\' && i + 1 < length)
            i++;
        if (text[i] == '"' || text[i] == '\\')
            fits = line_add_text(line, "\\");
        fits = fits && line_add(line, text + i, 1);
    }
    return fits && line_add_text(line, "\"");
}

static bool
add_json_pair(line_t *line, const char *key, const char *value)
{
    return line_add_text(line, line->length > 1 ? "," : "") && add_json_string(line, key, strlen(key), false) &&
           line_add_text(line, ":") && add_json_string(line, value, strlen(value), false);
}

// The end of a quoted value that starts at `at`: an unescaped quote before a blank or the end of the text.
static const char *
end_of_quoted(const char *at)
{
    for (; *at; at++) {
        if (*at == '\\' && at[1])
            at++;
        else if (*at == '"' && (at[1] == ' ' || at[1] == '\0'))
            break;
    }
    return at;
}

// Whether a text is a number as JSON writes it.
static bool
is_json_number(const char *text, size_t length)
{
    char   number[64], *end;
    size_t sign = length > 0 && text[0] == '-';
    if (length <= sign || length >= sizeof number || text[sign] < '0' || text[sign] > '9' ||
        (text[sign] == '0' && length > sign + 1 && text[sign + 1] >= '0' && text[sign + 1] <= '9'))
        return false;  // also inf, nan, hexadecimal digits without a 0x, and numbers with leading zeros
    memcpy(number, text, length);
    number[length] = '\0';
    (void)strtod(number, &end);
    return *end == '\0' && !strpbrk(number, "xXpP") && end[-1] != '.';
}

// Whether the call gives the key a number: its format has "key=%d" or another conversion of a number, or the key has
// the unit of a time in microseconds. A text that looks like a number (the name of a node) stays a text.
static bool
is_number_key(const char *format, const char *key, size_t length)
{
    for (const char *at = format; (at = strchr(at, '=')); at++) {
        if ((size_t)(at - format) < length || strncmp(at - length, key, length) != 0 ||
            (at - length > format && at[-(ptrdiff_t)length - 1] != ' ') || at[1] != '%')
            continue;
        const char *conversion = at + 2 + strspn(at + 2, "-+0123456789.*hljzt");
        return *conversion && strchr("diufeg", *conversion) && strchr(" %", conversion[1]);
    }
    return length > 3 && memcmp(key + length - 3, "_us", 3) == 0;
}

// Adds the key=value at *at (a word without '=' has an empty value) and moves *at behind it.
static bool
add_json_field(line_t *line, const char *format, const char **at)
{
    const char *key    = *at;
    size_t      length = strcspn(key, "= ");
    const char *value  = key + length + (key[length] == '=');
    bool        quoted = value > key + length && *value == '"';
    value += quoted;
    const char *end = quoted ? end_of_quoted(value) : value + strcspn(value, " ");
    if (value == key + length)
        end = value;
    *at               = end + (quoted && *end == '"');
    const bool number = !quoted && is_number_key(format, key, length) && is_json_number(value, (size_t)(end - value));
    return line_add_text(line, ",") && add_json_string(line, key, length, false) && line_add_text(line, ":") &&
           (number ? line_add(line, value, (size_t)(end - value))
                   : add_json_string(line, value, (size_t)(end - value), quoted));
}

const char *
kt_log_sentence(const char *id)
{
    static const struct {
        const char *id, *sentence;
    } IDS[] = {
#define KT_LOG_ID(id, sentence) {id, sentence},
#include "common/log/ids.def"
#undef KT_LOG_ID
    };
    for (size_t i = 0; i < sizeof IDS / sizeof *IDS; i++)
        if (strcmp(IDS[i].id, id) == 0)
            return IDS[i].sentence;
    return id;
}

static void
format_json(line_t *line, const char *time, kt_log_level_t level, const char *id, const char *format,
            const char *fields)
{
    line->limit = LINE_BYTES - 2;
    line_add_text(line, "{");
    add_json_pair(line, "time", time);
    add_json_pair(line, "level", level_name(level));
    add_json_pair(line, "id", id);
    add_json_pair(line, "msg", kt_log_sentence(id));
    if (*program_name)
        add_json_pair(line, "program", program_name);
    for (const char *at = fields; *(at += strspn(at, " "));) {
        size_t before = line->length;
        if (add_json_field(line, format, &at))
            continue;
        line->length = before;
        break;
    }
    line->limit = LINE_BYTES;
    line_add_text(line, "}\n");
}

static void
write_stderr(kt_log_level_t level, const char *id, const char *format, const char *fields)
{
    line_t line;
    char   time[KT_RFC3339_BYTES];
    line.length = 0;
    kt_clock_rfc3339(kt_clock_wall_ms(), time);
    if (line_format == KT_LOG_JSON) {
        format_json(&line, time, level, id, format, fields);
    } else {
        const char *named   = *program_name ? " program=" : "";
        const char *parts[] = {time,   " ",   level_name(level), " ", id, *fields ? " " : "",
                               fields, named, program_name,      "\n"};
        line.limit          = LINE_BYTES;
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
            line_add_text(&line, parts[i]);
    }
    ssize_t written;
    do
        written = write(STDERR_FILENO, line.bytes, line.length);
    while (written < 0 && errno == EINTR);
}

enum { SPEC_BYTES = 48, NUMBER_BYTES = 512 };

typedef struct writer {
    char  *out;
    size_t capacity, length;
} writer_t;

static void
put_bytes(writer_t *self, const char *text, size_t n)
{
    const size_t left = self->capacity - 1 - self->length;
    n                 = n < left ? n : left;
    memcpy(self->out + self->length, text, n);
    self->length += n;
}

static void
put_quoted(writer_t *self, const char *text, size_t n)
{
    put_bytes(self, "\"", 1);
    for (size_t i = 0; i < n && self->length + 4 < self->capacity; i++) {
        if (text[i] == '"' || text[i] == '\\')
            put_bytes(self, "\\", 1);
        put_bytes(self, text + i, 1);
    }
    put_bytes(self, "\"", 1);
}

// One conversion: its flags and width, its precision, its length, its specifier.
typedef struct conversion {
    char   flags[SPEC_BYTES];          // between % and the length, stars replaced by their numbers
    int    precision;                  // -1: none
    size_t longs, shorts;              // letters l and h
    bool   size, maximum, difference;  // z, j, t
    char   specifier;
} conversion_t;

// Reads a width or precision at *at: a number or a star.
static int
read_number(const char **at, int star)
{
    int number = 0;
    if (**at == '*') {
        (*at)++;
        return star;
    }
    for (; **at >= '0' && **at <= '9' && number < NUMBER_BYTES; (*at)++)
        number = 10 * number + (**at - '0');
    return number;
}

// What is known to be a number is passed on with its conversion, widened to the longest type.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static void
put_number(writer_t *self, const conversion_t *c, va_list *arguments)
{
    char spec[SPEC_BYTES + 8], text[NUMBER_BYTES];
    switch (c->specifier) {
    case 'd':
    case 'i': {
        long long value;
        if (c->longs > 1)
            value = va_arg(*arguments, long long);
        else if (c->longs)
            value = va_arg(*arguments, long);
        else if (c->maximum)
            value = va_arg(*arguments, intmax_t);
        else if (c->size || c->difference)
            value = va_arg(*arguments, ptrdiff_t);
        else
            value = va_arg(*arguments, int);
        snprintf(spec, sizeof spec, "%%%slld", c->flags);
        snprintf(text, sizeof text, spec, value);
        break;
    }
    case 'c':
        snprintf(spec, sizeof spec, "%%%sc", c->flags);
        snprintf(text, sizeof text, spec, va_arg(*arguments, int));
        break;
    case 'p': snprintf(text, sizeof text, "%p", va_arg(*arguments, void *)); break;
    case 'u':
    case 'x':
    case 'X':
    case 'o': {
        unsigned long long value;
        if (c->longs > 1)
            value = va_arg(*arguments, unsigned long long);
        else if (c->longs)
            value = va_arg(*arguments, unsigned long);
        else if (c->maximum)
            value = va_arg(*arguments, uintmax_t);
        else if (c->size || c->difference)
            value = va_arg(*arguments, size_t);
        else
            value = va_arg(*arguments, unsigned);
        snprintf(spec, sizeof spec, "%%%sll%c", c->flags, c->specifier);
        snprintf(text, sizeof text, spec, value);
        break;
    }
    default:
        snprintf(spec, sizeof spec, "%%%s%c", c->flags, c->specifier);
        snprintf(text, sizeof text, spec, va_arg(*arguments, double));
        break;
    }
    put_bytes(self, text, strlen(text));
}

#pragma GCC diagnostic pop

// Reads the conversion behind a %. Returns what follows it.
static const char *
read_conversion(const char *at, conversion_t *c, va_list *arguments)
{
    const size_t flags = strspn(at, "-+ #0");
    int          n     = snprintf(c->flags, sizeof c->flags, "%.*s", (int)(flags < 8 ? flags : 8), at);
    at += flags;
    if (*at == '*' || (*at >= '1' && *at <= '9'))
        n += snprintf(c->flags + n, sizeof c->flags - (size_t)n, "%d",
                      read_number(&at, *at == '*' ? va_arg(*arguments, int) : 0));
    c->precision = -1;
    if (*at == '.') {
        at++;
        c->precision = read_number(&at, *at == '*' ? va_arg(*arguments, int) : 0);
        if (c->precision >= 0)
            snprintf(c->flags + n, sizeof c->flags - (size_t)n, ".%d", c->precision);
    }
    for (; *at && strchr("hljzt", *at); at++) {
        c->longs += *at == 'l';
        c->shorts += *at == 'h';
        c->maximum |= *at == 'j';
        c->size |= *at == 'z';
        c->difference |= *at == 't';
    }
    c->specifier = *at;
    return at + (*at != '\0');
}

static bool
needs_quotes(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] == '"' || text[i] == '\\' || text[i] == ' ')
            return true;
    return false;
}

// As vsnprintf, but a bare value key=%s that has blanks, quotes or backslashes is quoted and escaped, so that a text
// from outside adds no field. Truncates; always terminated. Conversions: d i u x X o c f e g a p s and %%, with flags,
// width, precision and length.
__attribute__((format(printf, 3, 0))) static void
format_fields(char *out, size_t capacity, const char *format, va_list arguments)
{
    writer_t self = {out, capacity, 0};
    va_list  rest;
    va_copy(rest, arguments);
    for (const char *at = format; *at;) {
        const char  *begin = at;
        conversion_t c     = {0};
        const size_t plain = strcspn(at, "%");
        put_bytes(&self, at, plain);
        at += plain;
        if (!*at)
            break;
        const bool bare = at > begin && at[-1] == '=';
        at              = read_conversion(at + 1, &c, &rest);
        if (c.specifier == '%') {
            put_bytes(&self, "%", 1);
        } else if (c.specifier == 's') {
            const char  *text = va_arg(rest, const char *);
            const size_t n    = !text ? 0 : c.precision < 0 ? strlen(text) : strnlen(text, (size_t)c.precision);
            if (bare && (*at == ' ' || !*at) && needs_quotes(text, n))
                put_quoted(&self, text, n);
            else
                put_bytes(&self, text ? text : "", n);
        } else {
            put_number(&self, &c, &rest);
        }
    }
    va_end(rest);
    out[self.length] = '\0';
}

void
kt_log_at(kt_log_level_t level, const char *id, const char *format, ...)
{
    char    raw[FIELDS_BYTES], fields[FIELDS_BYTES];
    int     caller_errno = errno;
    va_list arguments;
    if (!kt_log_wants(level))
        return;
    va_start(arguments, format);
    format_fields(raw, sizeof raw, format, arguments);
    va_end(arguments);
    kt_text_sanitize(fields, sizeof fields, raw, strlen(raw));
    kt_text_remove_controls(fields);  // they would end the line or control a terminal
    bool sunk = false;
    if (has_sink) {
        pthread_mutex_lock(&sink_lock);
        sunk = sink_fn != NULL;
        if (sunk)
            sink_fn(sink_context, level, id, fields);
        pthread_mutex_unlock(&sink_lock);
    }
    if (!sunk)
        write_stderr(level, id, format, fields);
    errno = caller_errno;
}
