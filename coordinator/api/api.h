// kt_api -- the HTTP API: routes, permissions, JSON. Runs on HTTP threads and gets its data from the loop (calls.h).
// The specification defines the members of /health, /models and /stats.
#pragma once

#include "coordinator/access/token.h"
#include "coordinator/http/server.h"
#include "coordinator/loop/calls.h"
#include "coordinator/models/store.h"
#include "coordinator/result_cache/cache.h"
#include "coordinator/routes/routes.h"
#include "coordinator/watch/events.h"
#include "coordinator/watch/history.h"

#include <stdatomic.h>

enum { KT_API_ROUTES = 64, KT_API_STATUSES = 16, KT_HTTP_OWN_HOST = 256 };

// Shared by the HTTP threads; constant except the counters. Created before the HTTP server and destroyed after it.
typedef struct kt_api_server {
    kt_queue_t          *calls;
    const kt_settings_t *settings;                    // NULL in tests
    kt_result_cache_t   *cache;                       // NULL: none
    kt_model_store_t    *models;                      // borrowed
    kt_history_t        *history;                     // borrowed
    kt_events_t         *events;                      // borrowed
    char                 public_key[KT_CURVE_TEXT];   // of the coordinator, for join tokens
    bool                 loopback;                    // reachable from this machine only: GET needs no token
    bool                 read_token;                  // GET needs it on loopback, too
    const char          *hosts;                       // names that Host may have; NULL: none
    char                 own_host[KT_HTTP_OWN_HOST];  // name of this machine, likewise
    char                 token[KT_HTTP_TOKEN];
    _Atomic int64_t      refusal_last_logged_ms;
    _Atomic uint64_t     served[KT_API_ROUTES][KT_API_STATUSES];
} kt_api_server_t;

// Reads or creates the token. Borrows settings. KT_ENOMEM and the errors of kt_http_token_load_or_make.
KT_MUST_USE kt_err_t kt_api_server_new(kt_api_server_t **self_p, const kt_settings_t *settings, const char *state_dir,
                                       char why[KT_HTTP_TOKEN_WHY]);
void                 kt_api_server_destroy(kt_api_server_t **self_p);

// kt_http_gate_fn and kt_http_handler_fn; context is a kt_api_server_t. A request whose Host is not an address,
// localhost, the name of this machine or one of ANALYZER_HTTP_HOSTS is refused. Permissions:
//   GET /, /page/NAME, /livez, /readyz, /health,
//   /metrics, /openapi.json, /asyncapi.json  without a token
//   other GET                                on loopback without a token; with it over the network, through a proxy,
//                                            by another Host than loopback, or if ANALYZER_HTTP_READ_TOKEN says so
//   POST that only reads (/v1/results)       as a GET, and never with the Origin of another site
//   other POST                               with the token, and never with the Origin of another site
bool kt_api_admit(void *context, const kt_http_request_t *request, kt_http_response_t *response);
void kt_api_serve(void *context, const kt_http_request_t *request, kt_http_response_t *response);

// One request, for the handlers.
typedef struct kt_api {
    kt_api_server_t         *server;
    kt_queue_t              *calls;
    const kt_http_request_t *request;
    kt_http_response_t      *response;
    bool                     trusted;                      // the request has the token
    uint64_t                 job;                          // from the path, if the route has one
    char                     name[64];                     // from the path, if the route has one
    char                     message_id[KT_JOB_ID_BYTES];  // from the path, if the route has one
} kt_api_t;

// The number of responses per route and status, for /metrics; false: no such pair of indices.
bool kt_api_served(kt_api_server_t *self, size_t route, size_t status, const char **method, char path[64],
                   char code[16], uint64_t *count);

typedef struct json_t json_t;
void                  kt_api_fail(kt_api_t *self, unsigned status, kt_err_t err, const char *detail);
void                  kt_api_reply(kt_api_t *self, json_t *json);  // status 200; takes json, NULL is out of memory
// Sends the call to the loop and waits. False: an error has been replied, *call_p is NULL.
bool kt_api_ask(kt_api_t *self, kt_call_t **call_p);
// A call that runs `run` with args on the ledger's thread; type: KT_LREQ_CALL or KT_LREQ_LOOK. Takes args, which
// free_args frees (NULL, too) with the call. NULL: out of memory, args are freed.
kt_call_t *kt_api_ledger_call(kt_ledger_request_type_t type, kt_ledger_call_fn *run, void *args,
                              void (*free_args)(void *args));
// A snapshot with the totals; the last known totals if the ledger does not answer at once. False as kt_api_ask.
bool kt_api_snapshot(kt_api_t *self, bool nodes, kt_call_t **call_p);
// Replies with `json`, whose list `name` gets one more member per element: the output message as it is stored, null
// where it is NULL. Takes json.
void kt_api_reply_documents(kt_api_t *self, json_t *json, const char *name, const char *const *documents);
// Appends a stored message (NUL-terminated) to the response; without the token it has no query in its URL.
void    kt_api_add_document(const kt_api_t *self, const char *document, size_t bytes);
json_t *kt_api_path(const char *file_path);              // a URL without its query
json_t *kt_api_error(kt_err_t err, const char *detail);  // {"code","number","text","detail"}, null for KT_OK
json_t *kt_api_time(int64_t wall_ms);                    // RFC 3339; null for 0

enum { KT_API_ROUNDED_S = 60 };  // start time and uptime are rounded to this for a reader without the token

// views.c
void kt_api_health(kt_api_t *self);
void kt_api_stats(kt_api_t *self);
void kt_api_status(kt_api_t *self);
void kt_api_nodes(kt_api_t *self);
void kt_api_queue(kt_api_t *self);
// watch.c
void kt_api_history(kt_api_t *self);
void kt_api_events(kt_api_t *self);
// page.c
void kt_api_page(kt_api_t *self);
void kt_api_page_file(kt_api_t *self);
// probes.c
void kt_api_livez(kt_api_t *self);
void kt_api_readyz(kt_api_t *self);
// show_metrics.c
void kt_api_metrics(kt_api_t *self);
// jobs.c
void kt_api_jobs(kt_api_t *self);
void kt_api_job(kt_api_t *self);
void kt_api_document(kt_api_t *self);
void kt_api_submit(kt_api_t *self);  // submit.c
// results.c
void kt_api_result(kt_api_t *self);
void kt_api_results(kt_api_t *self);
void kt_api_failures(kt_api_t *self);  // failures.c
void kt_api_similar(kt_api_t *self);   // similar.c
// openapi.c
void kt_api_openapi(kt_api_t *self);
void kt_api_asyncapi(kt_api_t *self);
// backfill.c; job is the number of the backfill
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
void kt_api_story(kt_api_t *self);  // story.c
// models.c
void kt_api_models(kt_api_t *self);
void kt_api_model_set(kt_api_t *self);
void kt_api_model_upload(kt_api_t *self);
void kt_api_model_register(kt_api_t *self);
void kt_api_model_deploy(kt_api_t *self);
void kt_api_model_rollback(kt_api_t *self);
void kt_api_model_retire(kt_api_t *self);
// control.c
void kt_api_cancel(kt_api_t *self);
void kt_api_retry(kt_api_t *self);
void kt_api_drain(kt_api_t *self);
void kt_api_undrain(kt_api_t *self);
// keys.c
void kt_api_forget(kt_api_t *self);
void kt_api_keys(kt_api_t *self);
void kt_api_key_allow(kt_api_t *self);
void kt_api_key_revoke(kt_api_t *self);
void kt_api_token_new(kt_api_t *self);
