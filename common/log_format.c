#include "common/log_format.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

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

// One conversion: its flags and width, its precision, its length, its letter.
typedef struct conversion {
    char   flags[SPEC_BYTES];          // between % and the length, stars replaced by their numbers
    int    precision;                  // -1: none
    size_t longs, shorts;              // letters l and h
    bool   size, maximum, difference;  // z, j, t
    char   letter;
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
    switch (c->letter) {
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
        snprintf(spec, sizeof spec, "%%%sll%c", c->flags, c->letter);
        snprintf(text, sizeof text, spec, value);
        break;
    }
    default:
        snprintf(spec, sizeof spec, "%%%s%c", c->flags, c->letter);
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
    c->letter = *at;
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

void
kt_log_format(char *out, size_t capacity, const char *format, va_list arguments)
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
        if (c.letter == '%') {
            put_bytes(&self, "%", 1);
        } else if (c.letter == 's') {
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
