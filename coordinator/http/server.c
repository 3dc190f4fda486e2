#include "coordinator/http/server.h"

#include "common/log.h"
#include "common/text.h"
#include "coordinator/http/guard.h"
#include "coordinator/http/gzip.h"
#include "coordinator/http/host.h"

#include <microhttpd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IDLE_S = 15, HEADER_BYTES = 32 << 10, HEADERS_MAX = 64, STACK_BYTES = 512 << 10 };
// What the kernel holds of a stream: a listener that does not read is noticed after so many bytes (it grows to
// megabytes otherwise), and is shut down after KT_HTTP_TURN_MS.
enum { STREAM_BUFFER_BYTES = 32 << 10 };
enum { RESPONSE_BYTES = 64 << 20, BODIES_BYTES = 128 << 20, TOO_MANY_HEADERS = 431 };
// With all places taken the daemon closes new connections. A connection that the guard has ended keeps its place until
// its thread notices, hence twice as many places as usable connections.
enum { PLACES = 2 * KT_HTTP_CONNECTIONS, CROWD = KT_HTTP_CONNECTIONS / 8 * 7 };

struct kt_http {
    struct MHD_Daemon *daemon;
    kt_http_guard_t   *guard;
    int                fd;  // listening; owned by the daemon once it runs
    kt_http_opts_t     opts;
    _Atomic size_t     bodies_bytes;  // of all requests in progress
    _Atomic uint64_t   accepted, too_large;
};

// One request, from its headers to the end of its response.
typedef struct exchange {
    kt_http_t         *server;
    kt_buf_t           body;
    size_t             counted_bytes;  // of the body, within bodies_bytes
    bool               refused;        // by the gate, which wrote the response
    kt_http_response_t response;
} exchange_t;

// A NUL would cut the path silently. In its place comes a byte that is in no UTF-8, so that the path is refused.
static size_t
unescape(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context, (void)connection;
    for (char *at = text; (at = strstr(at, "%00")); at++)
        memcpy(at, "%FF", sizeof "%FF" - 1);
    return MHD_http_unescape(text);
}

// A parameter whose bytes are no text (UTF-8 without NUL) makes the request a bad one.
static enum MHD_Result
add_arg(void *context, enum MHD_ValueKind kind, const char *name, size_t name_bytes, const char *value,
        size_t value_bytes)
{
    (void)kind;
    kt_http_request_t *request = context;
    if (!kt_text_is_utf8(name, name_bytes) || (value && !kt_text_is_utf8(value, value_bytes)))
        request->bad = "the query is not UTF-8 without NUL";
    if (request->n_args == KT_HTTP_ARGS)
        request->bad = "a query has at most 16 parameters";
    if (request->bad)
        return MHD_NO;
    request->args[request->n_args].name    = name;
    request->args[request->n_args++].value = value ? value : "";
    return MHD_YES;
}

static void
write_error(kt_http_response_t *response, unsigned status, kt_err_t err, const char *detail)
{
    response->status = status;
    response->type   = KT_HTTP_PROBLEM;
    kt_buf_fmt(&response->body,
               "{\"type\":\"urn:kithara:%s\",\"title\":\"%s\",\"status\":%u,\"detail\":\"%s\","
               "\"error\":{\"code\":\"%s\",\"number\":%d,\"text\":\"%s\",\"detail\":\"%s\"}}",
               kt_err_name(err), kt_err_text(err), status, detail, kt_err_name(err), err, kt_err_text(err), detail);
}

// A stream with its place in the guard. Waiting for the next bytes is work; sending them is not: a client that does not
// read is shut down.
typedef struct stream {
    kt_http_stream_t ops;
    kt_http_guard_t *guard;
    size_t           place;
} stream_t;

static ssize_t
read_stream(void *context, uint64_t position, char *out, size_t capacity)
{
    (void)position;
    stream_t *self = context;
    kt_http_guard_work(self->guard, self->place, true);
    const size_t n = self->ops.read(self->ops.context, out, capacity);
    kt_http_guard_work(self->guard, self->place, false);
    return n ? (ssize_t)n : MHD_CONTENT_READER_END_OF_STREAM;
}

static void
free_stream(void *context)
{
    stream_t *self = context;
    self->ops.end(self->ops.context);
    free(self);
}

