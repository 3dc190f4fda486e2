#include "coordinator/amqp/url.h"

#include "common/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PORT = 5672, TLS_PORT = 5671, PORT_MOST = 65535, HEARTBEAT_MOST = 600, DIGITS_MOST = 6 };

static kt_err_t
url_fail(char why[KT_AMQP_WHY], const char *part, const char *problem)
{
    snprintf(why, KT_AMQP_WHY, "AMQP_CONNECTION_STRING: the %s %s; it is amqp://USER:PASSWORD@HOST:PORT/VHOST", part,
             problem);
    return KT_ESETTING;
}

static int
hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static kt_err_t
copy_part(const char *from, size_t length, const char *part, char out[KT_AMQP_PART], char why[KT_AMQP_WHY])
{
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        char c = from[i];
        if (c == '%') {
            int high = length - i > 2 ? hex_digit(from[i + 1]) : -1;
            int low  = length - i > 2 ? hex_digit(from[i + 2]) : -1;
            if (high < 0 || low < 0 || !(high || low))
                return url_fail(why, part, "has a % that two hexadecimal digits do not follow (a % itself is %25)");
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (n == KT_AMQP_PART - 1)
            return url_fail(why, part, "is longer than 255 bytes");
        out[n++] = c;
    }
    out[n] = '\0';
    return KT_OK;
}

// Decimal digits alone, from 1 to most.
static bool
read_number(const char *from, size_t length, int most, int *out)
{
    int value = 0;
    if (!length || length > DIGITS_MOST)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (from[i] < '0' || from[i] > '9')
            return false;
        value = value * 10 + (from[i] - '0');
    }
    *out = value;
    return value >= 1 && value <= most;
}

static kt_err_t
read_host(const char *from, size_t length, kt_amqp_url_t *url, char why[KT_AMQP_WHY])
{
    const char *end = from + length, *close = length && *from == '[' ? memchr(from, ']', length) : NULL;
    if (length && *from == '[' && !close)
        return url_fail(why, "host", "begins with [ and has no ]");
    const char *rest = close ? close + 1 : from, *colon = memchr(rest, ':', (size_t)(end - rest));
    const char *host = close ? from + 1 : from, *host_end = close ? close : colon ? colon : end;
    if (close && rest < end && *rest != ':')
        return url_fail(why, "host", "has something between ] and the port");
    if (host == host_end)
        return url_fail(why, "host", "is missing");
    if (url->n_hosts == KT_AMQP_HOSTS)
        return url_fail(why, "list of hosts", "has more than 8");
    int *port = &url->hosts[url->n_hosts].port;
    *port     = url->tls ? TLS_PORT : PORT;
    if (colon && !read_number(colon + 1, (size_t)(end - colon - 1), PORT_MOST, port))
        return url_fail(why, "port", "is no number from 1 to 65535");
    kt_err_t err = copy_part(host, (size_t)(host_end - host), "host", url->hosts[url->n_hosts].host, why);
    url->n_hosts++;
    return err;
}

static kt_err_t
read_hosts(const char *from, size_t length, kt_amqp_url_t *url, char why[KT_AMQP_WHY])
{
    const char *end = from + length;
    for (;;) {
        const char *comma = memchr(from, ',', (size_t)(end - from));
        kt_err_t    err   = read_host(from, (size_t)((comma ? comma : end) - from), url, why);
        if (err || !comma)
            return err;
        from = comma + 1;
    }
}

static kt_err_t
read_user(const char *from, size_t length, kt_amqp_url_t *url, char why[KT_AMQP_WHY])
{
    const char *colon = memchr(from, ':', length);
    kt_err_t    err   = copy_part(from, colon ? (size_t)(colon - from) : length, "user", url->user, why);
    if (!err && colon)
        err = copy_part(colon + 1, length - (size_t)(colon + 1 - from), "password", url->password, why);
    return err;
}

static kt_err_t
read_parameter(const char *from, size_t length, kt_amqp_url_t *url, char why[KT_AMQP_WHY])
{
    static const char HEARTBEAT[] = "heartbeat=";
    size_t            n           = sizeof HEARTBEAT - 1;
    if (length >= n && !memcmp(from, HEARTBEAT, n))
        return read_number(from + n, length - n, HEARTBEAT_MOST, &url->heartbeat_s)
                   ? KT_OK
                   : url_fail(why, "parameter heartbeat", "is no number of seconds from 1 to 600");
    const char *equals = memchr(from, '=', length);
    size_t      used   = strlen(url->ignored);
    if (length)
        snprintf(url->ignored + used, sizeof url->ignored - used, "%s%.*s", used ? ", " : "",
                 (int)(equals ? equals - from : (long)(length < 64 ? length : 64)), from);
    return KT_OK;
}

static kt_err_t
read_parameters(const char *from, kt_amqp_url_t *url, char why[KT_AMQP_WHY])
{
    kt_err_t err = KT_OK;
    while (*from && !err) {
        size_t length = strcspn(from, "&");
        err           = read_parameter(from, length, url, why);
        from += length + (from[length] == '&');
    }
    return err;
}

static kt_err_t
read_all(const char *text, kt_amqp_url_t *url, char why[KT_AMQP_WHY])
{
    url->tls = !strncasecmp(text, "amqps://", 8);
    if (!url->tls && strncasecmp(text, "amqp://", 7) != 0)
        return url_fail(why, "beginning", "is neither amqp:// nor amqps://");
    const char *from = text + (url->tls ? 8 : 7), *end = from + strcspn(from, "/?#"), *at = NULL;
    for (const char *c = from; c < end; c++)  // the last one: a password may hold an @
        at = *c == '@' ? c : at;
    if (!at && (at = strchr(from, '@')))
        return url_fail(why, "user or password", "has a / ? or # (write %2F, %3F, %23)");
    kt_err_t err = at ? read_user(from, (size_t)(at - from), url, why) : KT_OK;
    if (!err)
        err = read_hosts(at ? at + 1 : from, (size_t)(end - (at ? at + 1 : from)), url, why);
    if (!err && *end == '/') {
        size_t length = strcspn(end + 1, "?#");
        if (length)
            err = copy_part(end + 1, length, "virtual host", url->vhost, why);
        end += 1 + length;
    }
    if (!err && *end == '#')
        return url_fail(why, "virtual host", "has a # (write %23)");
    if (!err && *end == '?')
        err = read_parameters(end + 1, url, why);
    return err;
}

kt_err_t
kt_amqp_url_parse(const char *text, kt_amqp_url_t *out, char why[KT_AMQP_WHY])
{
    kt_amqp_url_t url = {.user = "guest", .password = "guest", .vhost = "/"};
    kt_err_t      err = read_all(text, &url, why);
    if (!err)
        *out = url;
    explicit_bzero(url.password, sizeof url.password);
    return err;
}
