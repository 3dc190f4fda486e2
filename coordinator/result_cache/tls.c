#include "coordinator/result_cache/tls.h"

#include "common/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_BYTES = 16 << 10, PORT_TEXT = 8, QUIET_MS = 1000 };

// Bytes on their way in one direction.
typedef struct flow {
    unsigned char bytes[BUFFER_BYTES];
    size_t        at, end;
} flow_t;

struct kt_tls {
    SSL_CTX  *context;
    SSL      *ssl;
    int       remote, local;  // -1: none
    flow_t    up, down;
    pthread_t thread;
    bool      started;
};

static kt_err_t
explain(char why[KT_TLS_WHY], const char *doing, SSL *ssl)
{
    const long    verdict = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;
    unsigned long code    = ERR_get_error();
    const char   *text    = verdict != X509_V_OK ? X509_verify_cert_error_string(verdict)
                            : code               ? ERR_reason_error_string(code)
                                                 : NULL;
    ERR_clear_error();
    snprintf(why, KT_TLS_WHY, "TLS: %s: %s", doing, text ? text : errno ? strerror(errno) : "no answer in time");
    return KT_EUNREACHABLE;
}

// False: not until the deadline, with errno 0 in place of that of the call that would block.
static bool
wait_for(int fd, short events, int64_t deadline_ms)
{
    struct pollfd one     = {.fd = fd, .events = events};
    const int64_t left_ms = deadline_ms - kt_clock_ms();
    const bool    ready   = left_ms > 0 && poll(&one, 1, (int)left_ms) > 0;
    errno                 = ready ? errno : 0;
    return ready;
}

static int
dial(const struct addrinfo *to, int64_t deadline_ms)
{
    int       error  = 0;
    socklen_t length = sizeof error;
    int       fd     = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (!connect(fd, to->ai_addr, to->ai_addrlen))
        return fd;
    if (errno == EINPROGRESS && wait_for(fd, POLLOUT, deadline_ms) &&
        !getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) && !error)
        return fd;
    if (error)
        errno = error;
    close(fd);
    return -1;
}

static kt_err_t
reach(kt_tls_t *self, const char *host, int port, int64_t deadline_ms, char why[KT_TLS_WHY])
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo      *found = NULL;
    char                  text[PORT_TEXT];
    snprintf(text, sizeof text, "%d", port);
    const int code = getaddrinfo(host, text, &hints, &found);
    if (code) {
        snprintf(why, KT_TLS_WHY, "TLS: %.100s: %s", host, gai_strerror(code));
        return KT_EUNREACHABLE;
    }
    errno = 0;
    for (const struct addrinfo *to = found; to && self->remote < 0; to = to->ai_next)
        self->remote = dial(to, deadline_ms);
    freeaddrinfo(found);
    return self->remote < 0 ? explain(why, "connecting", NULL) : KT_OK;
}