// NULL: out of memory; the stream is ended.
static struct MHD_Response *
new_stream_response(kt_http_t *self, struct MHD_Connection *connection, kt_http_stream_t *ops)
{
    stream_t            *stream = malloc(sizeof *stream);
    struct MHD_Response *answer = NULL;
    if (stream) {
        const union MHD_ConnectionInfo *info  = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        const size_t                   *place = info ? info->socket_context : NULL;
        const union MHD_ConnectionInfo *wire  = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        const int                       bytes = STREAM_BUFFER_BYTES;
        if (wire)
            (void)setsockopt(wire->connect_fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
        *stream = (stream_t){.ops = *ops, .guard = self->guard, .place = place ? *place : PLACES};
        answer =
            MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, KT_HTTP_STREAM_BYTES, read_stream, stream, free_stream);
    }
    if (!answer) {
        ops->end(ops->context);
        free(stream);
    }
    *ops = (kt_http_stream_t){0};
    return answer;
}

static struct MHD_Response *
new_body_response(kt_http_response_t *response)
{
    static char memory[] = "{\"type\":\"urn:kithara:ENOMEM\",\"title\":\"out of memory\",\"status\":500,"
                           "\"error\":{\"code\":\"ENOMEM\",\"number\":-1,\"text\":\"out of memory\",\"detail\":\"\"}}";
    size_t      length   = 0;
    char       *bytes    = kt_buf_take(&response->body, &length);
    if (!bytes) {
        response->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
        response->type   = KT_HTTP_PROBLEM;
        return MHD_create_response_from_buffer(sizeof memory - 1, memory, MHD_RESPMEM_PERSISTENT);
    }
    struct MHD_Response *answer = MHD_create_response_from_buffer(length, bytes, MHD_RESPMEM_MUST_FREE);
    if (!answer)
        free(bytes);
    return answer;
}

static void
add_headers(struct MHD_Response *answer, const kt_http_response_t *response, bool stream)
{
    const struct {
        const char *name, *value;  // NULL: none
    } HEADERS[] = {
        {MHD_HTTP_HEADER_CONTENT_TYPE, response->type ? response->type : "application/json"},
        {MHD_HTTP_HEADER_CACHE_CONTROL, response->etag ? "no-cache" : "no-store"},
        {MHD_HTTP_HEADER_ETAG, response->etag},
        {"Content-Security-Policy", response->policy},
        {"Referrer-Policy", response->policy ? "no-referrer" : NULL},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Accel-Buffering", stream ? "no" : NULL},  // nginx otherwise collects a stream
        {MHD_HTTP_HEADER_CONNECTION, response->close ? "close" : NULL},
        {MHD_HTTP_HEADER_ALLOW, response->allow[0] ? response->allow : NULL},
        {MHD_HTTP_HEADER_WWW_AUTHENTICATE,
         response->status == MHD_HTTP_UNAUTHORIZED ? "Bearer realm=\"kithara\"" : NULL},
    };
    for (size_t i = 0; i < sizeof HEADERS / sizeof *HEADERS; i++)
        if (HEADERS[i].value)
            MHD_add_response_header(answer, HEADERS[i].name, HEADERS[i].value);
}

static enum MHD_Result
queue_response(kt_http_t *self, struct MHD_Connection *connection, kt_http_response_t *response)
{
    const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT_ENCODING);
    const bool  stream = response->stream.read != NULL;
    const bool  large  = !response->body.err && response->body.length >= KT_HTTP_GZIP_LEAST;
    const bool  packed = large && kt_http_takes_gzip(accept) && kt_http_gzip(&response->body);
    struct MHD_Response *answer =
        stream ? new_stream_response(self, connection, &response->stream) : new_body_response(response);
    if (!answer)
        return MHD_NO;
    add_headers(answer, response, stream);
    if (large)
        MHD_add_response_header(answer, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT_ENCODING);
    if (packed)
        MHD_add_response_header(answer, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    enum MHD_Result result = MHD_queue_response(connection, response->status, answer);
    MHD_destroy_response(answer);
    return result;
}

// Host, and whether a proxy has passed the request on.
static enum MHD_Result
see_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    kt_http_request_t *request = context;
    if (strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0)
        request->host = request->host || !value ? "" : value;
    request->proxied |= kt_http_is_proxy_header(name);
    return MHD_YES;
}

static kt_http_request_t
request_of(kt_http_t *self, struct MHD_Connection *connection, const char *path, const char *method,
           const char *version)
{
    kt_http_request_t request = {
        .server        = self,
        .path          = path,
        .method        = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0 ? MHD_HTTP_METHOD_GET : method,
        .authorization = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION),
        .origin        = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ORIGIN),
        .proxied       = strcmp(version, MHD_HTTP_VERSION_1_0) == 0,
        .fetch_site    = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Sec-Fetch-Site"),
        .if_none_match = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_NONE_MATCH),
        .last_event_id = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Last-Event-ID"),
        .body          = "",
    };
    MHD_get_connection_values(connection, MHD_HEADER_KIND, see_header, &request);
    if (!request.host && !request.proxied)
        request.host = "";  // HTTP/1.1 requires it
    if (!kt_text_is_utf8(path, strlen(path)))
        request.bad = "the path is not UTF-8 without NUL";
    MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, add_arg, &request);
    return request;
}

