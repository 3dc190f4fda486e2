#include "coordinator/http/listen.h"

#include "common/net/address.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };  // connections wait here while the guard makes room

// "HOST:PORT" or "[HOST]:PORT"; NULL if it is not an address.
static struct addrinfo *
resolve_address(const char *bind_text)
{
    char            host[KT_HTTP_ADDRESS];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    const char     *colon = strrchr(bind_text, ':');
    bool            ipv6  = bind_text[0] == '[';
    const char     *start = bind_text + ipv6;
    const char     *end   = colon && ipv6 ? colon - 1 : colon;
    if (!colon || end <= start || (ipv6 && *end != ']') || end - start >= KT_HTTP_ADDRESS)
        return NULL;
    snprintf(host, sizeof host, "%.*s", (int)(end - start), start);
    struct addrinfo *found = NULL;
    return getaddrinfo(host, colon + 1, &hints, &found) == 0 ? found : NULL;
}

kt_err_t
kt_http_listen(const char *bind_text, int *fd, char why[KT_HTTP_WHY])
{
    char             wrong[KT_ADDRESS_WHY] = "it is no address of this machine";
    bool             right                 = kt_address_check(bind_text, true, wrong) == KT_OK;
    struct addrinfo *found                 = right ? resolve_address(bind_text) : NULL;
    if (!found) {
        snprintf(why, KT_HTTP_WHY, "ANALYZER_HTTP_BIND=%.200s is not an address: %s; write it as 127.0.0.1:8710",
                 bind_text, wrong);
        return KT_ESETTING;
    }
    int one   = 1;
    int made  = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int saved = made < 0 ? errno : 0;
    if (!saved) {
        setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (bind(made, found->ai_addr, found->ai_addrlen) || listen(made, BACKLOG)) {
            saved = errno;
            close(made);
        }
    }
    freeaddrinfo(found);
    if (saved) {
        snprintf(why, KT_HTTP_WHY, "http://%.200s %s: stop the program that listens there, or set ANALYZER_HTTP_BIND",
                 bind_text, saved == EADDRINUSE ? "is in use" : strerror(saved));
        return KT_EPORT;
    }
    *fd = made;
    return KT_OK;
}

void
kt_http_listen_name(int fd, char address[KT_HTTP_ADDRESS])
{
    struct sockaddr_storage at     = {0};
    socklen_t               length = sizeof at;
    char                    host[64], port[16];
    address[0] = '\0';
    if (getsockname(fd, (struct sockaddr *)&at, &length) ||
        getnameinfo((struct sockaddr *)&at, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV))
        return;
    snprintf(address, KT_HTTP_ADDRESS, at.ss_family == AF_INET6 ? "http://[%s]:%s" : "http://%s:%s", host, port);
}

bool
kt_http_is_loopback(const char *bind_text)
{
    struct addrinfo *found    = resolve_address(bind_text);
    bool             loopback = false;
    if (found && found->ai_family == AF_INET) {
        struct sockaddr_in at;
        memcpy(&at, found->ai_addr, sizeof at);
        loopback = ntohl(at.sin_addr.s_addr) >> 24 == 127;
    } else if (found && found->ai_family == AF_INET6) {
        struct sockaddr_in6 at;
        memcpy(&at, found->ai_addr, sizeof at);
        loopback = IN6_IS_ADDR_LOOPBACK(&at.sin6_addr);
    }
    if (found)
        freeaddrinfo(found);
    return loopback;
}
