// kt_routes -- the HTTP API as data (routes.def): for the server, for /openapi.json and for docs/http.md. Constant; any
// thread.
#pragma once

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum kt_route {
#define KT_ROUTE(id, ...) KT_ROUTE_##id,
#define KT_PARAM(...)
#include "coordinator/routes/routes.def"
#undef KT_ROUTE
#undef KT_PARAM
    KT_ROUTES
} kt_route_t;

typedef enum kt_route_segment {
    KT_SEGMENT_NOTHING,
    KT_SEGMENT_JOB,
    KT_SEGMENT_NAME,
    KT_SEGMENT_MESSAGE
} kt_route_segment_t;
typedef enum kt_route_access { KT_ACCESS_TOKEN, KT_ACCESS_OPEN, KT_ACCESS_READ } kt_route_access_t;

typedef struct kt_route_desc {
    const char        *method, *before, *after;  // before + a segment + after
    kt_route_segment_t segment;
    kt_route_access_t  access;
    const char        *query, *body, *answer, *meaning;
} kt_route_desc_t;

const kt_route_desc_t *kt_route_desc(kt_route_t route);
// "/v1/jobs/ID/cancel"; returns out.
const char *kt_route_path(kt_route_t route, char out[64]);
// Whether the route's query has a parameter of this name.
bool kt_route_has_param(kt_route_t route, const char *name);
// "GET, HEAD, POST": the methods of the routes with the same path; returns out.
const char *kt_route_allow(kt_route_t route, char out[32]);

// docs/http.md; the documents of /openapi.json (OpenAPI 3.1) and /asyncapi.json (AsyncAPI 3.0), with the schemas of
// both messages.
void kt_routes_markdown(kt_buf_t *out);
void kt_routes_openapi(kt_buf_t *out, const char *version);
void kt_routes_asyncapi(kt_buf_t *out, const char *version);
