// kt_api -- the HTTP API: which path does what, JSON in and out. Runs on HTTP threads; what it wants to know it asks
// the loop (calls.h). The shapes of /health, /models and /stats are the specification's.
#pragma once

#include "coordinator/calls.h"
#include "coordinator/http.h"

// kt_http_handler_fn; context is the queue of calls.
void kt_api_serve(void *context, const kt_http_request_t *request, kt_http_response_t *response);

// For the handlers in api_*.c
typedef struct kt_api {
    kt_queue_t              *calls;
    const kt_http_request_t *request;
    kt_http_response_t      *response;
    uint64_t                 job;       // of the path, where the route has one
    char                     name[64];  // of the path, where the route has one
} kt_api_t;

typedef struct json_t json_t;
void                  kt_api_fail(kt_api_t *self, unsigned status, kt_err_t err, const char *detail);
void                  kt_api_reply(kt_api_t *self, json_t *json);  // status 200; takes json, NULL is out of memory
// Asks and waits. False: answered with an error already, *call_p is NULL.
bool    kt_api_ask(kt_api_t *self, kt_call_t **call_p);
json_t *kt_api_error(kt_err_t err, const char *detail);  // {"code","number","text","detail"}, null for KT_OK

// api_views.c
void kt_api_health(kt_api_t *self);
void kt_api_models(kt_api_t *self);
void kt_api_stats(kt_api_t *self);
void kt_api_status(kt_api_t *self);
void kt_api_nodes(kt_api_t *self);
void kt_api_queue(kt_api_t *self);
// api_jobs.c
void kt_api_jobs(kt_api_t *self);
void kt_api_job(kt_api_t *self);
void kt_api_document(kt_api_t *self);
void kt_api_submit(kt_api_t *self);
// api_control.c
void kt_api_cancel(kt_api_t *self);
void kt_api_retry(kt_api_t *self);
void kt_api_drain(kt_api_t *self);
void kt_api_undrain(kt_api_t *self);
