#include "common/text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXPLAIN_BYTES = 512, CHARACTER_BYTES = 4 };

// Bytes of the well-formed character that starts here (table 3-7 of the Unicode standard), 0 if there is none.
static size_t
character_bytes(const unsigned char *at, size_t left)
{
    unsigned char first = at[0];
    if (first < 0x80)
        return first != 0;
    if (first < 0xC2 || first > 0xF4)
        return 0;
    size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (left < length)
        return 0;
    // The second byte's range excludes overlong forms, surrogates and code points above U+10FFFF.
    unsigned char least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    unsigned char most  = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (at[1] < least || at[1] > most)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

bool
kt_text_is_utf8(const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    for (size_t at = 0; at < length;) {
        // Thirty-two ASCII characters at once (none zero, no top bit). Most text is ASCII, and documents are checked on
        // every store: without this the check takes half of the time of the memory ledger.
        uint64_t words[4], odd = 0;
        if (length - at >= sizeof words) {
            memcpy(words, bytes + at, sizeof words);
            for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                odd |= words[i] | (words[i] - 0x0101010101010101u);
            if (!(odd & 0x8080808080808080u)) {
                at += sizeof words;
                continue;
            }
        }
        size_t step = character_bytes(bytes + at, length - at);
        if (!step)
            return false;
        at += step;
    }
    return true;
}

size_t
kt_text_sanitize(char *out, size_t capacity, const char *text, size_t length)
{
    const unsigned char *bytes   = (const unsigned char *)text;
    size_t               written = 0;
    if (!capacity)
        return 0;
    for (size_t at = 0; at < length;) {
        size_t      step = character_bytes(bytes + at, length - at);
        const char *from = step ? text + at : "\xEF\xBF\xBD";
        size_t      size = step ? step : 3;
        if (size > capacity - 1 - written)
            break;
        memcpy(out + written, from, size);
        written += size;
        at += step ? step : 1;
    }
    out[written] = '\0';
    return written;
}

bool
kt_text_copy(char *out, size_t capacity, const char *text)
{
    size_t length = strnlen(text, capacity);
    if (!capacity)
        return false;
    bool fits = length < capacity;
    if (fits)
        memcpy(out, text, length);
    out[fits ? length : 0] = '\0';
    return fits;
}

kt_err_t
kt_text_explain(char *out, size_t capacity, kt_err_t err, const char *format, ...)
{
    char    text[EXPLAIN_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)kt_text_sanitize(out, capacity, text, strlen(text));
    return err;
}

static bool
is_control(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } RANGES[] = {
        {0x01, 0x1F},     {0x7F, 0x9F},       {0xAD, 0xAD},       {0x61C, 0x61C},   {0x180E, 0x180E},
        {0x200B, 0x200B}, {0x200E, 0x200F},   {0x2028, 0x202E},   {0x2060, 0x206F}, {0xFEFF, 0xFEFF},
        {0xFFF9, 0xFFFB}, {0x1D173, 0x1D17A}, {0xE0000, 0xE007F},
    };
    for (size_t i = 0; i < sizeof RANGES / sizeof *RANGES; i++)
        if (code >= RANGES[i].first && code <= RANGES[i].last)
            return true;
    return false;
}

size_t
kt_text_character(const char *text, bool *control)
{
    const unsigned char *at     = (const unsigned char *)text;
    const size_t         length = *at ? character_bytes(at, strnlen(text, CHARACTER_BYTES)) : 0;
    *control                    = *at && !length;
    if (!length)
        return *at != 0;
    uint32_t code = length == 1 ? at[0] : at[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++)
        code = code << 6 | (at[i] & 0x3F);
    *control = is_control(code);
    return length;
}

void
kt_text_remove_controls(char *text)
{
    bool control;
    for (size_t n; (n = kt_text_character(text, &control)); text += n)
        if (control)
            memset(text, '?', n);
}

int
kt_text_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// strtoll and strtod accept blanks, hexadecimal, infinity and NaN; these are rejected here.
static bool
has_only(const char *text, const char *permitted)
{
    return text && *text && text[strspn(text, permitted)] == '\0';
}

kt_err_t
kt_text_to_i64(const char *text, int64_t min, int64_t max, int64_t *out)
{
    if (!has_only(text, "+-0123456789"))
        return KT_EINVAL;
    char *end       = NULL;
    errno           = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || *end || end == text || value < min || value > max)
        return KT_EINVAL;
    *out = value;
    return KT_OK;
}

kt_err_t
kt_text_to_f64(const char *text, double min, double max, double *out)
{
    if (!has_only(text, "+-.eE0123456789"))
        return KT_EINVAL;
    char  *end   = NULL;
    double value = strtod(text, &end);
    if (*end || end == text || !isfinite(value) || value < min || value > max)
        return KT_EINVAL;
    *out = value;
    return KT_OK;
}
