#include "coordinator/result_cache/redis_url.h"

#include "common/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { REDIS_PORT = 6379, REDIS_DATABASES = 1 << 14 };

// Decodes %XX in length bytes of text; false if the result does not fit, or a code is malformed or NUL.
static bool
percent_decode(char *out, size_t capacity, const char *text, size_t length)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        int c = (unsigned char)text[i];
        if (c == '%') {
            if (length - i < 3 || kt_text_hex_digit(text[i + 1]) < 0 || kt_text_hex_digit(text[i + 2]) < 0)
                return false;
            c = kt_text_hex_digit(text[i + 1]) * 16 + kt_text_hex_digit(text[i + 2]);
            i += 2;
        }
        if (c == 0 || used + 1 >= capacity)
            return false;
        out[used++] = (char)c;
    }
    out[used] = '\0';
    return true;
}

// "USER:PASSWORD", ":PASSWORD", or only "PASSWORD".
static bool
read_user(kt_cache_url_t *out, const char *text, size_t length)
{
    const char *colon = memchr(text, ':', length);
    size_t      user = colon ? (size_t)(colon - text) : 0, skip = colon ? user + 1 : 0;
    return percent_decode(out->user, sizeof out->user, text, user) &&
           percent_decode(out->password, sizeof out->password, text + skip, length - skip);
}

static bool
read_url_number(const char *text, size_t length, int64_t min, int64_t max, int *out)
{
    char    digits[16];
    int64_t number;
    if (length >= sizeof digits)
        return false;
    memcpy(digits, text, length);
    digits[length] = '\0';
    if (kt_text_to_i64(digits, min, max, &number))
        return false;
    *out = (int)number;
    return true;
}

// "HOST", "HOST:PORT", "[::1]:PORT"
static bool
read_host(kt_cache_url_t *out, const char *text, size_t length)
{
    bool        ipv6 = length > 0 && text[0] == '[';
    const char *end  = ipv6 ? memchr(text, ']', length) : memchr(text, ':', length);
    if (ipv6 && !end)
        return false;
    size_t host = end ? (size_t)(end - text) : length, rest = host + ipv6;
    if (!percent_decode(out->host, sizeof out->host, text + ipv6, host - ipv6) || !*out->host)
        return false;
    if (rest == length)
        return true;
    return text[rest] == ':' && read_url_number(text + rest + 1, length - rest - 1, 1, 65535, &out->port);
}

static kt_err_t
reject_url(char why[KT_CACHE_URL_WHY], const char *text)
{
    snprintf(why, KT_CACHE_URL_WHY, "%s", text);
    return KT_ESETTING;
}

kt_err_t
kt_cache_url_parse(const char *url, kt_cache_url_t *out, char why[KT_CACHE_URL_WHY])
{
    static const char SCHEME[] = "redis://", TLS_SCHEME[] = "rediss://";
    kt_cache_url_t    parsed = {.port = REDIS_PORT, .tls = strncasecmp(url, TLS_SCHEME, sizeof TLS_SCHEME - 1) == 0};
    if (!parsed.tls && strncasecmp(url, SCHEME, sizeof SCHEME - 1) != 0)
        return reject_url(why, "REDIS_URL: write it as redis[s]://[[USER]:PASSWORD@]HOST[:PORT][/DB]");
    const char *at = url + (parsed.tls ? sizeof TLS_SCHEME : sizeof SCHEME) - 1, *end = at + strcspn(at, "/?#"),
               *user = NULL;
    for (const char *c = at; c < end; c++)
        user = *c == '@' ? c : user;
    if (user && !read_user(&parsed, at, (size_t)(user - at)))
        return reject_url(why, "REDIS_URL: the user or password is too long or wrongly encoded");
    at = user ? user + 1 : at;
    if (!read_host(&parsed, at, (size_t)(end - at)))
        return reject_url(why, "REDIS_URL: invalid host or port");
    size_t db = *end == '/' ? strcspn(end + 1, "?#") : 0;
    if (db && !read_url_number(end + 1, db, 0, REDIS_DATABASES - 1, &parsed.db))
        return reject_url(why, "REDIS_URL: expects the number of a database after the host");
    if (end[strcspn(end, "?#")])
        return reject_url(why, "REDIS_URL: parameters after ? or # are not supported");
    *out = parsed;
    return KT_OK;
}