typedef struct framing {
    unsigned lengths;  // how often the length of the body is stated
    bool     odd;
} framing_t;

static enum MHD_Result
see_framing(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    static const char TOKEN[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    (void)kind;
    framing_t  *self   = context;
    const bool  length = !strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH);
    const bool  coding = !strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    const char *text   = value ? value : "";
    self->odd |= !*name || name[strspn(name, TOKEN)];
    self->odd |= length && (!*text || text[strspn(text, "0123456789")]);
    self->odd |= coding && strcasecmp(text, "chunked") != 0;
    self->lengths += length || coding;
    return MHD_YES;
}

// libmicrohttpd cuts the block of headers into texts where it lies: a colon and each byte of a line's end become NUL.
// So a text that does not reach the place at which the next one begins had a NUL of its own, or was folded over two
// lines (RFC 9112, 5.2 and 5.5), and what it says is not what was sent.
typedef struct lines {
    const char *end;  // of the text before
    ptrdiff_t   gap;  // bytes of a line's end: of the first line
    bool        cut;
} lines_t;

static enum MHD_Result
see_line(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    lines_t        *self = context;
    const ptrdiff_t gap  = name - self->end;
    self->gap            = self->gap ? self->gap : gap;
    self->cut |= gap != self->gap || gap < 1 || gap > 2;
    self->end = value ? value + strlen(value) : name;
    return MHD_YES;
}

// method and version: of the first line, where they lie.
static bool
has_cut_line(struct MHD_Connection *connection, const char *method, const char *version)
{
    const union MHD_ConnectionInfo *block =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    const char *end = block ? method + block->header_size : method;
    if (version < method || version >= end)
        return true;
    lines_t lines = {.end = version + strlen(version)};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, see_line, &lines);
    const ptrdiff_t rest = end - lines.end;  // the end of the last line, and an empty one
    return lines.cut || (lines.gap ? rest != 2 * lines.gap : rest != 2 && rest != 4);
}

// What a proxy may read in another way, so that it ends the body elsewhere and takes what follows for another request
// (RFC 9112, 5.1 and 6.3). NULL: nothing.
static const char *
find_ambiguity(struct MHD_Connection *connection, const char *method, const char *version)
{
    framing_t framing = {0};
    if (has_cut_line(connection, method, version))
        return "a line of the request has a NUL byte or goes on in the next line";
    MHD_get_connection_values(connection, MHD_HEADER_KIND, see_framing, &framing);
    if (framing.lengths > 1)
        return "the length of the body is stated twice";
    if (framing.odd)
        return "a header's name is no token, or the length of the body is neither a number nor chunked";
    if (strcmp(version, MHD_HTTP_VERSION_1_0) == 0 &&
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING))
        return "HTTP/1.0 has no Transfer-Encoding";
    return NULL;
}

// Called with the headers: creates the exchange and calls the gate.
static enum MHD_Result
begin_exchange(kt_http_t *self, struct MHD_Connection *connection, const char *path, const char *method,
               const char *version, void **state)
{
    exchange_t *exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return MHD_NO;
    exchange->server = self;
    kt_buf_init(&exchange->body, KT_HTTP_BODY);
    kt_buf_init(&exchange->response.body, RESPONSE_BYTES);
    *state = exchange;
    if (MHD_get_connection_values(connection, MHD_HEADER_KIND, NULL, NULL) > HEADERS_MAX) {
        exchange->refused = true;
        write_error(&exchange->response, TOO_MANY_HEADERS, KT_EFULL, "a request has at most 64 headers");
        return MHD_YES;
    }
    const char *ambiguity = find_ambiguity(connection, method, version);
    if (ambiguity) {
        exchange->refused        = true;
        exchange->response.close = true;
        write_error(&exchange->response, MHD_HTTP_BAD_REQUEST, KT_EMESSAGE, ambiguity);
        return queue_response(self, connection, &exchange->response);  // before its body, whose end is not known
    }
    kt_http_request_t request = request_of(self, connection, path, method, version);
    exchange->refused         = !self->opts.gate(self->opts.context, &request, &exchange->response);
    return MHD_YES;
}

