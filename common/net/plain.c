#include "common/net/plain.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { VALUE_BYTES = 256, IPV4_LOOPBACK = 127 };

// localhost, 127.0.0.0/8, ::1 (in brackets or not), a socket's path, or empty.
static bool
is_loopback(const char *host)
{
    char            name[KT_PLAIN_HOST];
    unsigned char   ipv4[sizeof(struct in_addr)];
    struct in6_addr ipv6;
    const size_t    length = strlen(host), bracket = *host == '[' && length > 1 && host[length - 1] == ']';
    snprintf(name, sizeof name, "%.*s", (int)(length - 2 * bracket), host + bracket);
    if (!*name || *name == '/' || *name == '@' || !strcasecmp(name, "localhost") || !strcasecmp(name, "localhost."))
        return true;  // libpq takes @ for an abstract socket
    if (inet_pton(AF_INET, name, ipv4) == 1)
        return ipv4[0] == IPV4_LOOPBACK;
    return inet_pton(AF_INET6, name, &ipv6) == 1 &&
           (IN6_IS_ADDR_LOOPBACK(&ipv6) || (IN6_IS_ADDR_V4MAPPED(&ipv6) && ipv6.s6_addr[12] == IPV4_LOOPBACK));
}

// The first host of "a:1,[::1]:2,c" that is another machine; false: none is.
static bool
find_remote(const char *hosts, size_t length, char host[KT_PLAIN_HOST])
{
    for (const char *end = hosts + length; hosts <= end;) {
        const char *comma = memchr(hosts, ',', (size_t)(end - hosts)), *stop = comma ? comma : end;
        const char *close = *hosts == '[' ? memchr(hosts, ']', (size_t)(stop - hosts)) : NULL;
        const char *colon = close ? NULL : memchr(hosts, ':', (size_t)(stop - hosts));
        // An IPv6 address of a list without ports has several colons.
        const bool  bare = colon && memchr(colon + 1, ':', (size_t)(stop - colon - 1));
        const char *last = close ? close + 1 : colon && !bare ? colon : stop;
        if (last - hosts < KT_PLAIN_HOST) {
            snprintf(host, KT_PLAIN_HOST, "%.*s", (int)(last - hosts), hosts);
            if (!strncasecmp(host, "%2f", 3))
                *host = '/';  // the path of a socket
            if (!is_loopback(host))
                return true;
        } else {
            snprintf(host, KT_PLAIN_HOST, "%.*s", KT_PLAIN_HOST - 1, hosts);
            return true;
        }
        hosts = stop + 1;
    }
    return false;
}

// The last name=value of a query (separated by '&') or of a list of keywords (by blanks). False: there is none.
static bool
find_parameter(const char *text, const char *name, char value[VALUE_BYTES])
{
    const size_t length = strlen(name);
    bool         found  = false;
    for (const char *at = text; (at = strstr(at, name)); at += length) {
        const char *equals = at + length + strspn(at + length, " ");
        if ((at > text && !strchr("?& \t\n", at[-1])) || *equals != '=')
            continue;
        equals += 1 + strspn(equals + 1, " '");
        snprintf(value, VALUE_BYTES, "%.*s", (int)strcspn(equals, "& '\t\n"), equals);
        found = true;
    }
    return found;
}

static bool
is_plain_postgres(const char *url, char host[KT_PLAIN_HOST])
{
    const char *scheme = strstr(url, "://"), *query = scheme ? strchr(url, '?') : url;
    const char *mode = getenv("PGSSLMODE"), *default_host = getenv("PGHOST"), *service = getenv("PGSERVICE");
    const char *default_address    = getenv("PGHOSTADDR");
    char        value[VALUE_BYTES] = "", hosts[VALUE_BYTES] = "";
    snprintf(value, sizeof value, "%s", mode ? mode : "");
    if (query && !find_parameter(query, "sslmode", value) && find_parameter(query, "ssl", hosts))
        snprintf(value, sizeof value, "%s", strcmp(hosts, "true") == 0 ? "require" : "");
    if (!strcmp(value, "require") || !strcmp(value, "verify-ca") || !strcmp(value, "verify-full"))
        return false;
    if ((query && find_parameter(query, "service", hosts)) || (service && *service)) {
        snprintf(host, KT_PLAIN_HOST, "the service %.*s", KT_PLAIN_HOST - 16, *hosts ? hosts : service);
        return true;  // its file may name any host
    }
    if (query && find_parameter(query, "hostaddr", hosts))
        return find_remote(hosts, strlen(hosts), host);
    if (default_address && *default_address)
        return find_remote(default_address, strlen(default_address), host);
    if (query && find_parameter(query, "host", hosts))
        return find_remote(hosts, strlen(hosts), host);
    const char *start = scheme ? scheme + 3 : "", *end = start + strcspn(start, "/?");
    const char *user = memrchr(start, '@', (size_t)(end - start));
    start            = user ? user + 1 : start;
    if (start == end && default_host)
        return find_remote(default_host, strlen(default_host), host);
    return find_remote(start, (size_t)(end - start), host);
}

bool
kt_plain_url(const char *url, char host[KT_PLAIN_HOST])
{
    static const char *const PLAIN[] = {"amqp://", "redis://"};
    if (strstr(url, "://") ? !strncasecmp(url, "postgres", 8)
                           : strstr(url, "host") && strchr(url, '=') && strncasecmp(url, "sqlite:", 7) != 0)
        return is_plain_postgres(url, host);
    for (size_t i = 0; i < sizeof PLAIN / sizeof *PLAIN; i++) {
        const size_t n = strlen(PLAIN[i]);
        if (strncasecmp(url, PLAIN[i], n) != 0)
            continue;
        const char *start = url + n, *end = start + strcspn(start, "/?#");
        const char *user = memrchr(start, '@', (size_t)(end - start));
        start            = user ? user + 1 : start;
        return find_remote(start, (size_t)(end - start), host);
    }
    return false;
}

bool
kt_plain_next(const kt_settings_t *settings, size_t *next, const char **setting, char host[KT_PLAIN_HOST])
{
    const struct {
        const char *setting, *url;
    } rows[] = {{"DATABASE_URL", settings->database_url},
                {"AMQP_CONNECTION_STRING", settings->amqp_url},
                {"REDIS_URL", settings->redis_url}};
    while (*next < sizeof rows / sizeof *rows) {
        const size_t i = (*next)++;
        *setting       = rows[i].setting;
        if (kt_plain_url(rows[i].url, host))
            return true;
    }
    return false;
}

kt_checked_t
kt_plain_check(const kt_settings_t *settings, char text[KT_CHECKED_TEXT])
{
    const char *setting;
    char        host[KT_PLAIN_HOST];
    size_t      n = 0;
    for (size_t next = 0; kt_plain_next(settings, &next, &setting, host);)
        n += (size_t)snprintf(text + n, KT_CHECKED_TEXT - n, "%s%s leads to %.200s without TLS", n ? ", " : "", setting,
                              host);
    if (n == 0)
        return KT_CHECKED_NONE;
    snprintf(text + n, KT_CHECKED_TEXT - n, ": sslmode=verify-full, amqps://%s",
             settings->require_tls ? "; ANALYZER_REQUIRE_TLS refuses it" : "");
    return settings->require_tls ? KT_CHECKED_WRONG : KT_CHECKED_WARN;
}
