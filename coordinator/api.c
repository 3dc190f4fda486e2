#include "coordinator/api.h"

#include "common/json.h"
#include "common/text.h"

#include <stdio.h>
#include <string.h>

enum { OK = 200, NOT_FOUND = 404, BAD_METHOD = 405, SERVER = 500, UNAVAILABLE = 503 };

typedef enum segment { NOTHING, JOB, NAME } segment_t;

// Path with a place for one segment: "/v1/jobs/" + segment + "/cancel".
typedef struct route {
    const char *method, *before, *after;
    segment_t   segment;
    void (*serve)(kt_api_t *self);
} route_t;

static const route_t ROUTES[] = {
    {"GET", "/health", "", NOTHING, kt_api_health},
    {"GET", "/models", "", NOTHING, kt_api_models},
    {"GET", "/stats", "", NOTHING, kt_api_stats},
    {"GET", "/v1/status", "", NOTHING, kt_api_status},
    {"GET", "/v1/nodes", "", NOTHING, kt_api_nodes},
    {"GET", "/v1/queue", "", NOTHING, kt_api_queue},
    {"GET", "/v1/jobs", "", NOTHING, kt_api_jobs},
    {"POST", "/v1/jobs", "", NOTHING, kt_api_submit},
    {"GET", "/v1/jobs/", "", JOB, kt_api_job},
    {"GET", "/v1/jobs/", "/document", JOB, kt_api_document},
    {"POST", "/v1/jobs/", "/cancel", JOB, kt_api_cancel},
    {"POST", "/v1/jobs/", "/retry", JOB, kt_api_retry},
    {"POST", "/v1/nodes/", "/drain", NAME, kt_api_drain},
    {"POST", "/v1/nodes/", "/undrain", NAME, kt_api_undrain},
};

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

static bool
matches(const route_t *route, const char *path, kt_api_t *api)
{
    size_t before = strlen(route->before), after = strlen(route->after), length = strlen(path);
    if (route->segment == NOTHING)
        return strcmp(path, route->before) == 0;
    if (length <= before + after || strncmp(path, route->before, before) != 0 ||
        strcmp(path + length - after, route->after) != 0)
        return false;
    char   segment[sizeof api->name];
    size_t n = length - before - after;
    if (n >= sizeof segment || memchr(path + before, '/', n))
        return false;
    memcpy(segment, path + before, n);
    segment[n] = '\0';
    int64_t job;
    if (route->segment == JOB) {
        if (kt_text_to_i64(segment, 1, INT64_MAX, &job))
            return false;
        api->job = (uint64_t)job;
    }
    memcpy(api->name, segment, n + 1);
    return true;
}

void
kt_api_serve(void *context, const kt_http_request_t *request, kt_http_response_t *response)
{
    bool     found = false;
    kt_api_t api   = {.calls = context, .request = request, .response = response};
    for (size_t i = 0; i < sizeof ROUTES / sizeof *ROUTES; i++) {
        if (!matches(&ROUTES[i], request->path, &api))
            continue;
        found = true;
        if (strcmp(request->method, ROUTES[i].method) != 0)
            continue;
        ROUTES[i].serve(&api);
        return;
    }
    if (found)
        kt_api_fail(&api, BAD_METHOD, KT_EUSAGE, "this path is not for this method");
    else
        kt_api_fail(&api, NOT_FOUND, KT_ENOTFOUND, "no such path");
}
