// kt_http -- the HTTP server (libmicrohttpd, only here): a thread a connection, bounded in number, body and headers.
// Routing and JSON are the handler's (api.c); it may block up to its own deadline.
#pragma once

#include "common/buf.h"
#include "common/err.h"

#include <stddef.h>

enum { KT_HTTP_BODY = 8 << 20, KT_HTTP_ARGS = 16, KT_HTTP_ADDRESS = 128, KT_HTTP_WHY = 512 };

typedef struct kt_http kt_http_t;

typedef struct kt_http_request {
    const char *method;  // "GET", "POST"
    const char *path;    // decoded, "/v1/jobs/7"
    const char *body;    // NUL-terminated
    size_t      body_bytes;
    size_t      n_args;
    struct {
        const char *name, *value;  // of the query, decoded
    } args[KT_HTTP_ARGS];
} kt_http_request_t;

typedef struct kt_http_response {
    unsigned status;
    kt_buf_t body;  // JSON
} kt_http_response_t;

typedef void kt_http_handler_fn(void *context, const kt_http_request_t *request, kt_http_response_t *response);

// bind: "127.0.0.1:8710", "[::1]:0". address: what it really listens to, "http://127.0.0.1:8710". KT_EPORT, KT_EINVAL
// (why says which), KT_ENOMEM.
KT_MUST_USE kt_err_t kt_http_new(kt_http_t **self_p, const char *bind, kt_http_handler_fn *handler, void *context,
                                 char address[KT_HTTP_ADDRESS], char why[KT_HTTP_WHY]);
void                 kt_http_destroy(kt_http_t **self_p);  // waits for handlers
// A member of the query, or fallback.
const char *kt_http_arg(const kt_http_request_t *request, const char *name, const char *fallback);
