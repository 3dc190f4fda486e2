#include "coordinator/http/host.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { HOST_BYTES = 256, PORT_DIGITS = 5, IPV4_LOOPBACK = 127 };

typedef enum host_kind { INVALID, NAME, IPV4, IPV6 } host_kind_t;

// Splits the port off. Name: without brackets and the dot at its end.
static host_kind_t
parse_host(const char *host, char name[HOST_BYTES], unsigned char address[sizeof(struct in6_addr)])
{
    const bool  bracket = *host == '[';
    const char *start = host + bracket, *end = start + strcspn(start, bracket ? "]" : ":");
    const char *rest   = end + (bracket && *end == ']');
    size_t      length = (size_t)(end - start);
    if (bracket && *end != ']')
        return INVALID;
    if (*rest == ':') {
        const size_t digits = strspn(rest + 1, "0123456789");
        if (digits > PORT_DIGITS || rest[1 + digits])
            return INVALID;
    } else if (*rest) {
        return INVALID;
    }
    if (!bracket && length && start[length - 1] == '.')
        length--;
    if (!length || length >= HOST_BYTES)
        return INVALID;
    snprintf(name, HOST_BYTES, "%.*s", (int)length, start);
    if (bracket)
        return inet_pton(AF_INET6, name, address) == 1 ? IPV6 : INVALID;
    return inet_pton(AF_INET, name, address) == 1 ? IPV4 : NAME;
}

static bool
is_listed(const char *name, const char *names)
{
    static const char SEPARATORS[] = " \t\r\n,";
    const size_t      length       = strlen(name);
    for (size_t n; *(names += strspn(names, SEPARATORS)); names += n) {
        n                  = strcspn(names, SEPARATORS);
        const size_t plain = n - (names[n - 1] == '.');
        if (plain == length && strncasecmp(names, name, length) == 0)
            return true;
    }
    return false;
}

bool
kt_http_host_allowed(const char *host, const char *names)
{
    char              name[HOST_BYTES];
    unsigned char     address[sizeof(struct in6_addr)];
    const host_kind_t kind = parse_host(host, name, address);
    return kind == IPV4 || kind == IPV6 || (kind == NAME && (!strcasecmp(name, "localhost") || is_listed(name, names)));
}

bool
kt_http_host_is_loopback(const char *host)
{
    char            name[HOST_BYTES];
    struct in6_addr address;
    switch (parse_host(host, name, address.s6_addr)) {
    case NAME: return !strcasecmp(name, "localhost");
    case IPV4: return address.s6_addr[0] == IPV4_LOOPBACK;
    case IPV6:
        return IN6_IS_ADDR_LOOPBACK(&address) ||
               (IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr[12] == IPV4_LOOPBACK);
    default: return false;
    }
}

bool
kt_http_is_proxy_header(const char *name)
{
    static const char *const NAMES[] = {
        "Forwarded",
        "Via",
        "X-Real-IP",
        "X-Client-IP",
        "Client-IP",
        "True-Client-IP",
        "X-ProxyUser-Ip",
        "CF-Connecting-IP",
        "CDN-Loop",
        "Fastly-Client-IP",
        "X-Cluster-Client-IP",
        "X-Original-Forwarded-For",
        "X-Original-Host",
        "X-Envoy-External-Address",
        "X-Host",
        "X-Proxy-User",
        "Proxy-Authorization",
        "X-Scheme",
    };
    static const char FORWARDED[] = "X-Forwarded";  // and all that begins so: -For, -Host, -Proto, -Server, -Port
    if (strncasecmp(name, FORWARDED, sizeof FORWARDED - 1) == 0)
        return true;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strcasecmp(name, NAMES[i]) == 0)
            return true;
    return false;
}
