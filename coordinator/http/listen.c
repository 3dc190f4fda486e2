#include "coordinator/http/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };  // connections wait here while the guard makes room

// "HOST:PORT", "[HOST]:PORT" into its two parts.
static bool
split_address(const char *bind, char host[KT_HTTP_ADDRESS], const char **port)
{
    const char *colon  = strrchr(bind, ':');
    bool        ipv6   = bind[0] == '[';
    const char *start  = bind + ipv6;
    const char *finish = colon && ipv6 ? colon - 1 : colon;
    if (!colon || finish <= start || (ipv6 && *finish != ']') || finish - start >= KT_HTTP_ADDRESS)
        return false;
    snprintf(host, KT_HTTP_ADDRESS, "%.*s", (int)(finish - start), start);
    *port = colon + 1;
    return true;
}

static struct addrinfo *
resolve_address(const char *bind_text)
{
    char             host[KT_HTTP_ADDRESS];
    const char      *port;
    struct addrinfo *found = NULL;
    struct addrinfo  hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    return split_address(bind_text, host, &port) && getaddrinfo(host, port, &hints, &found) == 0 ? found : NULL;
}

static int
listen_at(const struct addrinfo *at)
{
    int one = 1;
    int fd  = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

kt_err_t
kt_http_listen(const char *bind_text, int *fd, char why[KT_HTTP_WHY])
{
    struct addrinfo *found = resolve_address(bind_text);
    if (!found) {
        snprintf(why, KT_HTTP_WHY, "ANALYZER_HTTP_BIND=%.200s is not an address: write it as 127.0.0.1:8710",
                 bind_text);
        return KT_EINVAL;
    }
    int made  = listen_at(found);
    int saved = errno;
    freeaddrinfo(found);
    if (made < 0) {
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
