#include "coordinator/api/api.h"

#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "common/secret.h"
#include "common/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { OK = 200, UNAUTHORIZED = 401, FORBIDDEN = 403, NOT_FOUND = 404, BAD_METHOD = 405, SERVER = 500 };
enum { UNAVAILABLE = 503, TOTALS_MS = 1000, LOG_EVERY_MS = 1000 };

typedef enum segment { NOTHING, JOB, NAME, MESSAGE } segment_t;

// OPEN: no token is needed, from any machine. TOKEN: none is needed for a GET if the server listens on loopback only.
typedef enum access { TOKEN, OPEN } access_t;

// Path with a place for one segment: "/v1/jobs/" + segment + "/cancel". A POST is control.
typedef struct route {
    const char *method, *before, *after;
    segment_t   segment;
    void (*serve)(kt_api_t *self);
    access_t access;
} route_t;

static const route_t ROUTES[] = {
    {"GET", "/livez", "", NOTHING, kt_api_livez, OPEN},
    {"GET", "/readyz", "", NOTHING, kt_api_readyz, OPEN},
    {"GET", "/health", "", NOTHING, kt_api_health, OPEN},
    {"GET", "/metrics", "", NOTHING, kt_api_metrics, OPEN},
    {"GET", "/models", "", NOTHING, kt_api_models, TOKEN},
    {"GET", "/stats", "", NOTHING, kt_api_stats, TOKEN},
    {"GET", "/v1/status", "", NOTHING, kt_api_status, TOKEN},
    {"GET", "/v1/nodes", "", NOTHING, kt_api_nodes, TOKEN},
    {"GET", "/v1/queue", "", NOTHING, kt_api_queue, TOKEN},
    {"GET", "/v1/jobs", "", NOTHING, kt_api_jobs, TOKEN},
    {"POST", "/v1/jobs", "", NOTHING, kt_api_submit, TOKEN},
    {"GET", "/v1/jobs/", "", JOB, kt_api_job, TOKEN},
    {"GET", "/v1/jobs/", "/document", JOB, kt_api_document, TOKEN},
    {"GET", "/v1/jobs/", "/story", JOB, kt_api_story, TOKEN},
    {"GET", "/v1/results/", "", MESSAGE, kt_api_result, TOKEN},
    {"POST", "/v1/jobs/", "/cancel", JOB, kt_api_cancel, TOKEN},
    {"POST", "/v1/jobs/", "/retry", JOB, kt_api_retry, TOKEN},
    {"POST", "/v1/nodes/", "/drain", NAME, kt_api_drain, TOKEN},
    {"POST", "/v1/nodes/", "/undrain", NAME, kt_api_undrain, TOKEN},
    {"GET", "/v1/models", "", NOTHING, kt_api_model_set, TOKEN},
    {"POST", "/v1/models", "", NOTHING, kt_api_model_register, TOKEN},
    {"POST", "/v1/models/files", "", NOTHING, kt_api_model_upload, TOKEN},
    {"POST", "/v1/models/", "/deploy", NAME, kt_api_model_deploy, TOKEN},
    {"POST", "/v1/models/", "/rollback", NAME, kt_api_model_rollback, TOKEN},
    {"POST", "/v1/models/", "/retire", NAME, kt_api_model_retire, TOKEN},
    {"GET", "/v1/backfills", "", NOTHING, kt_api_backfills, TOKEN},
    {"POST", "/v1/backfills", "", NOTHING, kt_api_backfill_new, TOKEN},
    {"GET", "/v1/backfills/", "", JOB, kt_api_backfill, TOKEN},
    {"GET", "/v1/backfills/", "/results", JOB, kt_api_backfill_results, TOKEN},
    {"POST", "/v1/backfills/", "/list", JOB, kt_api_backfill_list, TOKEN},
    {"POST", "/v1/backfills/", "/seal", JOB, kt_api_backfill_seal, TOKEN},
    {"POST", "/v1/backfills/", "/pause", JOB, kt_api_backfill_pause, TOKEN},
    {"POST", "/v1/backfills/", "/resume", JOB, kt_api_backfill_resume, TOKEN},
    {"POST", "/v1/backfills/", "/cancel", JOB, kt_api_backfill_cancel, TOKEN},
    {"POST", "/v1/backfills/", "/retry", JOB, kt_api_backfill_retry, TOKEN},
};

enum { N_ROUTES = sizeof ROUTES / sizeof *ROUTES };
static_assert((int)N_ROUTES < (int)KT_API_ROUTES, "one more row, for requests that match no route");

