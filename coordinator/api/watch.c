// The history of the work, and the events as a stream.
#include "common/json.h"
#include "coordinator/api/api.h"

#include <stdlib.h>
#include <string.h>

enum { OK = 200, BAD_REQUEST = 400, SERVER = 500, UNAVAILABLE = 503 };
enum { WAIT_MS = KT_HTTP_STREAM_MS / 2 };

// One list per member, which is a third of the size of a list of objects.
static json_t *
history_object(const kt_history_point_t *points, size_t n, int64_t step_s)
{
    static const char *const NAMES[] = {"at_ms", "waiting", "in_work", "done", "failed", "live", "absent"};
    enum { N_NAMES = sizeof NAMES / sizeof *NAMES };
    json_t *json = kt_json_object(), *lists[N_NAMES];
    for (size_t k = 0; k < N_NAMES; k++)
        lists[k] = kt_json_array();
    for (size_t i = 0; i < n; i++) {
        const kt_history_point_t *point = &points[i];
        const int64_t values[N_NAMES]   = {point->wall_ms,       (int64_t)point->waiting, (int64_t)point->in_work,
                                           (int64_t)point->done, (int64_t)point->failed,  point->live,
                                           point->absent};
        for (size_t k = 0; k < N_NAMES; k++)
            kt_json_append(lists[k], kt_json_int(values[k]));
    }
    kt_json_set(json, "step_s", kt_json_int(step_s));
    for (size_t k = 0; k < N_NAMES; k++)
        kt_json_set(json, NAMES[k], lists[k]);
    return json;
}

void
kt_api_history(kt_api_t *self)
{
    static const char *const SPANS[KT_HISTORY_SPANS] = {[KT_HISTORY_HOUR] = "hour", [KT_HISTORY_DAY] = "day"};
    const char              *asked                   = kt_http_arg(self->request, "span", "hour");
    kt_history_span_t        span                    = KT_HISTORY_HOUR;
    int64_t                  step_s                  = 0;
    while (span < KT_HISTORY_SPANS && strcmp(SPANS[span], asked) != 0)
        span++;
    if (span == KT_HISTORY_SPANS) {
        kt_api_fail(self, BAD_REQUEST, KT_EINVAL, "span is hour or day");
        return;
    }
    kt_history_point_t *points = calloc(KT_HISTORY_POINTS, sizeof *points);
    const size_t        n      = points ? kt_history_read(self->server->history, span, points, &step_s) : 0;
    kt_api_reply(self, points ? history_object(points, n, step_s) : NULL);
    free(points);
}

static size_t
read_listener(void *context, char *out, size_t capacity)
{
    return kt_listener_read(context, out, capacity, WAIT_MS);
}

static void
end_listener(void *context)
{
    kt_listener_t *listener = context;
    kt_listener_destroy(&listener);
}

void
kt_api_events(kt_api_t *self)
{
    kt_listener_t *listener = NULL;
    kt_err_t       err      = kt_listener_new(&listener, self->server->events, self->request->last_event_id);
    if (err) {
        kt_api_fail(self, UNAVAILABLE, err,
                    err == KT_EFULL ? "64 listeners are connected: close one, or ask for pages of jobs"
                                    : "the coordinator is ending");
        return;
    }
    self->response->status = OK;
    self->response->type   = "text/event-stream";
    self->response->stream = (kt_http_stream_t){.context = listener, .read = read_listener, .end = end_listener};
}
