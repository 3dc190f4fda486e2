#include "coordinator/api/api.h"

#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "common/secret.h"
#include "common/text.h"
#include "coordinator/http/host.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    OK           = 200,
    BAD_REQUEST  = 400,
    UNAUTHORIZED = 401,
    FORBIDDEN    = 403,
    NOT_FOUND    = 404,
    BAD_METHOD   = 405,
    MISDIRECTED  = 421,
    SERVER       = 500
};
enum { UNAVAILABLE = 503, TOTALS_MS = 1000, LOG_EVERY_MS = 1000 };

typedef void serve_fn(kt_api_t *self);

static serve_fn *const SERVE[] = {
#define KT_ROUTE(id, ...) [KT_ROUTE_##id] = kt_api_##id,
#define KT_PARAM(...)
#include "coordinator/routes/routes.def"
#undef KT_ROUTE
#undef KT_PARAM
};

static_assert((int)KT_ROUTES < (int)KT_API_ROUTES, "one more row, for requests that match no route");

// Statuses with a counter of their own; 0: all others.
static const unsigned STATUSES[] = {200, 400, 401, 403, 404, 405, 409, 413, 421, 500, 503, 0};
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
    char    type[64];
    json_t *json = kt_json_object();
    snprintf(type, sizeof type, "urn:kithara:%s", kt_err_name(err));
    kt_json_set(json, "type", kt_json_text(type));
    kt_json_set(json, "title", kt_json_text(kt_err_text(err)));
    kt_json_set(json, "status", kt_json_int(status));
    kt_json_set(json, "detail", kt_json_text(detail));
    kt_json_set(json, "error", kt_api_error(err, detail));
    kt_api_reply(self, json);
    self->response->status = status;
    self->response->type   = KT_HTTP_PROBLEM;
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

