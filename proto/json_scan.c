#include "proto/json_scan.h"

#include "common/text.h"

#include <stdint.h>
#include <string.h>

enum { DEPTH = 128 };

typedef struct scan {
    const unsigned char *at, *end;
    bool                 high;  // a byte that is not ASCII was seen
} scan_t;

static void
skip_space(scan_t *self)
{
    while (self->at < self->end && (*self->at == ' ' || *self->at == '\n' || *self->at == '\r' || *self->at == '\t'))
        self->at++;
}

static bool
is_hex(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// The four hexadecimal digits of a UTF-16 code unit; -1: they are none.
static int
read_unit(scan_t *self)
{
    int unit = 0;
    for (int i = 0; i < 4; i++, self->at++) {
        if (self->at == self->end || !is_hex(*self->at))
            return -1;
        unit = 16 * unit + (*self->at <= '9' ? *self->at - '0' : (*self->at | 0x20) - 'a' + 10);
    }
    return unit;
}

// Behind the backslash. No NUL, and no half of a surrogate pair: neither is a character of a text in a database.
static bool
skip_escape(scan_t *self)
{
    enum { HALF = 0xfc00, FIRST = 0xd800, SECOND = 0xdc00 };
    if (self->at == self->end)
        return false;
    const unsigned char c = *self->at++;
    if (c != 'u')
        return strchr("\"\\/bfnrt", c) && c;
    const int unit = read_unit(self);
    if (unit <= 0 || (unit & HALF) == SECOND)
        return false;
    if ((unit & HALF) != FIRST)
        return true;
    if (self->end - self->at < 2 || self->at[0] != '\\' || self->at[1] != 'u')
        return false;
    self->at += 2;
    return (read_unit(self) & HALF) == SECOND;
}

// Eight bytes at once, up to the first eight with a quote, a backslash or a control character. A byte of x is zero if
// (x - 0x01..) & ~x & 0x80.. is not: for a byte that is not ASCII this may also hold by a borrow, which costs only
// time.
static void
skip_plain(scan_t *self)
{
    const uint64_t low = 0x0101010101010101u, top = 0x80 * low, quotes = '"' * low, slashes = '\\' * low;
    uint64_t       word;
    for (; (size_t)(self->end - self->at) >= sizeof word; self->at += sizeof word) {
        memcpy(&word, self->at, sizeof word);
        const uint64_t quote = word ^ quotes, slash = word ^ slashes;
        if ((((quote - low) & ~quote) | ((slash - low) & ~slash) | ((word - 0x20 * low) & ~word)) & top)
            return;
        self->high |= (word & top) != 0;
    }
}

// Behind the opening quote.
static bool
skip_text(scan_t *self)
{
    skip_plain(self);
    while (self->at < self->end) {
        const unsigned char c = *self->at++;
        if (c == '"')
            return true;
        if (c < ' ' || (c == '\\' && !skip_escape(self)))
            return false;
        self->high |= c >= 0x80;
    }
    return false;
}

static bool
skip_digits(scan_t *self)
{
    const unsigned char *first = self->at;
    while (self->at < self->end && *self->at >= '0' && *self->at <= '9')
        self->at++;
    return self->at > first;
}

static bool
skip_number(scan_t *self)
{
    if (*self->at == '-')
        self->at++;
    const unsigned char *first = self->at;
    if (!skip_digits(self) || (*first == '0' && self->at - first > 1))
        return false;
    if (self->at < self->end && *self->at == '.') {
        self->at++;
        if (!skip_digits(self))
            return false;
    }
    if (self->at < self->end && (*self->at == 'e' || *self->at == 'E')) {
        self->at++;
        if (self->at < self->end && (*self->at == '+' || *self->at == '-'))
            self->at++;
        return skip_digits(self);
    }
    return true;
}

static bool
skip_word(scan_t *self, const char *word)
{
    const size_t length = strlen(word);
    if ((size_t)(self->end - self->at) < length || memcmp(self->at, word, length) != 0)
        return false;
    self->at += length;
    return true;
}

static bool
skip_scalar(scan_t *self)
{
    switch (*self->at) {
    case '"': self->at++; return skip_text(self);
    case 't': return skip_word(self, "true");
    case 'f': return skip_word(self, "false");
    case 'n': return skip_word(self, "null");
    default: return skip_number(self);
    }
}

// The key of a member and its colon.
static bool
skip_key(scan_t *self)
{
    skip_space(self);
    if (self->at == self->end || *self->at++ != '"' || !skip_text(self))
        return false;
    skip_space(self);
    return self->at < self->end && *self->at++ == ':';
}

// After a value: closes what ends there. false: the text is wrong; *depth 0: the outermost object has ended.
static bool
skip_ends(scan_t *self, const bool *objects, size_t *depth)
{
    while (*depth) {
        skip_space(self);
        if (self->at == self->end)
            return false;
        const unsigned char c = *self->at++;
        if (c == ',')
            return !objects[*depth - 1] || skip_key(self);
        if (c != (objects[*depth - 1] ? '}' : ']'))
            return false;
        --*depth;
    }
    return true;
}

static bool
scan_values(scan_t *self)
{
    bool   objects[DEPTH];
    size_t depth = 0;
    do {
        skip_space(self);
        if (self->at == self->end)
            return false;
        const unsigned char c = *self->at;
        if (!depth && c != '{')
            return false;
        if (c == '{' || c == '[') {
            if (depth == DEPTH)
                return false;
            self->at++;
            objects[depth++] = c == '{';
            skip_space(self);
            const bool empty = self->at < self->end && *self->at == (c == '{' ? '}' : ']');
            if (!empty && (c == '[' || skip_key(self)))
                continue;
            if (!empty)
                return false;
            self->at++;
            depth--;
        } else if (!skip_scalar(self)) {
            return false;
        }
        if (!skip_ends(self, objects, &depth))
            return false;
    } while (depth);
    skip_space(self);
    return self->at == self->end;
}

bool
kt_json_is_object(const char *text, size_t length)
{
    scan_t self = {.at = (const unsigned char *)text, .end = (const unsigned char *)text + length};
    return text && scan_values(&self) && (!self.high || kt_text_is_utf8(text, length));
}