static void
run_handler(kt_http_t *self, struct MHD_Connection *connection, const char *path, const char *method,
            const char *version, exchange_t *exchange)
{
    const union MHD_ConnectionInfo *info    = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    const size_t                   *place   = info ? info->socket_context : NULL;
    kt_http_request_t               request = request_of(self, connection, path, method, version);
    request.body                            = exchange->body.bytes ? exchange->body.bytes : "";
    request.body_bytes                      = exchange->body.length;
    if (place)
        kt_http_guard_work(self->guard, *place, true);
    self->opts.handler(self->opts.context, &request, &exchange->response);
    if (place)
        kt_http_guard_work(self->guard, *place, false);
}

// Called with the headers, then with each part of the body, then once without a part.
static enum MHD_Result
on_request(void *context, struct MHD_Connection *connection, const char *path, const char *method, const char *version,
           const char *part, size_t *part_bytes, void **state)
{
    kt_http_t  *self     = context;
    exchange_t *exchange = *state;
    if (!exchange)
        return begin_exchange(self, connection, path, method, version, state);
    if (*part_bytes) {
        // After an error the rest is read and discarded, so that the sender reads the response.
        if (!exchange->refused && !exchange->body.err) {
            exchange->counted_bytes += *part_bytes;
            if (atomic_fetch_add(&self->bodies_bytes, *part_bytes) + *part_bytes > BODIES_BYTES)
                exchange->body.err = KT_EAGAIN;
            else
                kt_buf_add(&exchange->body, part, *part_bytes);
            if (exchange->body.err)
                atomic_fetch_add(&self->too_large, 1);
        }
        *part_bytes = 0;
        return MHD_YES;
    }
    if (!exchange->refused && exchange->body.err == KT_EFULL)
        write_error(&exchange->response, MHD_HTTP_CONTENT_TOO_LARGE, KT_EFULL, "a body has at most 8388608 bytes");
    else if (!exchange->refused && exchange->body.err)
        write_error(&exchange->response, MHD_HTTP_SERVICE_UNAVAILABLE, exchange->body.err,
                    "too many large requests at once: try again");
    else if (!exchange->refused)
        run_handler(self, connection, path, method, version, exchange);
    return queue_response(self, connection, &exchange->response);
}

static void
on_end(void *context, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code)
{
    (void)context, (void)connection, (void)code;
    exchange_t *exchange = *state;
    if (!exchange)
        return;
    atomic_fetch_sub(&exchange->server->bodies_bytes, exchange->counted_bytes);
    kt_buf_fini(&exchange->body);
    kt_buf_fini(&exchange->response.body);
    free(exchange);
    *state = NULL;
}

// The daemon reports the end before it closes the descriptor.
static void
on_connection(void *context, struct MHD_Connection *connection, void **state, enum MHD_ConnectionNotificationCode code)
{
    kt_http_t *self  = context;
    size_t    *place = *state;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        atomic_fetch_add(&self->accepted, 1);
        place = malloc(sizeof *place);
        if (place)
            *place = kt_http_guard_enter(self->guard, info->connect_fd);
        *state = place;
    } else if (place) {
        kt_http_guard_leave(self->guard, *place);
        free(place);
        *state = NULL;
    }
}

kt_err_t
kt_http_new(kt_http_t **self_p, const kt_http_opts_t *opts, char address[KT_HTTP_ADDRESS], char why[KT_HTTP_WHY])
{
    kt_http_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->fd     = -1;
    self->opts   = *opts;
    kt_err_t err = kt_http_listen(opts->bind, &self->fd, why);
    if (!err)
        err = kt_http_guard_new(&self->guard, PLACES, CROWD);
    if (err)
        goto fail;
    kt_http_listen_name(self->fd, address);
    err = KT_ENOMEM;
    self->daemon =
        MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL,
                         on_request, self, MHD_OPTION_LISTEN_SOCKET, self->fd, MHD_OPTION_CONNECTION_LIMIT,
                         (unsigned)PLACES, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_BYTES, MHD_OPTION_THREAD_STACK_SIZE,
                         (size_t)STACK_BYTES, MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_NOTIFY_CONNECTION,
                         on_connection, self, MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_END);
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
        MHD_stop_daemon(self->daemon);
    else if (self->fd >= 0)
        close(self->fd);
    kt_http_guard_destroy(&self->guard);
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

void
kt_http_stats(kt_http_t *self, kt_http_stats_t *out)
{
    *out = (kt_http_stats_t){0};
    if (!self)
        return;
    out->connections = kt_http_guard_count(self->guard);
    out->ended       = kt_http_guard_ended(self->guard);
    out->accepted    = atomic_load(&self->accepted);
    out->too_large   = atomic_load(&self->too_large);
}
