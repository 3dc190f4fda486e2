// kt_api -- the HTTP API: which path does what, JSON in and out. Runs on HTTP threads; what it wants to know it asks
// the loop (calls.h). The shapes of /health, /models and /stats are the specification's.
#pragma once

#include "coordinator/access/token.h"
#include "coordinator/http/server.h"
#include "coordinator/loop/calls.h"
#include "coordinator/result_cache/cache.h"

#include <stdatomic.h>

enum { KT_API_ROUTES = 64, KT_API_STATUSES = 16 };

// What the HTTP threads share; constant but for the counters. Made before the HTTP server, gone after it.
typedef struct kt_api_server {
    kt_queue_t          *calls;
    const kt_settings_t *settings;  // NULL in tests
    kt_result_cache_t   *cache;     // NULL: none
    bool                 loopback;  // only this machine can ask: reading needs no token
    char                 token[KT_HTTP_TOKEN];
    _Atomic int64_t      refusal_last_logged_ms;
    _Atomic uint64_t     served[KT_API_ROUTES][KT_API_STATUSES];
} kt_api_server_t;

// Reads or makes the token. Nothing is owned but the object. KT_ENOMEM and the errors of kt_http_token_load_or_make.
KT_MUST_USE kt_err_t kt_api_server_new(kt_api_server_t **self_p, const kt_settings_t *settings, const char *state_dir,
                                       char why[KT_HTTP_TOKEN_WHY]);
void                 kt_api_server_destroy(kt_api_server_t **self_p);

// kt_http_gate_fn and kt_http_handler_fn; context is a kt_api_server_t. Who may what:
//   /livez, /readyz, /health, /metrics   everybody
//   reading the rest                     everybody on this machine; over the network with the token
//   POST                                 with the token, and never with a browser's Origin
bool kt_api_admit(void *context, const kt_http_request_t *request, kt_http_response_t *response);
void kt_api_serve(void *context, const kt_http_request_t *request, kt_http_response_t *response);

// For the handlers in api_*.c
typedef struct kt_api {
    kt_api_server_t         *server;
    kt_queue_t              *calls;
    const kt_http_request_t *request;
    kt_http_response_t      *response;
    uint64_t                 job;                          // of the path, where the route has one
    char                     name[64];                     // of the path, where the route has one
    char                     message_id[KT_JOB_ID_BYTES];  // of the path, where the route has one
} kt_api_t;

// How many requests of each route came to each status, for api_metrics.c; false: no such pair was ever counted.
bool kt_api_served(kt_api_server_t *self, size_t route, size_t status, const char **method, char path[64],
                   char code[16], uint64_t *count);

typedef struct json_t json_t;
void                  kt_api_fail(kt_api_t *self, unsigned status, kt_err_t err, const char *detail);
void                  kt_api_reply(kt_api_t *self, json_t *json);  // status 200; takes json, NULL is out of memory
// Asks and waits. False: answered with an error already, *call_p is NULL.
bool kt_api_ask(kt_api_t *self, kt_call_t **call_p);
// A snapshot with the totals; from a ledger that does not answer at once the last known ones. False as kt_api_ask.
bool    kt_api_snapshot(kt_api_t *self, bool nodes, kt_call_t **call_p);
json_t *kt_api_error(kt_err_t err, const char *detail);  // {"code","number","text","detail"}, null for KT_OK
json_t *kt_api_time(int64_t wall_ms);                    // RFC 3339; null for 0

// api_views.c
void kt_api_health(kt_api_t *self);
void kt_api_models(kt_api_t *self);
void kt_api_stats(kt_api_t *self);
void kt_api_status(kt_api_t *self);
void kt_api_nodes(kt_api_t *self);
void kt_api_queue(kt_api_t *self);
// api_probes.c
void kt_api_livez(kt_api_t *self);
void kt_api_readyz(kt_api_t *self);
// api_metrics.c
void kt_api_metrics(kt_api_t *self);
// api_jobs.c
void kt_api_jobs(kt_api_t *self);
void kt_api_job(kt_api_t *self);
void kt_api_document(kt_api_t *self);
void kt_api_submit(kt_api_t *self);
// api_results.c
void kt_api_result(kt_api_t *self);
// api_backfill.c; the number of the path is the backfill's
void kt_api_backfill_new(kt_api_t *self);
void kt_api_backfills(kt_api_t *self);
void kt_api_backfill(kt_api_t *self);
void kt_api_backfill_results(kt_api_t *self);
void kt_api_backfill_list(kt_api_t *self);
void kt_api_backfill_seal(kt_api_t *self);
void kt_api_backfill_pause(kt_api_t *self);
void kt_api_backfill_resume(kt_api_t *self);
void kt_api_backfill_cancel(kt_api_t *self);
void kt_api_backfill_retry(kt_api_t *self);
// api_story.c
void kt_api_story(kt_api_t *self);
// api_control.c
void kt_api_cancel(kt_api_t *self);
void kt_api_retry(kt_api_t *self);
void kt_api_drain(kt_api_t *self);
void kt_api_undrain(kt_api_t *self);
