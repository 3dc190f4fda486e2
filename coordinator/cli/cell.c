#include "coordinator/cli/cell.h"

#include "common/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool
is_formula(const char *text)
{
    // The last four are = + - @ in full width.
    static const char *const BEGINNINGS[] = {
        "=", "+", "-", "@", "\xEF\xBC\x9D", "\xEF\xBC\x8B", "\xEF\xBC\x8D", "\xEF\xBC\xA0"};
    const char *first = text + strspn(text, " \t\r\n");
    if (*text && strchr("\t\r\n", *text))
        return true;
    for (size_t i = 0; i < sizeof BEGINNINGS / sizeof *BEGINNINGS; i++) {
        const size_t n = strlen(BEGINNINGS[i]);
        if (strncmp(first, BEGINNINGS[i], n) == 0 && first[n])
            return true;  // a sign alone, such as the path of standard input, is a text
    }
    return false;
}

void
kt_cell_csv(const char *text, char *out, size_t capacity)
{
    size_t length = 0;
    bool   control;
    if (is_formula(text))
        out[length++] = '\'';
    for (size_t n; (n = kt_text_character(text, &control)); text += n) {
        const bool replaced = control && !strchr("\t\r\n", *text);
        if (length + (replaced ? 1 : n) >= capacity)
            break;
        memcpy(out + length, replaced ? "?" : text, replaced ? 1 : n);
        length += replaced ? 1 : n;
    }
    out[length] = '\0';
}

static uint32_t
code_of(const char *text, size_t bytes)
{
    const unsigned char *at   = (const unsigned char *)text;
    uint32_t             code = bytes == 1 ? at[0] : at[0] & (0x7Fu >> bytes);
    for (size_t i = 1; i < bytes; i++)
        code = code << 6 | (at[i] & 0x3F);
    return code;
}

void
kt_cell_json(FILE *out, const char *json, size_t length)
{
    bool control;
    for (size_t at = 0, n; at < length && (n = kt_text_character(json + at, &control)); at += n) {
        if (!control || strchr("\t\r\n", json[at])) {
            (void)fwrite(json + at, 1, n, out);
            continue;
        }
        const uint32_t code = code_of(json + at, n), beyond = code - 0x10000;
        if (code < 0x10000)
            fprintf(out, "\\u%04x", code);
        else
            fprintf(out, "\\u%04x\\u%04x", 0xD800 + (beyond >> 10), 0xDC00 + (beyond & 0x3FF));
    }
}