void
kt_api_reply_documents(kt_api_t *self, json_t *json, const char *name, const char *const *documents)
{
    // Each is a JSON object, which the ledger has seen to.
    kt_buf_t     *out      = &self->response->body;
    const json_t *list     = kt_json_get(json, name);
    const size_t  n        = kt_json_count(list);
    self->response->status = OK;
    kt_buf_clear(out);
    kt_buf_fmt(out, "{\"%s\":[", name);
    for (size_t i = 0; i < n; i++) {
        kt_json_write(kt_json_at(list, i), out);
        if (!out->err)
            out->length--;  // the brace
        kt_buf_str(out, ",\"document\":");
        if (documents[i])
            kt_api_add_document(self, documents[i], strlen(documents[i]));
        else
            kt_buf_str(out, "null");
        kt_buf_str(out, i + 1 < n ? "}," : "}");
    }
    kt_buf_str(out, "]");
    for (size_t i = 0; i < kt_json_count(json); i++) {
        const char *key = kt_json_key(json, i);
        if (strcmp(key, name) == 0)
            continue;
        kt_buf_fmt(out, ",\"%s\":", key);
        kt_json_write(kt_json_get(json, key), out);
    }
    kt_buf_str(out, "}");
    if (!json)
        out->err = KT_ENOMEM;
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

kt_call_t *
kt_api_ledger_call(kt_ledger_request_type_t type, kt_ledger_call_fn *run, void *args, void (*free_args)(void *args))
{
    kt_call_t           *call    = args ? kt_call_new(1) : NULL;
    kt_ledger_request_t *request = call ? kt_ledger_request_new(type, call) : NULL;
    if (!request) {
        kt_call_destroy(&call);
        free_args(args);
        return NULL;
    }
    request->call.run  = run;
    request->call.args = args;
    request->call.free = free_args;
    call->requests[0]  = request;
    call->n_requests   = 1;
    return call;
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
match_route(const kt_route_desc_t *route, const char *path, kt_api_t *api)
{
    size_t before = strlen(route->before), after = strlen(route->after), length = strlen(path);
    if (route->segment == KT_SEGMENT_NOTHING)
        return strcmp(path, route->before) == 0;
    if (length <= before + after || strncmp(path, route->before, before) != 0 ||
        strcmp(path + length - after, route->after) != 0)
        return false;
    const char *at = path + before;
    size_t      n  = length - before - after;

    if (route->segment ==
        KT_SEGMENT_MESSAGE) {  // an id may contain any character, also '/': it is the rest of the path
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
    if (route->segment == KT_SEGMENT_JOB) {
        if (kt_text_to_i64(segment, 1, INT64_MAX, &job))
            return false;
        api->job = (uint64_t)job;
    }
    memcpy(api->name, segment, n + 1);
    return true;
}

// The route, KT_ROUTES if there is none; *known: one with this path for another method, else KT_ROUTES.
static size_t
find_route(kt_api_t *api, kt_route_t *known)
{
    *known = KT_ROUTES;
    for (size_t i = 0; i < KT_ROUTES; i++) {
        const kt_route_desc_t *route = kt_route_desc((kt_route_t)i);
        if (!match_route(route, api->request->path, api))
            continue;
        if (strcmp(api->request->method, route->method) == 0)
            return i;
        *known = (kt_route_t)i;
    }
    return KT_ROUTES;
}

// False: a parameter is unknown or the bytes are no text, which is replied.
static bool
check_request(kt_api_t *self, size_t route)
{
    const kt_http_request_t *request = self->request;
    char                     why[KT_HTTP_WHY];
    if (request->bad) {
        kt_api_fail(self, BAD_REQUEST, KT_EINVAL, request->bad);
        return false;
    }
    for (size_t i = 0; i < request->n_args && route < KT_ROUTES; i++) {
        const char *query = kt_route_desc((kt_route_t)route)->query;
        if (kt_route_has_param((kt_route_t)route, request->args[i].name))
            continue;
        snprintf(why, sizeof why, "unknown query parameter '%.100s': this path takes %s", request->args[i].name,
                 *query ? query : "none");
        kt_api_fail(self, BAD_REQUEST, KT_EINVAL, why);
        return false;
    }
    return true;
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
    if (route > KT_ROUTES || status >= N_STATUSES)
        return false;
    *count  = atomic_load_explicit(&self->served[route][status], memory_order_relaxed);
    *method = route < KT_ROUTES ? kt_route_desc((kt_route_t)route)->method : "other";
    if (route < KT_ROUTES)
        kt_route_path((kt_route_t)route, path);
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

static bool
has_good_host(const kt_api_server_t *server, const char *host)
{
    return !host || kt_http_host_allowed(host, server->hosts ? server->hosts : "") ||
           (*server->own_host && kt_http_host_allowed(host, server->own_host));
}

// From a program of this machine, as far as the request shows: a proxy on it makes requests of others look so.
static bool
is_local_read(const kt_api_server_t *server, const kt_http_request_t *request)
{
    return server->loopback && !server->read_token && !request->proxied &&
           (!request->host || kt_http_host_is_loopback(request->host));
}

// From a program, or from the page at /: the browser says so, or, where it does not (plain HTTP over a network), the
// Origin has this Host. Another site can neither set these headers nor read the token, which orders need in any case.
static bool
is_same_origin(const kt_http_request_t *request)
{
    if (request->fetch_site)
        return strcmp(request->fetch_site, "same-origin") == 0;
    if (!request->origin)
        return true;
    const char *authority = strstr(request->origin, "://");
    return authority && request->host && strcasecmp(authority + 3, request->host) == 0;
}

bool
kt_api_admit(void *context, const kt_http_request_t *request, kt_http_response_t *response)
{
    kt_api_server_t *server = context;
    kt_api_t         api    = {.server = server, .request = request, .response = response};
    kt_route_t       known;
    size_t           route   = find_route(&api, &known);
    bool             web     = strcmp(request->method, "GET") != 0 && !is_same_origin(request);
    bool             control = strcmp(request->method, "GET") != 0 &&
                   (route == KT_ROUTES || kt_route_desc((kt_route_t)route)->access != KT_ACCESS_READ);
    if (!has_good_host(server, request->host)) {
        kt_api_fail(&api, MISDIRECTED, KT_EAUTH,
                    "the Host of the request is no address, not localhost, not this machine's name and none of "
                    "ANALYZER_HTTP_HOSTS");
        count_served(server, route, response->status);
        return false;
    }
    if (web) {
        kt_api_fail(&api, FORBIDDEN, KT_EAUTH,
                    "orders are not taken from web pages of another origin (the request's Origin is not its Host)");
        count_served(server, route, response->status);
        return false;
    }
    bool local = is_local_read(server, request);
    bool needs_no_token =
        route < KT_ROUTES && !control && (local || kt_route_desc((kt_route_t)route)->access == KT_ACCESS_OPEN);
    bool not_found = route == KT_ROUTES && local;  // kt_api_serve reports it
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
    kt_route_t       known;
    kt_api_t         api   = {.server   = server,
                              .calls    = server->calls,
                              .request  = request,
                              .response = response,
                              .trusted  = has_token(server, request)};
    size_t           route = find_route(&api, &known);
    if (!check_request(&api, route)) {
        count_served(server, route, response->status);
        return;
    }
    if (route < KT_ROUTES) {
        SERVE[route](&api);
    } else if (known < KT_ROUTES) {
        kt_api_fail(&api, BAD_METHOD, KT_EUSAGE, "this path is not for this method");
        kt_route_allow(known, response->allow);
    } else {
        kt_api_fail(&api, NOT_FOUND, KT_ENOTFOUND, "no such path");
    }
    count_served(server, route, response->status);
}

kt_err_t
kt_api_server_new(kt_api_server_t **self_p, const kt_settings_t *settings, const char *state_dir,
                  char why[KT_HTTP_TOKEN_WHY])
{
    kt_api_server_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->settings   = settings;
    self->loopback   = kt_http_is_loopback(settings->http_bind);
    self->read_token = settings->http_read_token;
    self->hosts      = settings->http_hosts;
    if (gethostname(self->own_host, sizeof self->own_host - 1))
        self->own_host[0] = '\0';
    kt_err_t err = kt_http_token_load_or_make(settings, state_dir, self->token, why);
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
