#include "coordinator/http.h"

#include "common/log.h"
#include "common/text.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 64, CONNECTION_TIMEOUT_S = 15, HEADER_BYTES = 32 << 10, STACK_BYTES = 512 << 10, LISTEN = 128 };
enum { RESPONSE_BYTES = 64 << 20 };

struct kt_http {
    struct MHD_Daemon  *daemon;
    int                 fd;  // listening; the daemon's once that runs
    kt_http_handler_fn *handler;
    void               *context;
};

typedef struct exchange {
    kt_buf_t body;
} exchange_t;

// "HOST:PORT", "[HOST]:PORT" into its two parts.
static bool
split(const char *bind, char host[KT_HTTP_ADDRESS], const char **port)
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

static int
listen_at(const struct addrinfo *at)
{
    int one = 1;
    int fd  = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, LISTEN) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static kt_err_t
open_listener(const char *bind_text, int *fd, char why[KT_HTTP_WHY])
{
    char             host[KT_HTTP_ADDRESS];
    const char      *port;
    struct addrinfo *found = NULL;
    struct addrinfo  hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    if (!split(bind_text, host, &port) || getaddrinfo(host, port, &hints, &found)) {
        snprintf(why, KT_HTTP_WHY, "ANALYZER_HTTP_BIND=%.200s is no address: write it as 127.0.0.1:8710", bind_text);
        return KT_EINVAL;
    }
    int made  = listen_at(found);
    int saved = errno;
    freeaddrinfo(found);
    if (made < 0) {
        snprintf(why, KT_HTTP_WHY, "http://%.200s %s: stop what listens there or set ANALYZER_HTTP_BIND", bind_text,
                 saved == EADDRINUSE ? "is in use" : strerror(saved));
        return KT_EPORT;
    }
    *fd = made;
    return KT_OK;
}

static void
name_address(int fd, char address[KT_HTTP_ADDRESS])
{
    struct sockaddr_storage at;
    socklen_t               length = sizeof at;
    char                    host[64], port[16];
    address[0] = '\0';
    if (getsockname(fd, (struct sockaddr *)&at, &length) ||
        getnameinfo((struct sockaddr *)&at, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV))
        return;
    snprintf(address, KT_HTTP_ADDRESS, at.ss_family == AF_INET6 ? "http://[%s]:%s" : "http://%s:%s", host, port);
}

static enum MHD_Result
take_arg(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    kt_http_request_t *request = context;
    if (request->n_args == KT_HTTP_ARGS)
        return MHD_NO;
    request->args[request->n_args].name    = name;
    request->args[request->n_args++].value = value ? value : "";
    return MHD_YES;
}

static enum MHD_Result
reply(struct MHD_Connection *connection, kt_http_response_t *response)
{
    size_t               length = 0;
    char                *bytes  = kt_buf_take(&response->body, &length);
    struct MHD_Response *answer;
    if (bytes) {
        answer = MHD_create_response_from_buffer(length, bytes, MHD_RESPMEM_MUST_FREE);
    } else {
        static char memory[] =
            "{\"error\":{\"code\":\"ENOMEM\",\"number\":-1,\"text\":\"out of memory\",\"detail\":\"\"}}";
        response->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
        answer           = MHD_create_response_from_buffer(sizeof memory - 1, memory, MHD_RESPMEM_PERSISTENT);
    }
    if (!answer) {
        free(bytes);
        return MHD_NO;
    }
    MHD_add_response_header(answer, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    if (response->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(answer, MHD_HTTP_HEADER_ALLOW, "GET, POST");
    enum MHD_Result result = MHD_queue_response(connection, response->status, answer);
    MHD_destroy_response(answer);
    return result;
}

static enum MHD_Result
answer_request(kt_http_t *self, struct MHD_Connection *connection, const char *path, const char *method,
               exchange_t *exchange)
{
    kt_http_response_t response = {.status = MHD_HTTP_INTERNAL_SERVER_ERROR};
    kt_http_request_t  request  = {.method = method, .path = path};
    kt_buf_init(&response.body, RESPONSE_BYTES);
    if (exchange->body.err) {
        response.status = exchange->body.err == KT_EFULL ? MHD_HTTP_CONTENT_TOO_LARGE : MHD_HTTP_SERVICE_UNAVAILABLE;
        kt_buf_fmt(
            &response.body,
            "{\"error\":{\"code\":\"%s\",\"number\":%d,\"text\":\"%s\",\"detail\":\"a body has at most %d bytes\"}}",
            kt_err_name(exchange->body.err), exchange->body.err, kt_err_text(exchange->body.err), KT_HTTP_BODY);
        return reply(connection, &response);
    }
    request.body       = exchange->body.bytes ? exchange->body.bytes : "";
    request.body_bytes = exchange->body.length;
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take_arg, &request);
    self->handler(self->context, &request, &response);
    return reply(connection, &response);
}

// Called first with the headers, then with each part of the body, then once more without any.
static enum MHD_Result
on_request(void *context, struct MHD_Connection *connection, const char *path, const char *method, const char *version,
           const char *part, size_t *part_bytes, void **state)
{
    (void)version;
    exchange_t *exchange = *state;
    if (!exchange) {
        exchange = calloc(1, sizeof *exchange);
        if (!exchange)
            return MHD_NO;
        kt_buf_init(&exchange->body, KT_HTTP_BODY);
        *state = exchange;
        return MHD_YES;
    }
    if (*part_bytes) {
        kt_buf_add(&exchange->body, part, *part_bytes);  // past the bound it is read and thrown away
        *part_bytes = 0;
        return MHD_YES;
    }
    return answer_request(context, connection, path, method, exchange);
}

static void
on_end(void *context, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code)
{
    (void)context, (void)connection, (void)code;
    exchange_t *exchange = *state;
    if (exchange)
        kt_buf_fini(&exchange->body);
    free(exchange);
    *state = NULL;
}

static struct MHD_Daemon *
start_daemon(kt_http_t *self)
{
    return MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL,
                            NULL, on_request, self, MHD_OPTION_LISTEN_SOCKET, self->fd, MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_TIMEOUT_S,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_BYTES, MHD_OPTION_THREAD_STACK_SIZE,
                            (size_t)STACK_BYTES, MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_END);
}

kt_err_t
kt_http_new(kt_http_t **self_p, const char *bind_text, kt_http_handler_fn *handler, void *context,
            char address[KT_HTTP_ADDRESS], char why[KT_HTTP_WHY])
{
    kt_http_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->fd      = -1;
    self->handler = handler;
    self->context = context;
    kt_err_t err  = open_listener(bind_text, &self->fd, why);
    if (err)
        goto fail;
    name_address(self->fd, address);
    err          = KT_ENOMEM;
    self->daemon = start_daemon(self);
    if (!self->daemon)
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_http_destroy(&self);
    return err;
}

void
kt_http_destroy(kt_http_t **self_p)
{
    kt_http_t *self = *self_p;
    if (!self)
        return;
    if (self->daemon)
        MHD_stop_daemon(self->daemon);  // closes the listening socket
    else if (self->fd >= 0)
        close(self->fd);
    free(self);
    *self_p = NULL;
}

const char *
kt_http_arg(const kt_http_request_t *request, const char *name, const char *fallback)
{
    for (size_t i = 0; i < request->n_args; i++)
        if (strcmp(request->args[i].name, name) == 0)
            return request->args[i].value;
    return fallback;
}
