#include "node/video/text/ctc.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

// Appends a class's text; false: there is no room for it.
static bool
append(kt_reading_t *out, size_t *length, const char *text)
{
    const size_t n = strlen(text);
    if (*length + n >= sizeof out->text)
        return false;
    memcpy(out->text + *length, text, n + 1);
    *length += n;
    return true;
}

static void
trim(char *text)
{
    const size_t before = strspn(text, " ");
    size_t       length = strlen(text);
    while (length > before && text[length - 1] == ' ')
        length--;
    length = length > before ? length - before : 0;
    memmove(text, text + before, length);
    text[length] = '\0';
}

void
kt_ctc_read(const float *rows, size_t steps, size_t classes, const char *const *names, kt_reading_t *out)
{
    size_t length = 0, kept = 0, last = 0;
    double sum = 0;
    *out       = (kt_reading_t){0};
    for (size_t s = 0; s < steps; s++, rows += classes) {
        size_t best = 0;
        for (size_t c = 1; c < classes; c++)
            if (rows[c] > rows[best])
                best = c;
        if (best != 0 && best != last) {
            sum += rows[best];
            kept++;
            if (!append(out, &length, names[best]))
                break;
        }
        last = best;
    }
    trim(out->text);
    out->confidence = kept ? (float)(sum / (double)kept) : 0;
    out->letters    = kt_text_letters(out->text);
}

// The code point at *text, which moves behind it. Invalid bytes count as themselves.
static uint32_t
next_point(const unsigned char **text)
{
    const unsigned char *p    = *text;
    const int            more = p[0] >= 0xf0 ? 3 : p[0] >= 0xe0 ? 2 : p[0] >= 0xc0 ? 1 : 0;
    uint32_t             code = more == 3 ? p[0] & 7 : more == 2 ? p[0] & 15 : more == 1 ? p[0] & 31 : p[0];
    int                  i    = 1;
    for (; i <= more && (p[i] & 0xc0) == 0x80; i++)
        code = code << 6 | (p[i] & 0x3f);
    *text = p + i;
    return code;
}

static bool
is_letter(uint32_t code)
{
    // Latin-1 punctuation, times, division; general punctuation to arrows, shapes and dingbats; CJK punctuation;
    // full-width forms of ASCII punctuation.
    static const struct {
        uint32_t from, to;
    } OTHERS[] = {{0x80, 0xbf},     {0xd7, 0xd7},     {0xf7, 0xf7},     {0x2000, 0x2bff}, {0x3000, 0x3004},
                  {0x3008, 0x3020}, {0x30fb, 0x30fb}, {0xfe10, 0xfe6f}, {0xff01, 0xff0f}, {0xff1a, 0xff20},
                  {0xff3b, 0xff40}, {0xff5b, 0xff65}, {0xffe0, 0xffff}};
    if (code < 0x80)
        return (code >= '0' && code <= '9') || ((code | 32) >= 'a' && (code | 32) <= 'z');
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++)
        if (code >= OTHERS[i].from && code <= OTHERS[i].to)
            return false;
    return true;
}

size_t
kt_text_letters(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t               n = 0;
    while (*p)
        n += is_letter(next_point(&p));
    return n;
}

float
kt_text_difference(const char *a, const char *b)
{
    size_t       row[KT_TEXT_BYTES + 1];
    const size_t n = strnlen(a, KT_TEXT_BYTES), m = strnlen(b, KT_TEXT_BYTES);
    for (size_t k = 0; k <= m; k++)
        row[k] = k;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0]          = i;
        for (size_t k = 1; k <= m; k++) {
            const size_t replace = diagonal + (a[i - 1] != b[k - 1]),
                         change  = (row[k] < row[k - 1] ? row[k] : row[k - 1]) + 1;
            diagonal             = row[k];
            row[k]               = replace < change ? replace : change;
        }
    }
    return n + m ? (float)row[m] / (float)(n > m ? n : m) : 0;
}