// Statuses with a counter of their own; 0: all others.
static const unsigned STATUSES[] = {200, 400, 401, 403, 404, 405, 409, 413, 500, 503, 0};
enum { N_STATUSES = sizeof STATUSES / sizeof *STATUSES };
static_assert((int)N_STATUSES <= (int)KT_API_STATUSES, "room in kt_api_server_t");

json_t *
kt_api_error(kt_err_t err, const char *detail)
{
    if (!err)
        return kt_json_null();
    json_t *error = kt_json_object();
    kt_json_set(error, "code", kt_json_text(kt_err_name(err)));
    kt_json_set(error, "number", kt_json_int(err));
    kt_json_set(error, "text", kt_json_text(kt_err_text(err)));
    kt_json_set(error, "detail", kt_json_text(detail));
    return error;
}

json_t *
kt_api_time(int64_t wall_ms)
{
    char text[KT_RFC3339_BYTES];
    return wall_ms ? kt_json_text(kt_clock_rfc3339(wall_ms, text)) : kt_json_null();
}

void
kt_api_fail(kt_api_t *self, unsigned status, kt_err_t err, const char *detail)
{
    json_t *json = kt_json_object();
    kt_json_set(json, "error", kt_api_error(err, detail));
    kt_api_reply(self, json);
    self->response->status = status;
}

void
kt_api_reply(kt_api_t *self, json_t *json)
{
    self->response->status = json ? OK : SERVER;
    kt_buf_clear(&self->response->body);
    if (json)
        kt_json_write(json, &self->response->body);
    else
        self->response->body.err = KT_ENOMEM;
    kt_json_free(&json);
}

bool
kt_api_ask(kt_api_t *self, kt_call_t **call_p)
{
    kt_err_t err = *call_p ? kt_call_ask(call_p, self->calls, KT_CALL_TIMEOUT_MS) : KT_ENOMEM;
    if (!err)
        return true;
    kt_api_fail(self, UNAVAILABLE, err,
                err == KT_ETIME     ? "the ledger has not answered in time: ask again, a repeated message does no harm"
                : err == KT_ECLOSED ? "the coordinator is ending"
                                    : "the coordinator has too much to answer: ask again");
    return false;
}

bool
kt_api_snapshot(kt_api_t *self, bool nodes, kt_call_t **call_p)
{
    for (int totals = 1; totals >= 0; totals--) {
        kt_call_t *call = kt_call_new(1);
        if (call) {
            call->wants_totals = totals;
            call->wants_nodes  = nodes;
        }
        // A ledger that does not answer must not hide the state of the loop: the second attempt does without it.
        kt_err_t err = call ? kt_call_ask(&call, self->calls, TOTALS_MS) : KT_ENOMEM;
        if (!err) {
            *call_p = call;
            return true;
        }
        if (err != KT_ETIME || !totals) {
            kt_api_fail(self, UNAVAILABLE, err, "the coordinator does not answer: ask again");
            return false;
        }
    }
    return false;
}

// Whether the path is that of the route; its segment is copied to api.
static bool
match_route(const route_t *route, const char *path, kt_api_t *api)
{
    size_t before = strlen(route->before), after = strlen(route->after), length = strlen(path);
    if (route->segment == NOTHING)
        return strcmp(path, route->before) == 0;
    if (length <= before + after || strncmp(path, route->before, before) != 0 ||
        strcmp(path + length - after, route->after) != 0)
        return false;
    const char *at = path + before;
    size_t      n  = length - before - after;

    if (route->segment == MESSAGE) {  // an id may contain any character, also '/': it is the rest of the path
        if (n >= sizeof api->message_id)
            return false;
        memcpy(api->message_id, at, n);
        api->message_id[n] = '\0';
        return true;
    }

    char    segment[sizeof api->name];
    int64_t job;
    if (n >= sizeof segment || memchr(at, '/', n))
        return false;
    memcpy(segment, at, n);
    segment[n] = '\0';
    if (route->segment == JOB) {
        if (kt_text_to_i64(segment, 1, INT64_MAX, &job))
            return false;
        api->job = (uint64_t)job;
    }
    memcpy(api->name, segment, n + 1);
    return true;
}

// The index of the route, N_ROUTES if there is none; *known: the path exists, perhaps only for another method.
static size_t
find_route(kt_api_t *api, bool *known)
{
    *known = false;
    for (size_t i = 0; i < N_ROUTES; i++) {
        if (!match_route(&ROUTES[i], api->request->path, api))
            continue;
        *known = true;
        if (strcmp(api->request->method, ROUTES[i].method) == 0)
            return i;
    }
    return N_ROUTES;
}