static bool
is_address(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

// The certificate must name the host; an address has no name to send.
static bool
set_host(SSL *ssl, const char *host)
{
    if (is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static short
events_of(SSL *ssl, int code)
{
    switch (SSL_get_error(ssl, code)) {
    case SSL_ERROR_WANT_READ: return POLLIN;
    case SSL_ERROR_WANT_WRITE: return POLLOUT;
    default: return 0;
    }
}

static kt_err_t
shake_hands(kt_tls_t *self, const char *host, int64_t deadline_ms, char why[KT_TLS_WHY])
{
    self->context = SSL_CTX_new(TLS_client_method());
    if (!self->context || SSL_CTX_set_min_proto_version(self->context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_default_verify_paths(self->context) != 1)
        return explain(why, "starting", NULL);
    SSL_CTX_set_verify(self->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(self->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    self->ssl = SSL_new(self->context);
    if (!self->ssl || !set_host(self->ssl, host) || SSL_set_fd(self->ssl, self->remote) != 1)
        return explain(why, "starting", NULL);
    ERR_clear_error();
    errno = 0;
    for (int code; (code = SSL_connect(self->ssl)) != 1;) {
        const short events = events_of(self->ssl, code);
        if (!events || !wait_for(self->remote, events, deadline_ms))
            return explain(why, "the handshake", self->ssl);
    }
    return KT_OK;
}

// From the caller to the server. False: an end. events: what the server's socket has to be ready for.
static bool
carry_up(kt_tls_t *self, short *events)
{
    flow_t *flow = &self->up;
    if (flow->at == flow->end) {
        const ssize_t n = recv(self->local, flow->bytes, sizeof flow->bytes, MSG_DONTWAIT);
        if (n <= 0)
            return n < 0 && (errno == EAGAIN || errno == EINTR);
        flow->at  = 0;
        flow->end = (size_t)n;
    }
    const int n = SSL_write(self->ssl, flow->bytes + flow->at, (int)(flow->end - flow->at));
    if (n > 0) {
        flow->at += (size_t)n;
        *events |= POLLOUT * (flow->at < flow->end);
        return true;
    }
    const short wants = events_of(self->ssl, n);
    *events |= wants;
    return wants != 0;
}

// From the server to the caller. A caller that does not read stops it: wait for POLLOUT of its end.
static bool
carry_down(kt_tls_t *self, short *events, short *local_events)
{
    flow_t *flow = &self->down;
    if (flow->at == flow->end) {
        const int n = SSL_read(self->ssl, flow->bytes, sizeof flow->bytes);
        if (n <= 0) {
            const short wants = events_of(self->ssl, n);
            *events |= wants;
            return wants != 0;
        }
        flow->at  = 0;
        flow->end = (size_t)n;
    }
    const ssize_t n = send(self->local, flow->bytes + flow->at, flow->end - flow->at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return false;
    flow->at += n > 0 ? (size_t)n : 0;
    if (flow->at < flow->end)
        *local_events |= POLLOUT;
    else
        *events |= POLLIN;
    return true;
}

static void *
carry(void *context)
{
    kt_tls_t *self = context;
    for (;;) {
        short remote = 0, local = 0;
        if (!carry_up(self, &remote) || !carry_down(self, &remote, &local))
            break;
        if (self->up.at == self->up.end)
            local |= POLLIN;
        struct pollfd both[] = {{.fd = self->local, .events = local}, {.fd = self->remote, .events = remote}};
        // What OpenSSL has already decrypted, or what is left of a part, does not wait for the network.
        const bool more = !(local & POLLOUT) && SSL_pending(self->ssl);
        if (poll(both, 2, more ? 0 : QUIET_MS) < 0 && errno != EINTR)
            break;
        if (both[0].revents & (POLLHUP | POLLERR) && !(both[0].revents & POLLIN))
            break;
    }
    (void)SSL_shutdown(self->ssl);
    ERR_clear_error();
    shutdown(self->local, SHUT_RDWR);
    return NULL;
}

kt_err_t
kt_tls_connect(kt_tls_t **self_p, const char *host, int port, int64_t deadline_ms, int *fd, char why[KT_TLS_WHY])
{
    int       ends[2] = {-1, -1};
    kt_tls_t *self    = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->remote = self->local = -1;
    kt_err_t err               = reach(self, host, port, deadline_ms, why);
    if (!err)
        err = shake_hands(self, host, deadline_ms, why);
    if (err)
        goto fail;
    err = KT_ESYSTEM;
    snprintf(why, KT_TLS_WHY, "TLS: %s", kt_err_text(err));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        goto fail;
    self->local   = ends[0];
    self->started = pthread_create(&self->thread, NULL, carry, self) == 0;
    if (!self->started)
        goto fail;
    *fd     = ends[1];
    *self_p = self;
    return KT_OK;
fail:
    if (ends[1] >= 0)
        close(ends[1]);
    kt_tls_destroy(&self);
    return err;
}

void
kt_tls_destroy(kt_tls_t **self_p)
{
    kt_tls_t *self = *self_p;
    if (!self)
        return;
    if (self->started) {
        shutdown(self->local, SHUT_RDWR);
        pthread_join(self->thread, NULL);
    }
    SSL_free(self->ssl);
    SSL_CTX_free(self->context);
    if (self->remote >= 0)
        close(self->remote);
    if (self->local >= 0)
        close(self->local);
    free(self);
    *self_p = NULL;
}
