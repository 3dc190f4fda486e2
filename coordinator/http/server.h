// kt_http -- the HTTP server (libmicrohttpd, only here), one thread per connection. Bounds: connections, number and
// bytes of headers, bytes of one body and of all bodies, time to send a request and to read its response (guard.h).
// Answers are compressed where the client takes gzip, except streams. The handler (api.c) does routing, permissions and
// JSON; it may block up to its deadline.
#pragma once

#include "common/buf.h"
#include "common/err.h"
#include "coordinator/http/listen.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_HTTP_BODY = 8 << 20, KT_HTTP_ARGS = 16, KT_HTTP_CONNECTIONS = 256 };
enum { KT_HTTP_STREAM_MS = 5000, KT_HTTP_STREAM_BYTES = 8192 };  // capacity of one read

#define KT_HTTP_PROBLEM "application/problem+json"  // RFC 9457

typedef struct kt_http kt_http_t;

typedef struct kt_http_request {
    kt_http_t  *server;                         // that received it; NULL in tests
    const char *method;                         // "GET", "POST"; a HEAD is a GET whose body is not sent
    const char *path;                           // decoded, "/v1/jobs/7"
    const char *authorization, *origin;         // headers, or NULL
    const char *host;                           // header; NULL: none (HTTP/1.0), "": several, none
    bool        proxied;                        // passed on by a proxy: it has added a header, or speaks HTTP/1.0
    const char *fetch_site;                     // Sec-Fetch-Site, which browsers send and scripts cannot set, or NULL
    const char *if_none_match, *last_event_id;  // headers, or NULL
    const char *body;                           // NUL-terminated
    size_t      body_bytes;
    const char *bad;  // what is wrong with the path or the query; NULL: nothing
    size_t      n_args;
    struct {
        const char *name, *value;  // of the query, decoded
    } args[KT_HTTP_ARGS];
} kt_http_request_t;

// A body without a known end, sent while it is produced. Both functions run on the connection's thread.
typedef struct kt_http_stream {
    void *context;
    // Writes 1 to capacity bytes, at least once in KT_HTTP_STREAM_MS; waiting is allowed. 0: the end.
    size_t (*read)(void *context, char *out, size_t capacity);
    void (*end)(void *context);  // frees context
} kt_http_stream_t;

typedef struct kt_http_response {
    unsigned         status;
    const char      *type;       // static; NULL: application/json
    char             allow[32];  // of a 405; "": no such header
    const char      *etag;       // static, with its quotes: the answer may be stored and is validated; NULL: no-store
    const char      *policy;     // static, Content-Security-Policy; NULL: none
    bool             close;      // the connection ends with this answer
    kt_buf_t         body;
    kt_http_stream_t stream;  // read not NULL: instead of the body
} kt_http_response_t;

// Checks a request before its body is read. False: rejected, *response is set; the body is read and discarded.
typedef bool kt_http_gate_fn(void *context, const kt_http_request_t *request, kt_http_response_t *response);
typedef void kt_http_handler_fn(void *context, const kt_http_request_t *request, kt_http_response_t *response);

typedef struct kt_http_opts {
    const char         *bind;  // "127.0.0.1:8710", "[::1]:0"
    kt_http_gate_fn    *gate;
    kt_http_handler_fn *handler;
    void               *context;  // of both
} kt_http_opts_t;

typedef struct kt_http_stats {
    uint64_t connections;                 // open now
    uint64_t accepted, ended, too_large;  // since the start: connections; shut down by the guard; bodies over a bound
} kt_http_stats_t;

// address: the actual one, "http://127.0.0.1:8710". KT_EPORT, KT_ESETTING (see why), KT_ENOMEM, KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_http_new(kt_http_t **self_p, const kt_http_opts_t *opts, char address[KT_HTTP_ADDRESS],
                                 char why[KT_HTTP_WHY]);
void                 kt_http_destroy(kt_http_t **self_p);  // waits for handlers
// A member of the query, or fallback.
const char *kt_http_arg(const kt_http_request_t *request, const char *name, const char *fallback);
void        kt_http_stats(kt_http_t *self, kt_http_stats_t *out);  // any thread; zeros for NULL