static void
count_served(kt_api_server_t *server, size_t route, unsigned status)
{
    size_t i = 0;
    while (STATUSES[i] && STATUSES[i] != status)
        i++;
    atomic_fetch_add_explicit(&server->served[route][i], 1, memory_order_relaxed);
}

bool
kt_api_served(kt_api_server_t *self, size_t route, size_t status, const char **method, char path[64], char code[16],
              uint64_t *count)
{
    if (route > N_ROUTES || status >= N_STATUSES)
        return false;
    static const char *const SEGMENTS[] = {"", "ID", "NAME", "MESSAGE_ID"};
    *count                              = atomic_load_explicit(&self->served[route][status], memory_order_relaxed);
    *method                             = route < N_ROUTES ? ROUTES[route].method : "other";
    if (route < N_ROUTES)
        snprintf(path, 64, "%s%s%s", ROUTES[route].before, SEGMENTS[ROUTES[route].segment], ROUTES[route].after);
    else
        snprintf(path, 64, "other");
    if (STATUSES[status])
        snprintf(code, 16, "%u", STATUSES[status]);
    else
        snprintf(code, 16, "other");
    return true;
}

static bool
has_token(const kt_api_server_t *server, const kt_http_request_t *request)
{
    static const char SCHEME[] = "Bearer ";
    const char       *given    = request->authorization;
    if (!given || strncasecmp(given, SCHEME, sizeof SCHEME - 1) != 0)
        return false;
    given += sizeof SCHEME - 1;
    return kt_secret_equal(given + strspn(given, " "), server->token);
}

bool
kt_api_admit(void *context, const kt_http_request_t *request, kt_http_response_t *response)
{
    kt_api_server_t *server = context;
    kt_api_t         api    = {.server = server, .request = request, .response = response};
    bool             known, control = strcmp(request->method, "GET") != 0;
    size_t           route = find_route(&api, &known);
    if (control && request->origin) {
        kt_api_fail(&api, FORBIDDEN, KT_EAUTH, "orders are not taken from web pages (the request has an Origin)");
        count_served(server, route, response->status);
        return false;
    }
    bool needs_no_token = route < N_ROUTES && !control && (server->loopback || ROUTES[route].access == OPEN);
    bool not_found      = route == N_ROUTES && server->loopback;  // kt_api_serve reports it
    if (needs_no_token || not_found || has_token(server, request))
        return true;

    kt_api_fail(
        &api, UNAUTHORIZED, KT_EAUTH,
        request->authorization
            ? "the bearer token is not the coordinator's: set ANALYZER_HTTP_TOKEN, or ANALYZER_STATE_DIR to the "
              "folder of its http.token"
            : "needs `Authorization: Bearer TOKEN`, the token being ANALYZER_HTTP_TOKEN or the content of "
              "http.token in the coordinator's state folder");
    int64_t now_ms = kt_clock_ms(), last_logged_ms = atomic_load(&server->refusal_last_logged_ms);
    if (now_ms - last_logged_ms >= LOG_EVERY_MS &&
        atomic_compare_exchange_strong(&server->refusal_last_logged_ms, &last_logged_ms, now_ms))
        kt_log_warn("HTTP-REFUSED", "method=%s why=\"%s\"", request->method,
                    request->authorization ? "wrong token" : "no token");
    count_served(server, route, response->status);
    return false;
}

void
kt_api_serve(void *context, const kt_http_request_t *request, kt_http_response_t *response)
{
    kt_api_server_t *server = context;
    bool             known;
    kt_api_t         api   = {.server = server, .calls = server->calls, .request = request, .response = response};
    size_t           route = find_route(&api, &known);
    if (route < N_ROUTES)
        ROUTES[route].serve(&api);
    else if (known)
        kt_api_fail(&api, BAD_METHOD, KT_EUSAGE, "this path is not for this method");
    else
        kt_api_fail(&api, NOT_FOUND, KT_ENOTFOUND, "no such path");
    count_served(server, route, response->status);
}

kt_err_t
kt_api_server_new(kt_api_server_t **self_p, const kt_settings_t *settings, const char *state_dir,
                  char why[KT_HTTP_TOKEN_WHY])
{
    kt_api_server_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->settings = settings;
    self->loopback = kt_http_is_loopback(settings->http_bind);
    kt_err_t err   = kt_http_token_load_or_make(settings, state_dir, self->token, why);
    if (err)
        kt_api_server_destroy(&self);
    else
        *self_p = self;
    return err;
}

void
kt_api_server_destroy(kt_api_server_t **self_p)
{
    free(*self_p);
    *self_p = NULL;
}
