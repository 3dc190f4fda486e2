// kt_http_gzip -- compression of an answer (zlib, only here). Any thread.
#pragma once

#include "common/buf.h"

#include <stdbool.h>

enum { KT_HTTP_GZIP_LEAST = 1024 };  // smaller bodies are not worth it

// Whether an Accept-Encoding (NULL: none) takes gzip: by name or *, with a quality above 0 (RFC 9110, 12.5.3).
bool kt_http_takes_gzip(const char *accept);
// Replaces the bytes by their gzip form. False: they are as they were, out of memory or incompressible.
bool kt_http_gzip(kt_buf_t *body);
