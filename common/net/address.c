#include "common/net/address.h"

#include "common/log.h"
#include "common/text.h"

#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { HOST_BYTES = 256, PORT_MOST = 65535 };

// The parts of a HOST:PORT, behind a scheme; false: there is no port.
static bool
split_address(const char *text, const char **host, size_t *host_length, const char **port)
{
    const char *scheme = strstr(text, "://"), *start = scheme ? scheme + 3 : text, *colon = strrchr(start, ':');
    if (!colon || (*start == '[' && (colon == start || colon[-1] != ']')))
        return false;
    bool bracket = *start == '[';
    *host        = start + bracket;
    *host_length = (size_t)(colon - start) - 2 * (size_t)bracket;
    *port        = colon + 1;
    return true;
}

kt_err_t
kt_address_check(const char *address, bool any_port, char why[KT_ADDRESS_WHY])
{
    const char *host, *port;
    size_t      length;
    int64_t     number;
    if (!strncmp(address, "ipc://", 6))
        return address[6] ? KT_OK : kt_text_explain(why, KT_ADDRESS_WHY, KT_EINVAL, "the path is missing");
    if (!split_address(address, &host, &length, &port))
        return kt_text_explain(why, KT_ADDRESS_WHY, KT_EINVAL, "the port is missing");
    if (!length || length >= HOST_BYTES)
        return kt_text_explain(why, KT_ADDRESS_WHY, KT_EINVAL, "the host is %s", length ? "too long" : "missing");
    if (any_port && !strcmp(port, "*") && strstr(address, "://"))
        return KT_OK;
    if (strspn(port, "0123456789") != strlen(port) || kt_text_to_i64(port, any_port ? 0 : 1, PORT_MOST, &number))
        return kt_text_explain(why, KT_ADDRESS_WHY, KT_EINVAL, "the port is no number from %d to %d", any_port ? 0 : 1,
                               PORT_MOST);
    return KT_OK;
}

static atomic_bool looking;

static void *
look_up_host(void *context)
{
    struct addrinfo *found = NULL, hints = {.ai_socktype = SOCK_STREAM};
    char            *host = context, quoted[2 * HOST_BYTES];
    int              rc   = getaddrinfo(host, NULL, &hints, &found);
    if (!rc)
        freeaddrinfo(found);
    else
        kt_log_warn("NAME-UNRESOLVED", "host=\"%s\" text=\"%s\"", kt_log_quote(quoted, sizeof quoted, host),
                    gai_strerror(rc));
    free(host);
    looking = false;
    return NULL;
}

void
kt_address_look_up(const char *address)
{
    const char *host, *port;
    size_t      length;
    pthread_t   thread;
    if (!split_address(address, &host, &length, &port) || atomic_exchange(&looking, true))
        return;
    char *copy = strndup(host, length);
    if (copy && !pthread_create(&thread, NULL, look_up_host, copy)) {
        pthread_detach(thread);
        return;
    }
    free(copy);
    looking = false;
}
