#include "common/paths.h"

#include "common/text.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char SCHEME[] = "file:";
enum { SCHEME_BYTES = sizeof SCHEME - 1 };

static bool
is_escaped(const char *text)
{
    return !strncasecmp(text, SCHEME, SCHEME_BYTES);
}

// Bytes of the character that begins here; 0: none does.
static size_t
character_bytes(const char *at)
{
    unsigned char c = (unsigned char)*at;
    size_t        n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return strnlen(at, n) == n && kt_text_is_utf8(at, n) ? n : 0;
}

bool
kt_path_show(const char *path, char *out, size_t capacity)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t            n = 0, length = strlen(path);
    if (!is_escaped(path) && kt_text_is_utf8(path, length))
        return kt_text_copy(out, capacity, path);
    if (!kt_text_copy(out, capacity, path[0] == '/' ? "file://" : SCHEME))
        return false;
    n = strlen(out);
    for (const char *at = path; *at;) {
        size_t c      = *at == '%' ? 0 : character_bytes(at);
        size_t needed = c ? c : 3;
        if (n + needed >= capacity) {
            out[0] = '\0';
            return false;
        }
        if (c) {
            memcpy(out + n, at, c);
        } else {
            out[n]     = '%';
            out[n + 1] = digits[(unsigned char)*at >> 4];
            out[n + 2] = digits[(unsigned char)*at & 15];
        }
        n += needed;
        at += c ? c : 1;
    }
    out[n] = '\0';
    return true;
}

kt_err_t
kt_path_read(const char *text, char *out, size_t capacity)
{
    size_t n = 0;
    if (!is_escaped(text))
        return kt_text_copy(out, capacity, text) ? KT_OK : KT_EINVAL;
    text += SCHEME_BYTES;
    if (!strncasecmp(text, "//localhost/", 12))
        text += 11;
    else if (!strncmp(text, "///", 3))
        text += 2;
    else if (!strncmp(text, "//", 2))
        return KT_ENAME;
    for (; *text; text++) {
        char c = *text;
        if (c == '%') {
            int high = kt_text_hex_digit(text[1]), low = high < 0 ? -1 : kt_text_hex_digit(text[2]);
            if (low < 0 || (!high && !low))
                return KT_ENAME;
            c = (char)(high << 4 | low);
            text += 2;
        }
        if (n + 1 >= capacity)
            return KT_EINVAL;
        out[n++] = c;
    }
    if (capacity > 0)
        out[n] = '\0';
    return n ? KT_OK : KT_ENAME;
}

// The character behind a backslash: its value, and the bytes that the escape takes in *length.
static char
read_escape(const char *at, size_t *length)
{
    int high = at[1] == 'x' ? kt_text_hex_digit(at[2]) : -1, low = high < 0 ? -1 : kt_text_hex_digit(at[3]);
    *length = at[1] == ':' || at[1] == '\\' ? 2 : low >= 0 && (high || low) ? 4 : 1;
    return *length == 2 ? at[1] : *length == 4 ? (char)(high << 4 | low) : '\\';
}

bool
kt_roots_next(const char **at, char out[KT_ROOT_BYTES])
{
    while (**at) {
        size_t n    = 0;
        bool   fits = true;
        while (**at && **at != ':') {
            size_t length = 1;
            char   c      = **at == '\\' ? read_escape(*at, &length) : **at;
            fits          = n + 1 < KT_ROOT_BYTES;
            if (fits)
                out[n++] = c;
            *at += length;
        }
        *at += **at == ':';
        while (n > 1 && out[n - 1] == '/')
            n--;
        out[n] = '\0';
        if (n > 0 && fits)
            return true;
    }
    return false;
}

void
kt_roots_add(kt_buf_t *roots, const char *folder)
{
    bool text = kt_text_is_utf8(folder, strlen(folder));
    kt_buf_str(roots, roots->length ? ":" : "");
    for (; *folder; folder++) {
        unsigned char c = (unsigned char)*folder;
        if (c == ':' || c == '\\')
            kt_buf_fmt(roots, "\\%c", c);
        else if (c < ' ' || c == 127 || (c > 127 && !text))
            kt_buf_fmt(roots, "\\x%02X", c);
        else
            kt_buf_add(roots, folder, 1);
    }
}

bool
kt_roots_hold(const char *roots, const char *path, bool real)
{
    char   root[KT_ROOT_BYTES], found[PATH_MAX];
    size_t length = strlen(path);
    if (strstr(path, "/../") || (length > 2 && !strcmp(path + length - 3, "/..")))
        return false;
    while (kt_roots_next(&roots, root)) {
        const char *folder = real ? realpath(root, found) : root;
        size_t      bare   = !folder ? 0 : strcmp(folder, "/") ? strlen(folder) : 0;
        if (folder && !strncmp(path, folder, bare) && (path[bare] == '/' || !path[bare]))
            return true;
    }
    return false;
}
